/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/stats/correlation.h"

#include <errno.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* What deviates by less, as a part of the greatest, is how sums are rounded. */
#define SAME 1e-6

/* A lag is better than a shorter one by more than rounding. */
#define BETTER 1e-9

struct correlation_curve {
	size_t count;
	double *v;			/* less the mean, 0 where there is no value */
	double *has;			/* 1 where there is one, else 0 */
	double *square;			/* v^2 */
	uint32_t *order;		/* cells with a value, ascending by it */
	size_t ordered;
	double greatest;		/* |value| */
	double mean;
};

static int by_value(const void *a, const void *b, void *values)
{
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	double x = ((const double *)values)[i], y = ((const double *)values)[k];

	return x < y ? -1 : x > y ? 1 : (i > k) - (i < k);
}

static void centre(struct correlation_curve *c, const double *values)
{
	double sum = 0;

	for (size_t i = 0; i < c->count; i++) {
		if (isnan(values[i]))
			continue;
		sum += values[i];
		c->greatest = fmax(c->greatest, fabs(values[i]));
		c->order[c->ordered++] = i;
	}
	c->mean = c->ordered ? sum / c->ordered : 0;
	for (size_t i = 0; i < c->count; i++) {
		c->has[i] = !isnan(values[i]);
		c->v[i] = c->has[i] ? values[i] - c->mean : 0;
		c->square[i] = c->v[i] * c->v[i];
	}
}

struct correlation_curve *correlation_curve_new(const double *values, size_t count)
{
	struct correlation_curve *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->count = count;
	c->v = calloc(count + 1, sizeof(*c->v));
	c->has = calloc(count + 1, sizeof(*c->has));
	c->square = calloc(count + 1, sizeof(*c->square));
	c->order = calloc(count + 1, sizeof(*c->order));
	if (!c->v || !c->has || !c->square || !c->order) {
		correlation_curve_free(c);
		return NULL;
	}
	centre(c, values);
	qsort_r(c->order, c->ordered, sizeof(*c->order), by_value, (void *)values);
	return c;
}

void correlation_curve_free(struct correlation_curve *curve)
{
	if (!curve)
		return;
	free(curve->v);
	free(curve->has);
	free(curve->square);
	free(curve->order);
	free(curve);
}

/* Sums over the pairs at one lag, of values less their curve's mean. */
struct sums {
	double n, x, y, xx, yy, xy;
};

/* The cells of y that have one of x at @lag in the same part. */
static struct correlation_part overlap(const struct correlation_part *part, int lag)
{
	struct correlation_part p = *part;

	if (lag > 0)
		p.begin += (size_t)lag < p.end - p.begin ? (size_t)lag : p.end - p.begin;
	else
		p.end -= (size_t)-lag < p.end - p.begin ? (size_t)-lag : p.end - p.begin;
	return p;
}

static void add_part(const struct correlation_curve *x, const struct correlation_curve *y,
		     const struct correlation_part *part, int lag, struct sums *s)
{
	struct correlation_part p = overlap(part, lag);
	double n = 0, sx = 0, sy = 0, xx = 0, yy = 0, xy = 0;

	for (size_t i = p.begin; i < p.end; i++) {
		size_t k = i - lag;

		n += x->has[k] * y->has[i];
		sx += x->v[k] * y->has[i];
		sy += x->has[k] * y->v[i];
		xx += x->square[k] * y->has[i];
		yy += x->has[k] * y->square[i];
		xy += x->v[k] * y->v[i];
	}
	s->n += n;
	s->x += sx;
	s->y += sy;
	s->xx += xx;
	s->yy += yy;
	s->xy += xy;
}

static bool is_constant(double sum, double square, double n, double greatest)
{
	double variance = (square - sum * sum / n) / n;

	return !(variance > SAME * SAME * greatest * greatest);
}

static enum correlation_why try_lag(const struct correlation_curve *x,
				    const struct correlation_curve *y,
				    const struct correlation_part *parts, size_t parts_count,
				    int lag, struct sums *sums, double *ret_r)
{
	struct sums s = { 0 };

	for (size_t i = 0; i < parts_count; i++)
		add_part(x, y, &parts[i], lag, &s);
	*sums = s;
	if (s.n < CORRELATION_PAIRS_MIN)
		return s.n > 0 ? CORRELATION_FEW : CORRELATION_NONE;
	if (is_constant(s.x, s.xx, s.n, x->greatest))
		return CORRELATION_X_CONSTANT;
	if (is_constant(s.y, s.yy, s.n, y->greatest))
		return CORRELATION_Y_CONSTANT;
	*ret_r = (s.xy - s.x * s.y / s.n) /
		 sqrt((s.xx - s.x * s.x / s.n) * (s.yy - s.y * s.y / s.n));
	return CORRELATION_KNOWN;
}

/* 0, 1, -1, 2, -2, ... */
static int lag_of(int i)
{
	return i % 2 ? (i + 1) / 2 : -(i / 2);
}

/* The pairs of one lag, in their order, as two columns. */
struct pairs {
	size_t n;
	double *x, *y, *x_rank, *y_rank;
	uint32_t *place;		/* of cells: their pair + 1, or 0 */
};

static void pairs_done(struct pairs *p)
{
	free(p->x);
	free(p->y);
	free(p->x_rank);
	free(p->y_rank);
	free(p->place);
}

static int pairs_make(struct pairs *p, size_t n, size_t cells)
{
	*p = (struct pairs){
		.x = malloc(n * sizeof(double)),
		.y = malloc(n * sizeof(double)),
		.x_rank = malloc(n * sizeof(double)),
		.y_rank = malloc(n * sizeof(double)),
		.place = malloc(cells * sizeof(uint32_t)),
	};
	return p->x && p->y && p->x_rank && p->y_rank && p->place ? 0 : -ENOMEM;
}

static void pairs_fill(struct pairs *p, const struct correlation_curve *x,
		       const struct correlation_curve *y, const struct correlation_part *parts,
		       size_t parts_count, int lag)
{
	for (size_t part = 0; part < parts_count; part++) {
		struct correlation_part o = overlap(&parts[part], lag);

		for (size_t i = o.begin; i < o.end; i++) {
			if (x->has[i - lag] == 0 || y->has[i] == 0)
				continue;
			p->x[p->n] = x->v[i - lag];
			p->y[p->n++] = y->v[i];
		}
	}
}

/* Which of @c's cells, @shift before those of y, is in which pair. */
static void place_cells(struct pairs *p, const struct correlation_curve *x,
			const struct correlation_curve *y, const struct correlation_part *parts,
			size_t parts_count, int lag, int shift)
{
	size_t n = 0;

	for (size_t i = 0; i < x->count; i++)
		p->place[i] = 0;
	for (size_t part = 0; part < parts_count; part++) {
		struct correlation_part o = overlap(&parts[part], lag);

		for (size_t i = o.begin; i < o.end; i++) {
			if (x->has[i - lag] != 0 && y->has[i] != 0)
				p->place[i - shift] = ++n;
		}
	}
}

/* Ranks from the curve's order: sorted once, however many pairs it is in. */
static void rank(const struct pairs *p, const struct correlation_curve *c, double *ranks)
{
	size_t below = 0;

	for (size_t i = 0, end; i < c->ordered; i = end) {
		double value = c->v[c->order[i]];
		size_t equal = 0;

		for (end = i; end < c->ordered && c->v[c->order[end]] == value; end++)
			equal += p->place[c->order[end]] != 0;
		for (size_t k = i; k < end; k++) {
			uint32_t place = p->place[c->order[k]];

			if (place)
				ranks[place - 1] = below + (equal + 1) / 2.0;
		}
		below += equal;
	}
}

static double effective(const struct pairs *p)
{
	double a = gsl_stats_lag1_autocorrelation(p->x, 1, p->n);
	double b = gsl_stats_lag1_autocorrelation(p->y, 1, p->n);
	double ab = a * b > 0 ? a * b : 0;

	return p->n * (1 - ab) / (1 + ab);
}

/* What is known at the best lag. */
static int finish(const struct correlation_curve *x, const struct correlation_curve *y,
		  const struct correlation_part *parts, size_t parts_count,
		  struct correlation *c)
{
	struct pairs p;
	int r = pairs_make(&p, c->n, x->count);

	if (r == 0) {
		pairs_fill(&p, x, y, parts, parts_count, c->lag);
		place_cells(&p, x, y, parts, parts_count, c->lag, c->lag);
		rank(&p, x, p.x_rank);
		place_cells(&p, x, y, parts, parts_count, c->lag, 0);
		rank(&p, y, p.y_rank);
		c->pearson = gsl_stats_correlation(p.x, 1, p.y, 1, p.n);
		c->spearman = gsl_stats_correlation(p.x_rank, 1, p.y_rank, 1, p.n);
		c->n_effective = effective(&p);
	}
	pairs_done(&p);
	return r;
}

int correlation_of(const struct correlation_curve *x, const struct correlation_curve *y,
		   const struct correlation_part *parts, size_t parts_count, int lag_max,
		   struct correlation *ret_correlation)
{
	struct correlation c = { 0 };
	double best = 0;
	struct sums s;
	int r = 0;

	for (int i = 0; i <= 2 * lag_max; i++) {
		double found = 0;
		enum correlation_why why =
			try_lag(x, y, parts, parts_count, lag_of(i), &s, &found);
		bool better = why == CORRELATION_KNOWN &&
			      (c.why != CORRELATION_KNOWN || fabs(found) > best + BETTER);

		if (i == 0 || better) {
			c.why = why;
			c.n = s.n;
			c.lag = lag_of(i);
			best = fabs(found);
		}
	}
	if (c.why == CORRELATION_KNOWN)
		r = finish(x, y, parts, parts_count, &c);
	if (r == 0)
		*ret_correlation = c;
	return r;
}

double correlation_threshold(double n_effective, size_t tests)
{
	double df = n_effective - 2, t;

	if (!(n_effective >= CORRELATION_PAIRS_MIN) || tests == 0)
		return 1;
	t = gsl_cdf_tdist_Qinv(CORRELATION_CHANCE / 2 / tests, df);
	return isfinite(t) ? t / sqrt(df + t * t) : 1;
}
