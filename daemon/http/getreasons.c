/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/apipart.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "daemon/form/jsonevents.h"
#include "daemon/form/jsonstats.h"

/* The lists of a boot's samples, as they came. */
static int latest_reasons(struct apipart *c, const struct query_filter *filter,
			  const struct boot *boot)
{
	int r = -ENOENT;

	/* The guest's own first: it has what the host may not be able to read. */
	for (int source = 0; source < SOURCES && r == -ENOENT && boot->number; source++) {
		if (!filter->sources || filter->sources & 1 << source)
			r = jsonevents_reasons(c->query, &c->vm, boot, source, &c->answer->text);
	}
	return r;
}

/* False: answered already. */
static bool parse_sort(struct apipart *c, enum jsonstats_sort *sort, unsigned int *limit)
{
	static const char *const words[] = { "count", "handling", "away" };
	const char *text = params_get(c->params, "sort");
	size_t i = 0;

	while (text && i < sizeof(words) / sizeof(words[0]) && strcmp(words[i], text) != 0)
		i++;
	if (i == sizeof(words) / sizeof(words[0])) {
		answer_fail(c->answer, 400, "sort = '%.40s' is not one of count, handling and away",
			 text);
		return false;
	}
	*sort = i;
	if (params_uint(c->params, "limit", 1, 100000, limit) < 0) {
		answer_fail(c->answer, 400, "%s", c->params->error);
		return false;
	}
	return true;
}

/* The sums of a range. */
static int range_reasons(struct apipart *c, const struct query_filter *filter,
			 const struct boot *boot, enum jsonstats_sort sort, size_t limit)
{
	struct jsonstats about = { .vm = &c->vm, .boot = boot->number ? boot : NULL };
	struct totals totals;
	int r = -ENOENT;

	for (int source = 0; source < SOURCES && r == -ENOENT; source++) {
		about.source = source;
		if (!filter->sources || filter->sources & 1 << source)
			r = totals_read(c->query, filter, source, &totals);
	}
	if (r == 0) {
		r = jsonstats_reasons(&about, &totals, sort, limit, &c->answer->text);
		totals_done(&totals);
	}
	return r;
}

void get_boot_reasons(struct apipart *c)
{
	enum jsonstats_sort sort;
	struct query_filter filter;
	struct boot boot;
	unsigned int limit = UINT_MAX;
	bool as_sent;
	int r;

	if (!apipart_known(c, "boot from to source sort limit") ||
	    !apipart_filter(c, true, &filter, &boot) || !parse_sort(c, &sort, &limit))
		return;
	as_sent = !filter.from_ns && !filter.to_ns && !params_get(c->params, "sort") &&
		  !params_get(c->params, "limit");
	r = as_sent ? latest_reasons(c, &filter, &boot)
		    : range_reasons(c, &filter, &boot, sort, limit);
	if (r == -ENOENT)
		answer_fail(c->answer, 404,
			 "no sample %s has exits by reason; they need the kernel series "
			 "on the host, and an agent that sends them",
			 as_sent ? "of that boot" : "in that range");
	else
		apipart_json(c, r);
}
