/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/correlate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define WANTS_MAX 64
#define STRIDES_MAX 8

/* What of a workload has names, or a number each. */
static const enum key_kind named[] = { KEY_INTERRUPT, KEY_UNIT, KEY_PROCESS };

struct wants {
	struct aligned_want list[WANTS_MAX + CORRELATE_REASONS_MAX];
	size_t exits;			/* the first so many are of exits */
	size_t count;
};

static struct aligned_want *add_want(struct wants *w, struct key key, enum sample_source source)
{
	w->list[w->count] = (struct aligned_want){ .key = key, .source = source };
	return &w->list[w->count++];
}

static void choose_wants(const struct correlate_exits *exits, struct wants *w)
{
	struct key reason = exits->kind;

	add_want(w, exits->kind, exits->source);
	if (kind_by_reason(&reason)) {
		for (size_t i = 0; i < exits->reasons_count; i++) {
			reason.id = exits->reasons[i];
			add_want(w, reason, exits->source);
		}
		if (exits->most)
			add_want(w, reason, exits->source)->most = exits->most;
	}
	w->exits = w->count;
	for (uint32_t i = 0; i < WORKLOAD_COUNT; i++)
		add_want(w, (struct key){ .kind = KEY_WORKLOAD, .id = i }, SOURCE_GUEST);
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		add_want(w, (struct key){ .kind = named[i] }, SOURCE_GUEST)->most = CORRELATE_NAMES;
}

/* A curve in cells of a stride, ready to be compared. */
struct ready {
	unsigned int stride;
	struct correlation_curve *curve;
};

/* All curves, in the strides that they are compared in, made when they are needed. */
struct readied {
	const struct aligned *aligned;
	struct aligned_groups groups[STRIDES_MAX];
	size_t groups_count;
	int lags_max;
	struct ready (*curves)[STRIDES_MAX];	/* by curve and groups */
};

static int groups_of(struct readied *r, unsigned int stride, size_t *ret_at)
{
	int e;

	for (*ret_at = 0; *ret_at < r->groups_count; ++*ret_at) {
		if (r->groups[*ret_at].stride == stride)
			return 0;
	}
	/* Kinds of lists are fewer. */
	if (r->groups_count == STRIDES_MAX)
		return -E2BIG;
	e = aligned_groups_make(&r->aligned->grid, stride, &r->groups[r->groups_count]);
	if (e == 0)
		r->groups_count++;
	return e;
}

static int curve_of(struct readied *r, size_t curve, size_t groups,
		    const struct correlation_curve **ret_curve)
{
	struct ready *ready = &r->curves[curve][groups];
	const struct aligned_groups *g = &r->groups[groups];
	double *v;

	if (!ready->curve) {
		v = malloc((g->count + 1) * sizeof(*v));
		if (!v)
			return -ENOMEM;
		aligned_group(&r->aligned->grid, g, r->aligned->curves[curve].v, v);
		ready->curve = correlation_curve_new(v, g->count);
		free(v);
	}
	*ret_curve = ready->curve;
	return ready->curve ? 0 : -ENOMEM;
}

static void readied_done(struct readied *r)
{
	for (size_t i = 0; r->curves && i < r->aligned->count; i++) {
		for (size_t k = 0; k < STRIDES_MAX; k++)
			correlation_curve_free(r->curves[i][k].curve);
	}
	free(r->curves);
	for (size_t i = 0; i < r->groups_count; i++)
		aligned_groups_done(&r->groups[i]);
}

/* How far so many pairs of curves can be looked at. */
static int most_lags(const struct aligned *aligned, size_t pairs)
{
	double each = CORRELATE_PRODUCTS_MAX / ((double)aligned->grid.cells * (pairs + 1));

	return fmax(0, fmin(CORRELATE_LAG_CELLS_MAX, floor((each - 1) / 2)));
}

static int lag_cells(const struct readied *r, double lag_s, double step_s)
{
	double cells = floor(lag_s / step_s + 1e-6);

	return cells < r->lags_max ? cells : r->lags_max;
}

static int compare(struct readied *r, size_t x, size_t y, double lag_max_s, struct correlate *c)
{
	const struct aligned_curve *curves = r->aligned->curves;
	unsigned int stride = curves[x].stride > curves[y].stride ? curves[x].stride
								  : curves[y].stride;
	struct correlate_pair *pair = &c->pairs[c->count];
	const struct correlation_curve *a = NULL, *b = NULL;
	size_t at;
	int lag_max, e = groups_of(r, stride, &at);

	if (e == 0)
		e = curve_of(r, x, at, &a);
	if (e == 0)
		e = curve_of(r, y, at, &b);
	if (e < 0)
		return e;
	*pair = (struct correlate_pair){
		.x = &curves[x], .y = &curves[y],
		.step_s = stride * (r->aligned->grid.step_ns / 1e9),
	};
	lag_max = lag_cells(r, lag_max_s, pair->step_s);
	e = correlation_of(a, b, r->groups[at].parts, r->aligned->grid.parts_count, lag_max,
			   &pair->correlation);
	pair->lag_s = pair->correlation.lag * pair->step_s;
	if (pair->correlation.why == CORRELATION_KNOWN)
		c->tests += 2 * lag_max + 1;
	c->lag_max_s = fmax(c->lag_max_s, lag_max * pair->step_s);
	c->count += e == 0;
	return e;
}

static int by_rank(const void *a, const void *b)
{
	const struct correlate_pair *x = a, *y = b;
	bool x_known = x->correlation.why == CORRELATION_KNOWN;
	bool y_known = y->correlation.why == CORRELATION_KNOWN;
	double p = fabs(x->correlation.spearman), q = fabs(y->correlation.spearman);

	if (x_known != y_known)
		return x_known ? -1 : 1;
	if (x_known && p != q)
		return p > q ? -1 : 1;
	if (x->y != y->y)
		return x->y < y->y ? -1 : 1;
	return x->x < y->x ? -1 : x->x > y->x;
}

static int compare_all(struct correlate *c, size_t exits, double lag_max_s)
{
	struct readied r = { .aligned = c->aligned };
	size_t count = c->aligned->count, first = 0;
	int e = 0;

	while (first < count && c->aligned->curves[first].want < exits)
		first++;
	r.lags_max = most_lags(c->aligned, first * (count - first));
	c->pairs = calloc(first * (count - first) + 1, sizeof(*c->pairs));
	r.curves = calloc(count + 1, sizeof(*r.curves));
	if (!c->pairs || !r.curves)
		e = -ENOMEM;
	for (size_t y = 0; y < first && e == 0; y++) {
		for (size_t x = first; x < count && e == 0; x++)
			e = compare(&r, x, y, lag_max_s, c);
	}
	readied_done(&r);
	for (size_t i = 0; i < c->count; i++) {
		struct correlate_pair *pair = &c->pairs[i];

		pair->threshold = correlation_threshold(pair->correlation.n_effective, c->tests);
	}
	if (c->count)
		qsort(c->pairs, c->count, sizeof(*c->pairs), by_rank);
	return e;
}

static bool has_values(const struct aligned *aligned, const struct aligned_curve *curve)
{
	for (size_t i = 0; i < aligned->grid.cells; i++) {
		if (!isnan(curve->v[i]))
			return true;
	}
	return false;
}

int correlate_read(struct query *query, const struct query_filter *filter,
		   const struct correlate_exits *exits, struct correlate **ret_correlate)
{
	struct correlate *c = calloc(1, sizeof(*c));
	struct wants wants = { .count = 0 };
	int e;

	if (!c)
		return -ENOMEM;
	choose_wants(exits, &wants);
	e = aligned_read(query, filter, wants.list, wants.count, &c->aligned);
	if (e == 0 && !has_values(c->aligned, &c->aligned->curves[0]))
		e = -ENOENT;
	if (e == 0)
		e = compare_all(c, wants.exits, exits->lag_max_s);
	if (e < 0) {
		correlate_free(c);
		return e;
	}
	*ret_correlate = c;
	return 0;
}

void correlate_free(struct correlate *correlate)
{
	if (!correlate)
		return;
	aligned_free(correlate->aligned);
	free(correlate->pairs);
	free(correlate);
}

/* Both curves in the coarser one's cells. */
struct both {
	struct aligned_groups groups;
	double *x, *y;
};

static int both_make(const struct aligned *a, const struct aligned_curve *x,
		     const struct aligned_curve *y, struct both *b)
{
	unsigned int stride = x->stride > y->stride ? x->stride : y->stride;
	int e = aligned_groups_make(&a->grid, stride, &b->groups);

	if (e < 0)
		return e;
	b->x = malloc((b->groups.count + 1) * sizeof(double));
	b->y = malloc((b->groups.count + 1) * sizeof(double));
	if (!b->x || !b->y)
		return -ENOMEM;
	aligned_group(&a->grid, &b->groups, x->v, b->x);
	aligned_group(&a->grid, &b->groups, y->v, b->y);
	return 0;
}

/* All pairs at a lag; without @points they are only counted. */
static size_t pair_up(const struct aligned *a, const struct both *b, int lag, size_t each,
		      struct correlate_point *points)
{
	size_t n = 0;

	for (size_t p = 0; p < a->grid.parts_count; p++) {
		const struct correlation_part *part = &b->groups.parts[p];

		for (size_t i = part->begin; i < part->end; i++) {
			ssize_t k = (ssize_t)i - lag;

			if (k < (ssize_t)part->begin || k >= (ssize_t)part->end || isnan(b->x[k]) ||
			    isnan(b->y[i]))
				continue;
			if (points && n % each == 0)
				points[n / each] = (struct correlate_point){
					aligned_group_end(&a->grid, &b->groups, p, i) / 1e9,
					b->x[k], b->y[i]
				};
			n++;
		}
	}
	return n;
}

static int fill_scatter(struct correlate_scatter *s, double lag_s, size_t points)
{
	const struct aligned *a = s->aligned;
	struct both b = { 0 };
	int lag, e = both_make(a, &a->curves[0], &a->curves[1], &b);
	size_t each;

	if (e == 0) {
		s->step_s = b.groups.stride * (a->grid.step_ns / 1e9);
		lag = round(fmax(fmin(lag_s / s->step_s, ALIGNEDGRID_CELLS_MAX),
				 -ALIGNEDGRID_CELLS_MAX));
		s->lag_s = lag * s->step_s;
		s->n = pair_up(a, &b, lag, 1, NULL);
		each = (s->n + points - 1) / points;
		s->count = each ? (s->n + each - 1) / each : 0;
		s->points = calloc(s->count + 1, sizeof(*s->points));
		e = s->points ? 0 : -ENOMEM;
		if (e == 0)
			(void)pair_up(a, &b, lag, each, s->points);
	}
	aligned_groups_done(&b.groups);
	free(b.x);
	free(b.y);
	return e;
}

int correlate_scatter(struct query *query, const struct query_filter *filter,
		      const struct aligned_want wants[2], double lag_s, size_t points,
		      struct correlate_scatter **ret_scatter)
{
	struct correlate_scatter *s = calloc(1, sizeof(*s));
	int e;

	if (!s)
		return -ENOMEM;
	e = aligned_read(query, filter, wants, 2, &s->aligned);
	if (e == 0)
		e = fill_scatter(s, lag_s, points);
	if (e < 0) {
		correlate_scatter_free(s);
		return e;
	}
	*ret_scatter = s;
	return 0;
}

void correlate_scatter_free(struct correlate_scatter *scatter)
{
	if (!scatter)
		return;
	aligned_free(scatter->aligned);
	free(scatter->points);
	free(scatter);
}
