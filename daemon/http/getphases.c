/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "daemon/form/jsonphases.h"
#include "daemon/http/apipart.h"

static int read_phases(struct apipart *c, const struct query_filter *filter,
		       const struct boot *boot, struct phases *ret_phases)
{
	int r = -ENOENT;

	for (int i = 0; i < PHASES_TRIES && r == -ENOENT && boot->number; i++) {
		const struct phases_try *try = &phases_tries[i];

		if (filter->sources && !(filter->sources & 1 << try->source))
			continue;
		r = phases_read(c->query, boot, try->source, ret_phases);
		if (r == 0 && try->with_reasons && !phases_has_reasons(ret_phases)) {
			phases_done(ret_phases);
			r = -ENOENT;
		}
	}
	return r;
}

void get_phases(struct apipart *c)
{
	struct query_filter filter;
	struct phases phases;
	struct boot boot;
	int r;

	if (!apipart_known(c, "boot source") || !apipart_filter(c, true, &filter, &boot))
		return;
	r = read_phases(c, &filter, &boot, &phases);
	if (r == -ENOENT) {
		answer_fail(c->answer, 404, "that boot has no samples%s; /boots lists what there is",
			    filter.sources ? " of that source" : "");
		return;
	}
	if (r == 0) {
		r = jsonphases_text(&c->vm, &phases, &c->answer->text);
		phases_done(&phases);
	}
	apipart_json(c, r);
}
