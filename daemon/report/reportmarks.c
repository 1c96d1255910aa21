/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report/reportmarks.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "daemon/query/eventquery.h"
#include "daemon/query/querypart.h"

struct marking {
	struct report *report;
	const struct boot *boot;
	size_t first;			/* mark of that boot */
	double from;			/* of the range */
	bool forgot;			/* what ended before that, in this boot */
};

static void forget_ended(struct marking *m)
{
	struct report *r = m->report;
	size_t kept = m->first;

	for (size_t i = m->first; i < r->marks_count; i++) {
		if (r->marks[i].is_open || r->marks[i].to >= m->from)
			r->marks[kept++] = r->marks[i];
	}
	r->marks_count = kept;
	m->forgot = true;
}

static int add_mark(void *ctx, const struct mark *mark)
{
	struct marking *m = ctx;
	struct report *r = m->report;
	double t = mark->t_ns / 1e9;

	if (mark->kind == PROTO_MARK_END) {
		for (size_t i = r->marks_count; i-- > m->first;) {
			if (r->marks[i].sequence != mark->begin || !r->marks[i].is_open)
				continue;
			r->marks[i].is_open = false;
			r->marks[i].to = fmax(t, r->marks[i].from);
			r->marks[i].has_status = mark->has_status;
			r->marks[i].status = mark->status;
			break;
		}
		return 0;
	}
	if (mark->kind != PROTO_MARK_BEGIN && mark->kind != PROTO_MARK_INSTANT)
		return 0;
	/* What ended before the range makes room for what is in it. */
	if (r->marks_count == REPORT_MARKS_MAX && !m->forgot)
		forget_ended(m);
	if (r->marks_count == REPORT_MARKS_MAX)
		return 0;
	r->marks[r->marks_count] = (struct report_mark){
		.sequence = mark->sequence,
		.instant = mark->kind == PROTO_MARK_INSTANT,
		.is_open = mark->kind == PROTO_MARK_BEGIN,
		.from = t,
		.to = t,
	};
	memcpy(r->marks[r->marks_count].label, mark->label, sizeof(mark->label));
	r->marks_count++;
	return 0;
}

/* What has no end goes on to the end of its boot, unless the end may be one that was not read. */
static void end_open(struct marking *m, bool all)
{
	struct report *r = m->report;
	double end = m->boot->closed_ns ? m->boot->closed_ns / 1e9 : r->to;
	size_t kept = m->first;

	for (size_t i = m->first; i < r->marks_count; i++) {
		if (r->marks[i].is_open && !all)
			continue;
		if (r->marks[i].is_open)
			r->marks[i].to = fmax(end, r->marks[i].from);
		r->marks[kept++] = r->marks[i];
	}
	r->marks_count = kept;
}

static void keep_overlapping(struct report *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->marks_count; i++) {
		struct report_mark *mark = &r->marks[i];

		if (mark->to < r->from || mark->from > r->to)
			continue;
		mark->part = ratecurve_between(&r->curve, mark->from, mark->to);
		r->marks[kept++] = *mark;
	}
	r->marks_count = kept;
}

static int by_length(const void *a, const void *b)
{
	const struct report_mark *x = *(const struct report_mark *const *)a;
	const struct report_mark *y = *(const struct report_mark *const *)b;
	double d = (y->to - y->from) - (x->to - x->from);

	return d < 0 ? -1 : d > 0 ? 1 : x < y ? -1 : x > y;
}

static int by_place(const void *a, const void *b)
{
	const struct report_mark *x = *(const struct report_mark *const *)a;
	const struct report_mark *y = *(const struct report_mark *const *)b;

	return x < y ? -1 : x > y;
}

static int choose_intervals(struct report *r)
{
	const struct report_mark **all = calloc(r->marks_count + 1, sizeof(*all));
	size_t count = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < r->marks_count; i++) {
		if (!r->marks[i].instant)
			all[count++] = &r->marks[i];
	}
	r->intervals_all = count;
	qsort(all, count, sizeof(*all), by_length);
	count = count < REPORT_INTERVALS ? count : REPORT_INTERVALS;
	qsort(all, count, sizeof(*all), by_place);
	memcpy(r->intervals, all, count * sizeof(*all));
	r->intervals_count = count;
	free(all);
	return 0;
}

int reportmarks_read(struct query *query, const struct query_filter *filter, struct report *report)
{
	struct marking m = { .report = report, .from = filter->from_ns / 1e9 };
	/* When one ends that goes on behind the range is told, too. */
	const struct query_filter on = { .from_ns = filter->from_ns };
	struct boot *boots;
	size_t count;
	bool all = false;
	int r = query_part_boots(query, filter, &boots, &count);

	if (r < 0)
		return r;
	report->marks = calloc(REPORT_MARKS_MAX, sizeof(*report->marks));
	if (!report->marks)
		r = -ENOMEM;
	for (size_t i = 0; i < count && r == 0 && report->marks_count < REPORT_MARKS_MAX; i++) {
		m.boot = &boots[i];
		m.first = report->marks_count;
		m.forgot = false;
		r = eventquery_intervals(query, &boots[i], &on, add_mark, &m, &all);
		end_open(&m, all);
	}
	free(boots);
	if (r < 0)
		return r;
	keep_overlapping(report);
	return choose_intervals(report);
}
