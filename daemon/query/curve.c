/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/curve.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/query/rate.h"

#define S 1e9
#define HOLE_NS (RATE_LEAST_S * S)

static int grow(struct curve *c)
{
	double **columns[] = { &c->series->t, &c->series->dt, &c->series->v, &c->series->min,
			       &c->series->max };
	size_t room = c->room ? 2 * c->room : 64;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		double *column = realloc(*columns[i], room * sizeof(double));

		if (!column)
			return -ENOMEM;
		*columns[i] = column;
	}
	c->room = room;
	return 0;
}

/* A rate a second, or the mean level. */
static double mean_of(const struct curve *c, unsigned __int128 sum, uint64_t ns, uint64_t weight)
{
	if (key_type(&c->series->key) == KEY_TYPE_GAUGE)
		return weight ? (double)sum / weight : 0;
	return (double)sum / ns * S * c->scale;
}

static int finish_point(struct curve *c)
{
	struct series *s = c->series;
	int r;

	if (!c->growing)
		return 0;
	if (s->count == c->room) {
		r = grow(c);
		if (r < 0)
			return r;
	}
	s->t[s->count] = c->t_ns / S;
	s->dt[s->count] = c->ns / S;
	s->v[s->count] = s->cumulative ? c->max : mean_of(c, c->sum, c->ns, c->weight);
	s->min[s->count] = c->min;
	s->max[s->count] = c->max;
	s->count++;
	c->growing = false;
	return 0;
}

static bool is_hole(int64_t end_ns, int64_t t_ns, uint64_t ns)
{
	return t_ns - (int64_t)ns - end_ns > HOLE_NS;
}

/* Make what was held part of the point that it follows; else it tells nothing. */
static void settle(struct curve *c)
{
	const struct span *held = &c->held;

	if (held->ns && c->growing && !is_hole(c->t_ns, held->t_ns, held->ns)) {
		c->ns += held->ns;
		c->sum += held->point.sum;
		c->weight += held->point.weight;
		c->t_ns = held->t_ns;
	}
	memset(&c->held, 0, sizeof(c->held));
	c->from_opening = false;
}

/* @span with what was held before it; false if it is held itself. */
static bool take_held(struct curve *c, const struct span *span, struct span *ret_span)
{
	struct span s = *span;
	double least_ns;

	if (c->held.ns && is_hole(c->held.t_ns, s.t_ns, s.ns))
		settle(c);
	c->from_opening |= s.from_opening;
	s.ns += c->held.ns;
	s.point.sum += c->held.point.sum;
	s.point.weight += c->held.point.weight;
	if (s.point.has_rate && c->held.point.has_rate) {
		s.point.min = s.point.min < c->held.point.min ? s.point.min : c->held.point.min;
		s.point.max = s.point.max > c->held.point.max ? s.point.max : c->held.point.max;
	}
	least_ns = (c->from_opening ? RATE_LEAST_FIRST_S : RATE_LEAST_S) * S;
	if (s.ns < least_ns || s.no_rate) {
		c->held = s;
		return false;
	}
	memset(&c->held, 0, sizeof(c->held));
	c->from_opening = false;
	*ret_span = s;
	return true;
}

/* What does not go into the growing point ends it: a hole stays open. */
static int make_place(struct curve *c, const struct span *span)
{
	if (c->growing && (is_hole(c->t_ns, span->t_ns, span->ns) ||
			   c->ns + span->ns > c->width_ns)) {
		int r = finish_point(c);

		if (r < 0)
			return r;
	}
	if (!c->growing) {
		c->growing = true;
		c->ns = c->weight = 0;
		c->sum = 0;
		c->min = INFINITY;
		c->max = -INFINITY;
	}
	c->ns += span->ns;
	c->t_ns = span->t_ns;
	return 0;
}

static double since_base(const struct curve *c, uint64_t value)
{
	return (value >= c->base ? (double)(value - c->base) : -(double)(c->base - value)) *
	       c->scale;
}

static int add_sum(struct curve *c, const struct span *span)
{
	double first = since_base(c, span->point.first), last = since_base(c, span->point.last);
	int r = make_place(c, span);

	if (r < 0)
		return r;
	c->min = first < c->min ? first : c->min;
	c->max = last;
	return 0;
}

static int add_rate(struct curve *c, const struct span *span)
{
	bool level = key_type(&c->series->key) == KEY_TYPE_GAUGE;
	double scale = level ? 1 : c->scale / 1000;
	struct span s;
	double min, max;
	int r;

	if (span->ns == 0 || !take_held(c, span, &s))
		return 0;
	r = make_place(c, &s);
	if (r < 0)
		return r;
	min = max = mean_of(c, s.point.sum, s.ns, s.point.weight);
	if (s.point.has_rate) {
		min = s.point.min * scale;
		max = s.point.max * scale;
	}
	c->sum += s.point.sum;
	c->weight += s.point.weight;
	c->min = min < c->min ? min : c->min;
	c->max = max > c->max ? max : c->max;
	return 0;
}

int curve_add(struct curve *curve, const struct span *span)
{
	return curve->series->cumulative ? add_sum(curve, span) : add_rate(curve, span);
}

/* Two by two: for what has more holes than points shall be. */
static void halve(struct series *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->count; i += 2, count++) {
		size_t k = i + 1 < s->count ? i + 1 : i;
		double dt = k > i ? s->dt[i] + s->dt[k] : s->dt[i];

		if (s->cumulative)
			s->v[count] = s->v[k];
		else
			s->v[count] = k > i ? (s->v[i] * s->dt[i] + s->v[k] * s->dt[k]) / dt
					    : s->v[i];
		s->min[count] = s->min[i] < s->min[k] ? s->min[i] : s->min[k];
		s->max[count] = s->max[i] > s->max[k] ? s->max[i] : s->max[k];
		s->t[count] = s->t[k];
		s->dt[count] = dt;
	}
	s->count = count;
}

int curve_finish(struct curve *curve, size_t points)
{
	int r;

	settle(curve);
	r = finish_point(curve);
	while (r == 0 && curve->series->count > points)
		halve(curve->series);
	return r;
}
