/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apipart.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/query/exportevents.h"

/* The interval of a mark, where one is asked for. False: answered already. */
static bool parse_mark(struct apipart *c, struct query_filter *filter)
{
	const char *mark = params_get(c->params, "mark");
	int r = 0;

	if (mark && (filter->from_ns || filter->to_ns))
		answer_fail(c->answer, 400, "mark names a range: from and to have no place beside it");
	else if (mark)
		r = exportevents_interval(c->query, mark, filter);
	if (r == -ENOENT)
		answer_fail(c->answer, 404,
			 "no interval is marked '%.64s'; /marks lists what is: a label, or the "
			 "sequence of a begin", mark);
	else if (r < 0)
		apipart_fail_reading(c, r);
	return r == 0 && c->answer->status == 0;
}

/* Where to go on. False: answered already. */
static bool parse_after(struct apipart *c, const struct query_filter *filter, uint64_t *ret_after)
{
	*ret_after = 0;
	if (params_u64(c->params, "after", ret_after) < 0) {
		answer_fail(c->answer, 400, "%s", c->params->error);
		return false;
	}
	if (*ret_after && (!filter->boot || (filter->sources & (filter->sources - 1)) ||
			   !filter->sources)) {
		answer_fail(c->answer, 400,
			 "after goes on within one boot and source: name both, boot and source");
		return false;
	}
	return true;
}

static void get_export(struct apipart *c, enum exporter_format format, const char *known)
{
	struct exportwalk_filter what;
	struct boot boot;
	int r;

	if (!apipart_known(c, known) || !apipart_filter(c, false, &what.filter, &boot) ||
	    !parse_mark(c, &what.filter) || !parse_after(c, &what.filter, &what.after))
		return;
	r = exporter_new(c->query, &c->vm, &what, format, &c->answer->exporter);
	if (r < 0) {
		apipart_fail_reading(c, r);
		return;
	}
	c->answer->status = 200;
	c->answer->kind = ANSWER_EXPORT;
	c->answer->type = exporter_type(format);
	snprintf(c->answer->file, sizeof(c->answer->file), "vmexit-%s.%s", c->vm.key,
		 exporter_suffix(format));
}

void get_csv(struct apipart *c)
{
	const char *form = params_get(c->params, "form");

	if (form && strcmp(form, "wide") != 0 && strcmp(form, "long") != 0) {
		answer_fail(c->answer, 400, "form = '%.40s' is neither 'wide' nor 'long'", form);
		return;
	}
	get_export(c, form && *form == 'l' ? EXPORTER_LONG : EXPORTER_WIDE,
		   "boot from to source mark after form");
}

void get_jsonl(struct apipart *c)
{
	get_export(c, EXPORTER_JSONL, "boot from to source mark after");
}
