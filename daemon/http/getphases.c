/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "daemon/form/jsonphases.h"
#include "daemon/http/apipart.h"

void get_phases(struct apipart *c)
{
	struct query_filter filter;
	struct phases phases;
	struct boot boot;
	int r = -ENOENT;

	if (!apipart_known(c, "boot source") || !apipart_filter(c, true, &filter, &boot))
		return;
	for (int source = 0; source < SOURCES && r == -ENOENT && boot.number; source++) {
		if (!filter.sources || filter.sources & 1 << source)
			r = phases_read(c->query, &boot, source, &phases);
	}
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
