/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report/ratecurve.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static size_t count_points(const struct series *series)
{
	size_t count = 0;

	for (const struct series *s = series; s; s = s->next)
		count += s->count;
	return count;
}

static void fill(struct ratecurve *c, const struct series *series)
{
	double end = -INFINITY, events = 0, seconds = 0;

	for (const struct series *s = series; s; s = s->next) {
		for (size_t i = 0; i < s->count; i++) {
			struct bursts_interval *x = &c->intervals[c->count];

			/* Where a clock was set back, what comes twice is left out: rates stay as they are. */
			x->begin = fmax(s->t[i] - s->dt[i], end);
			x->end = fmax(s->t[i], x->begin);
			x->count = round(s->v[i] * s->dt[i]);
			if (x->begin > s->t[i] - s->dt[i])
				x->count *= (x->end - x->begin) / s->dt[i];
			x->apart = i == 0;
			c->events[c->count] = events;
			c->seconds[c->count] = seconds;
			events += x->count;
			seconds += x->end - x->begin;
			end = x->end;
			c->count++;
		}
	}
	c->events[c->count] = events;
	c->seconds[c->count] = seconds;
}

int ratecurve_read(struct query *query, const struct query_filter *filter,
		   enum sample_source source, struct ratecurve *ret_curve)
{
	static const struct spans_want want = { .key = { .kind = KEY_FIELD, .id = FIELD_EXITS } };
	struct series_options options = { .unmerged = true };
	struct query_filter one = *filter;
	struct series *series = NULL;
	struct ratecurve c = { 0 };
	size_t count;
	int r = distribution_tier(query, filter, source, RATECURVE_MAX, &options.tier);

	one.sources = 1 << source;
	if (r == 0)
		r = series_read(query, &one, &want, 1, &options, &series);
	if (r < 0)
		return r;
	count = count_points(series);
	c.intervals = calloc(count + 1, sizeof(*c.intervals));
	c.events = calloc(count + 1, sizeof(*c.events));
	c.seconds = calloc(count + 1, sizeof(*c.seconds));
	if (!c.intervals || !c.events || !c.seconds)
		r = -ENOMEM;
	if (r == 0) {
		fill(&c, series);
		r = distribution_of_series(series, &c.distribution);
		c.distribution.resolution_ns = rollup_width_ns[options.tier];
	}
	series_free(series);
	if (r < 0 && r != -ENOENT) {
		ratecurve_done(&c);
		return r;
	}
	*ret_curve = c;
	return 0;
}

void ratecurve_done(struct ratecurve *curve)
{
	free(curve->intervals);
	free(curve->events);
	free(curve->seconds);
	*curve = (struct ratecurve){ 0 };
}

/* What was counted before @t. */
static struct ratecurve_part before(const struct ratecurve *c, double t)
{
	size_t low = 0, high = c->count;
	const struct bursts_interval *x;
	double part;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (c->intervals[middle].end < t)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == c->count)
		return (struct ratecurve_part){ c->seconds[low], c->events[low] };
	x = &c->intervals[low];
	part = x->end > x->begin && t > x->begin ? (t - x->begin) / (x->end - x->begin) : 0;
	return (struct ratecurve_part){ c->seconds[low] + part * (x->end - x->begin),
					c->events[low] + part * x->count };
}

struct ratecurve_part ratecurve_between(const struct ratecurve *curve, double from, double to)
{
	struct ratecurve_part a, b;

	if (curve->count == 0 || !(to > from))
		return (struct ratecurve_part){ 0 };
	a = before(curve, from);
	b = before(curve, to);
	return (struct ratecurve_part){ b.seconds - a.seconds, b.events - a.events };
}
