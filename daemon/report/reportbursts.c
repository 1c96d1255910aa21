/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report/reportbursts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Times went through seconds since the epoch; intervals are not that short. */
#define INSTANT_NS 500000

/* A smaller share of a burst and of a mark in common does not tell anything. */
#define TOUCHES 0.1

static enum report_stability stability_of(const struct report *r)
{
	const struct distribution *d = &r->curve.distribution;

	if (!r->bursts.enough || !d->has_dispersion)
		return REPORT_UNKNOWN;
	if (r->burst_share >= REPORT_BURSTY_SHARE || r->variation >= REPORT_BURSTY_VARIATION)
		return REPORT_BURSTY;
	return r->variation <= REPORT_STEADY_VARIATION ? REPORT_STEADY : REPORT_UNEVEN;
}

int reportbursts_find(struct report *report)
{
	const struct ratecurve *c = &report->curve;
	const struct distribution *d = &c->distribution;
	double excess = 0;
	int r = bursts_find(c->intervals, c->count, &report->bursts);

	if (r < 0)
		return r;
	for (size_t i = 0; i < report->bursts.count; i++)
		excess += fmax(0, report->bursts.list[i].excess);
	report->burst_share = c->count && c->events[c->count] > 0 ? excess / c->events[c->count] : 0;
	/* The dispersion is (count - 1)^-1 * sum of (v - mean)^2 * seconds / mean. */
	if (d->has_dispersion)
		report->variation = sqrt(d->dispersion * (d->count - 1) / (d->mean * d->seconds));
	report->stability = stability_of(report);
	return 0;
}

static int by_excess(const void *a, const void *b)
{
	const struct burst *x = a, *y = b;

	return x->excess > y->excess ? -1 : x->excess < y->excess ? 1 : x->from < y->from ? -1 : 1;
}

static int by_time(const void *a, const void *b)
{
	const struct report_burst *x = a, *y = b;

	return x->burst.from < y->burst.from ? -1 : x->burst.from > y->burst.from;
}

static int choose(struct report *r)
{
	size_t count = r->bursts.count;
	struct burst *sorted;

	if (count == 0)
		return 0;
	sorted = malloc(count * sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, r->bursts.list, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_excess);
	for (size_t i = 0; i < count && i < REPORT_BURSTS; i++)
		r->burst[r->burst_count++].burst = sorted[i];
	free(sorted);
	qsort(r->burst, r->burst_count, sizeof(r->burst[0]), by_time);
	return 0;
}

/* How long @mark and the burst have in common. */
static double overlap(const struct report_burst *b, const struct report_mark *mark)
{
	return fmin(mark->to, b->burst.to) - fmax(mark->from, b->burst.from);
}

/* Those that have most in common with it, not those that only touch it. */
static void find_marks(struct report *r, struct report_burst *b)
{
	for (size_t i = 0; i < r->marks_count; i++) {
		const struct report_mark *mark = &r->marks[i];
		double common = overlap(b, mark);
		size_t at = b->marks_count;

		if (common < 0 || common < TOUCHES * fmin(b->burst.to - b->burst.from, mark->to - mark->from))
			continue;
		b->marks_all++;
		while (at > 0 && overlap(b, b->marks[at - 1]) < common)
			at--;
		if (at == REPORT_NAMES)
			continue;
		if (b->marks_count < REPORT_NAMES)
			b->marks_count++;
		for (size_t k = b->marks_count - 1; k > at; k--)
			b->marks[k] = b->marks[k - 1];
		b->marks[at] = mark;
	}
}

static void find_names(const struct sums *sums, struct report_burst *b)
{
	for (size_t i = 0; i < sums->names_count; i++) {
		const struct sums_name *name = &sums->names[i];

		if (name->kind == KEY_PROCESS && b->processes_count < REPORT_NAMES)
			b->processes[b->processes_count++] = *name;
		else if (name->kind == KEY_UNIT && b->units_count < REPORT_NAMES)
			b->units[b->units_count++] = *name;
	}
}

/* How often a reason came in the whole range. */
static uint64_t count_of(const struct totals *totals, uint32_t number)
{
	for (size_t i = 0; i < totals->count; i++) {
		if (totals->reasons[i].number == number)
			return totals->reasons[i].count;
	}
	return 0;
}

/* Keep the list of those that grew most. */
static void add_contrast(struct report_burst *b, const struct report_contrast *contrast)
{
	double growth = contrast->rate - contrast->elsewhere;
	size_t at = b->reasons_count;

	if (growth <= 0)
		return;
	while (at > 0 && b->reasons[at - 1].rate - b->reasons[at - 1].elsewhere < growth)
		at--;
	if (at == REPORT_NAMES)
		return;
	if (b->reasons_count < REPORT_NAMES)
		b->reasons_count++;
	for (size_t i = b->reasons_count - 1; i > at; i--)
		b->reasons[i] = b->reasons[i - 1];
	b->reasons[at] = *contrast;
}

static void find_reasons(const struct report *r, const struct totals *in, struct report_burst *b)
{
	double rest_s = r->totals.covered_s - in->covered_s;

	for (size_t i = 0; i < in->count && in->covered_s > 0; i++) {
		uint64_t all = count_of(&r->totals, in->reasons[i].number), here = in->reasons[i].count;
		struct report_contrast contrast = {
			.number = in->reasons[i].number,
			.rate = here / in->covered_s,
			.elsewhere = rest_s > 0 && all > here ? (all - here) / rest_s : 0,
		};

		add_contrast(b, &contrast);
	}
}

static int look_into(struct query *query, const struct query_filter *filter, struct report *report,
		     struct report_burst *b)
{
	struct query_filter in = *filter;
	struct totals totals;
	struct sums sums;
	int r;

	/* The intervals that end in it. */
	in.from_ns = (int64_t)(b->burst.from * 1e9) + INSTANT_NS;
	in.to_ns = (int64_t)(b->burst.to * 1e9) + INSTANT_NS;
	find_marks(report, b);
	r = sums_read(query, &in, SOURCE_GUEST, true, &sums);
	if (r < 0)
		return r;
	find_names(&sums, b);
	sums_done(&sums);
	if (!report->has_reasons)
		return 0;
	r = totals_read(query, &in, report->source, &totals);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	find_reasons(report, &totals, b);
	totals_done(&totals);
	return 0;
}

int reportbursts_read(struct query *query, const struct query_filter *filter,
		      struct report *report)
{
	int r = choose(report);

	for (size_t i = 0; i < report->burst_count && r == 0; i++)
		r = look_into(query, filter, report, &report->burst[i]);
	return r;
}
