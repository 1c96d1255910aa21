/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apicurves.h"

#include <errno.h>

#include "daemon/form/jsonseries.h"
#include "daemon/form/jsonstats.h"

void get_series(struct apipart *c)
{
	struct apicurves s;
	struct jsonseries about = { .vm = &c->vm, .filter = &s.filter };

	if (!apipart_known(c, "boot from to points source kind reason vcpu name mode align") ||
	    !apicurves_select(c, SERIES_WANTS_MAX, &s) || !apicurves_read(c, &s))
		return;
	about.boot = s.boot.number ? &s.boot : NULL;
	about.cumulative = s.selection.options.cumulative;
	about.since_boot = s.selection.since_boot;
	apipart_json(c, jsonseries_text(&about, s.series, &c->answer->text));
	series_free(s.series);
}

void get_distribution(struct apipart *c)
{
	struct jsonstats about = { .vm = &c->vm };
	struct distribution distribution;
	const struct spans_want *want;
	struct apicurves s;
	int r = -ENOENT;

	if (!apipart_known(c, "boot from to source kind reason vcpu name") ||
	    !apicurves_select(c, 1, &s))
		return;
	want = &s.selection.wants[0];
	if (s.selection.count > 1 || want->any) {
		answer_fail(c->answer, 400, "a distribution is of one curve: name one reason, vcpu or name");
		return;
	}
	about.boot = s.boot.number ? &s.boot : NULL;
	for (int source = 0; source < SOURCES && r == -ENOENT; source++) {
		about.source = source;
		if (!s.filter.sources || s.filter.sources & 1 << source)
			r = distribution_read(c->query, &s.filter, source, want, &distribution);
	}
	if (r == 0)
		r = jsonstats_distribution(&about, &want->key, &distribution, &c->answer->text);
	if (r == -ENOENT)
		answer_fail(c->answer, 404, "there is no %s in that range; /series shows what there is",
			 kind_name(&want->key));
	else
		apipart_json(c, r);
}
