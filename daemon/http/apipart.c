/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apipart.h"

#include <errno.h>
#include <string.h>

void apipart_fail(struct answer *answer, int r)
{
	if (r == -ETIMEDOUT)
		answer_fail(answer, 503, "reading that takes too long; ask for a shorter range");
	else if (r == -E2BIG)
		answer_fail(answer, 400,
			    "those are more boots than can be read together; ask for a shorter range");
	else if (r == -ECANCELED)
		answer_fail(answer, 503, "vmexitd is ending; try again when it runs");
	else
		answer_fail(answer, r == -ENOMEM ? 503 : 500,
			    "the database could not be read (%s); vmexitd's log says more",
			    strerror(-r));
}

void apipart_fail_reading(struct apipart *c, int r)
{
	c->took_too_long = r == -ETIMEDOUT;
	apipart_fail(c->answer, r);
}

bool apipart_known(struct apipart *c, const char *known)
{
	if (params_check(c->params, known) == 0)
		return true;
	answer_fail(c->answer, 400, "%s", c->params->error);
	return false;
}

void apipart_json(struct apipart *c, int r)
{
	if (r < 0) {
		apipart_fail_reading(c, r);
		return;
	}
	c->answer->status = 200;
	c->answer->kind = ANSWER_TEXT;
	c->answer->type = ANSWER_JSON;
}

bool apipart_vm(struct apipart *c, const char *name)
{
	int r = query_vm(c->query, name, &c->vm);

	if (r == -ENOENT)
		answer_fail(c->answer, 404,
			 "there is no VM '%.64s'; /api/v1/vms lists those there are", name);
	else if (r < 0)
		apipart_fail_reading(c, r);
	return r == 0;
}

bool apipart_filter(struct apipart *c, bool latest_by_default, struct query_filter *filter,
		    struct boot *boot)
{
	const char *number = params_get(c->params, "boot");
	const char *source = params_get(c->params, "source");
	unsigned int n = 0;
	int r;

	memset(filter, 0, sizeof(*filter));
	memset(boot, 0, sizeof(*boot));
	filter->vm_id = c->vm.id;
	r = params_time(c->params, "from", &filter->from_ns);
	if (r == 0)
		r = params_time(c->params, "to", &filter->to_ns);
	if (r == 0 && number && strcmp(number, "latest") != 0)
		r = params_uint(c->params, "boot", 1, UINT32_MAX, &n);
	if (r < 0) {
		answer_fail(c->answer, 400, "%s", c->params->error);
		return false;
	}
	if (filter->to_ns && filter->from_ns > filter->to_ns) {
		answer_fail(c->answer, 400, "from is later than to");
		return false;
	}
	if (source && strcmp(source, "guest") == 0) {
		filter->sources = 1 << SOURCE_GUEST;
	} else if (source && strcmp(source, "host") == 0) {
		filter->sources = 1 << SOURCE_HOST;
	} else if (source) {
		answer_fail(c->answer, 400, "source = '%.40s' is neither 'guest' nor 'host'", source);
		return false;
	}
	if (!number && !(latest_by_default && !filter->from_ns && !filter->to_ns))
		return true;
	r = query_boot(c->query, c->vm.id, n, boot);
	if (r == -ENOENT && n > 0)
		answer_fail(c->answer, 404, "VM '%s' has no boot %u; its /boots lists those there are",
			 c->vm.name, n);
	else if (r < 0 && r != -ENOENT)
		apipart_fail_reading(c, r);
	/* A VM that never ran has no latest boot; that is no error. */
	filter->boot = r == 0 ? boot->number : 0;
	return r == 0 || (r == -ENOENT && n == 0);
}
