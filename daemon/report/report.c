/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "daemon/query/eventquery.h"
#include "daemon/query/querypart.h"
#include "daemon/query/spans.h"
#include "daemon/report/reportbursts.h"
#include "daemon/report/reportfacts.h"
#include "daemon/report/reportmarks.h"

/* So much less than all of the time may be covered by a report that is complete. */
#define UNCOVERED_S 0.001

/* What JSON's integers have room for. */
#define EXITS_MAX 9e18

static bool admits(const struct query_filter *filter, enum sample_source source)
{
	return !filter->sources || filter->sources & 1U << source;
}

/* The guest's own sums, and those of the source that the report is by. */
static int read_sums(struct query *query, const struct query_filter *filter, struct report *r)
{
	int e = sums_read(query, filter, SOURCE_GUEST, true, &r->guest);

	for (enum sample_source source = 0; source < SOURCES && e == 0 && !r->has_source; source++) {
		struct sums sums;

		if (!admits(filter, source))
			continue;
		e = sums_read(query, filter, source, false, &sums);
		if (e < 0)
			break;
		r->has_source = sums.has >> FIELD_EXITS & 1;
		if (r->has_source) {
			r->source = source;
			r->sums = sums;
		} else {
			sums_done(&sums);
		}
	}
	return e;
}

/* Also those over gaps: what the counters grew by, boot by boot. */
static int read_exits(struct query *query, const struct query_filter *filter, struct report *r)
{
	static const struct spans_want want = { .key = { .kind = KEY_FIELD, .id = FIELD_EXITS } };
	struct series_options options = { .points = SERIES_POINTS_MIN, .cumulative = true };
	struct query_filter one = *filter;
	struct series *series;
	int e;

	one.sources = 1 << r->source;
	e = series_read(query, &one, &want, 1, &options, &series);
	if (e < 0)
		return e;
	for (const struct series *s = series; s; s = s->next) {
		double first = INFINITY, last = -INFINITY;

		for (size_t i = 0; i < s->count; i++) {
			first = fmin(first, s->min[i]);
			last = fmax(last, s->max[i]);
		}
		/* A guest may claim anything. */
		if (last > first)
			r->exits += (uint64_t)fmin(round(last - first), EXITS_MAX);
	}
	series_free(series);
	if (r->exits < r->sums.exits)
		r->exits = r->sums.exits;
	return 0;
}

static int by_count(const void *a, const void *b)
{
	const struct totals_reason *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static int read_reasons(struct query *query, const struct query_filter *filter, struct report *r)
{
	int e = totals_read(query, filter, r->source, &r->totals);
	struct totals *t = &r->totals;
	size_t kept = 0;

	if (e < 0)
		return e == -ENOENT ? 0 : e;
	r->has_reasons = true;
	for (size_t i = 0; i < t->count; i++) {
		if (t->reasons[i].count || t->reasons[i].away_cycles)
			t->reasons[kept++] = t->reasons[i];
	}
	t->count = kept;
	if (kept)
		qsort(t->reasons, kept, sizeof(*t->reasons), by_count);
	return 0;
}

static int read_stack(struct query *query, const struct query_filter *filter, struct report *r)
{
	uint32_t numbers[STACK_REASONS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < r->totals.count && count < STACK_REASONS_MAX - 1; i++) {
		if (r->totals.reasons[i].count)
			numbers[count++] = r->totals.reasons[i].number;
	}
	if (!(r->to > r->from))
		return 0;
	return stack_read(query, filter, r->source, r->from, r->to, numbers, count, &r->stack);
}

static int add_gap(void *ctx, enum sample_source source, const struct range *range)
{
	struct report *r = ctx;
	double from = fmax(range->from_ns / 1e9, r->from), to = fmin(range->to_ns / 1e9, r->to);
	int cause = range->cause >= 0 && range->cause <= GAP_DISK ? range->cause : GAP_UNKNOWN;

	(void)source;
	r->limits.gaps++;
	r->limits.gap_s += to > from ? to - from : 0;
	r->limits.gap_samples += range->count > 0 ? range->count : 0;
	r->limits.gap_causes[cause]++;
	return 0;
}

static int add_quarantine(void *ctx, enum sample_source source, const struct range *range)
{
	struct report *r = ctx;

	(void)source;
	r->limits.quarantines++;
	r->limits.quarantined_samples += range->count > 0 ? range->count : 0;
	r->limits.quarantine_cause = range->cause;
	return 0;
}

static int read_limits(struct query *query, const struct query_filter *filter, struct report *r)
{
	struct query_filter gaps = *filter, lies = *filter;
	struct boot *boots;
	size_t count;
	int e = query_part_boots(query, filter, &boots, &count);

	if (e < 0)
		return e;
	/* What a guest is not believed limits also what the host's numbers are compared with. */
	gaps.sources = 1 << r->source;
	lies.sources = 1 << SOURCE_GUEST;
	for (size_t i = 0; i < count && e == 0; i++) {
		e = eventquery_ranges(query, &boots[i], RANGE_GAP, &gaps, add_gap, r);
		if (e == 0)
			e = eventquery_ranges(query, &boots[i], RANGE_QUARANTINE, &lies,
					      add_quarantine, r);
	}
	free(boots);
	return e;
}

/* What is not covered is gaps, where it is not between boots. */
static void measure_gaps(struct report *r)
{
	double missing = r->to - r->from - r->curve.distribution.seconds;

	if (r->limits.gaps && r->boots_all == 1 && r->curve.count)
		r->limits.gap_s = fmax(r->limits.gap_s, missing);
}

static int read_boots(struct query *query, const struct query_filter *filter, struct report *r)
{
	struct boot *boots;
	size_t count;
	int e = query_part_boots(query, filter, &boots, &count);

	if (e < 0)
		return e;
	r->boots_all = count;
	while (count > 0 && r->boots_count < REPORT_BOOTS)
		r->boots[r->boots_count++] = boots[--count];
	free(boots);
	for (enum sample_source source = 0; source < SOURCES && r->has_boot && e == 0; source++) {
		e = query_span(query, &r->boot, source, &r->spans[source]);
		r->has_span[source] = e == 0;
		e = e == -ENOENT ? 0 : e;
	}
	return e;
}

static int read_phases(struct query *query, struct report *r)
{
	int e;

	if (!r->has_boot || r->is_part)
		return 0;
	e = phases_read(query, &r->boot, r->source, &r->phases);
	r->has_phases = e == 0;
	return e == -ENOENT ? 0 : e;
}

static void find_times(const struct query_filter *filter, struct report *r)
{
	const struct distribution *d = &r->curve.distribution;

	if (r->curve.count) {
		r->from = d->from;
		r->to = d->to;
	} else {
		r->from = (filter->from_ns ? filter->from_ns : r->boot.opened_ns) / 1e9;
		r->to = (filter->to_ns ? filter->to_ns : r->boot.closed_ns) / 1e9;
		r->to = fmax(r->from, r->to);
	}
	r->complete = r->has_boot && !r->is_part && r->boot.cause == BOOT_CREATED && r->curve.count &&
		      r->to - r->from - d->seconds < UNCOVERED_S;
}

/* What needs exits to be there. */
static int read_counted(struct query *query, const struct query_filter *filter, struct report *r)
{
	int e = read_exits(query, filter, r);

	if (e == 0)
		e = read_reasons(query, filter, r);
	if (e == 0)
		e = read_stack(query, filter, r);
	if (e == 0)
		e = reportbursts_find(r);
	if (e == 0)
		e = reportbursts_read(query, filter, r);
	if (e == 0)
		e = read_phases(query, r);
	return e;
}

/* Samples that come while this is read shall be in none of it, rather than in some. */
static int end_now(struct query *query, struct query_filter *filter)
{
	struct boot *boots;
	size_t count;
	int e;

	if (filter->to_ns)
		return 0;
	e = query_part_boots(query, filter, &boots, &count);
	if (e < 0)
		return e;
	for (size_t i = 0; i < count && e == 0; i++) {
		for (enum sample_source source = 0; source < SOURCES && e == 0; source++) {
			struct spans_of of = { &boots[i], source, INT64_MIN, INT64_MAX };
			int64_t from_ns, to_ns;

			e = spans_times(query, &of, &from_ns, &to_ns);
			if (e == 0 && to_ns > filter->to_ns)
				filter->to_ns = to_ns;
			e = e == -ENOENT ? 0 : e;
		}
	}
	free(boots);
	return e;
}

static int read_all(struct query *query, const struct query_filter *filter, struct report *r)
{
	int e = read_boots(query, filter, r);

	if (e == 0)
		e = read_sums(query, filter, r);
	if (e == 0 && r->has_source)
		e = ratecurve_read(query, filter, r->source, &r->curve);
	find_times(filter, r);
	if (e == 0)
		e = reportmarks_read(query, filter, r);
	if (e == 0 && r->has_source)
		e = read_counted(query, filter, r);
	if (e == 0)
		e = read_limits(query, filter, r);
	measure_gaps(r);
	return e;
}

int report_read(struct query *query, const struct query_vm *vm, const struct boot *boot,
		const struct query_filter *filter, struct report **ret_report)
{
	struct report *r = calloc(1, sizeof(*r));
	struct query_filter until_now = *filter;
	int e;

	if (!r)
		return -ENOMEM;
	r->vm = *vm;
	r->has_boot = boot != NULL;
	if (boot)
		r->boot = *boot;
	r->is_part = boot && (filter->from_ns || filter->to_ns);
	e = end_now(query, &until_now);
	if (e == 0)
		e = read_all(query, &until_now, r);
	if (e < 0) {
		report_free(r);
		return e;
	}
	reportfacts_find(r);
	*ret_report = r;
	return 0;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	sums_done(&report->sums);
	sums_done(&report->guest);
	ratecurve_done(&report->curve);
	bursts_done(&report->bursts);
	totals_done(&report->totals);
	if (report->has_phases)
		phases_done(&report->phases);
	free(report->marks);
	free(report);
}
