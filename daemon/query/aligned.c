/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/aligned.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/query/alignedlists.h"
#include "daemon/query/alignednames.h"
#include "daemon/query/spans.h"

#define WANTS_MAX 128

/* A curve while it is read. */
struct growing {
	struct alignedgrid_curve on_grid;
	struct alignedlists_events events;
	int64_t first_ns;		/* reasons: when the first interval of the part begins */
};

struct reading {
	struct query *query;
	const struct query_filter *filter;
	const struct aligned_want *wants;
	size_t wants_count;
	struct aligned *aligned;
	struct growing *growing;
	/* Of lists, by kind; of reasons, when they were known in the part. */
	struct alignedlists_events times[KEY_KINDS];
	/* The part and source being read, and which wants that is for. */
	uint32_t part;
	struct spans_want spans_wants[WANTS_MAX];
	size_t index[WANTS_MAX], count;
};

/* Of these all are read, since one alone does not tell whether there was a list. */
static bool is_any(const struct aligned_want *want)
{
	return want->most > 0 || kind_is_by_reason(&want->key) || alignedlists_is_list(&want->key);
}

static int find_curves(struct reading *r)
{
	struct aligned *a = r->aligned;
	int e = 0;

	a->curves = calloc(ALIGNED_CURVES_MAX, sizeof(*a->curves));
	if (!a->curves)
		return -ENOMEM;
	for (size_t i = 0; i < r->wants_count && e == 0; i++) {
		const struct aligned_want *want = &r->wants[i];
		size_t found = 1, room = ALIGNED_CURVES_MAX - a->count;
		struct aligned_curve *curve = &a->curves[a->count];

		if (room == 0)
			return -E2BIG;
		if (want->most) {
			e = alignednames_choose(r->query, r->filter, &a->grid, want, i, curve, room,
						&found);
		} else {
			*curve = (struct aligned_curve){
				.key = want->key, .want = i, .source = want->source, .stride = 1
			};
			if (want->key.name_len)
				memcpy(curve->name, want->key.name, want->key.name_len);
		}
		a->count += e == 0 ? found : 0;
	}
	for (size_t i = 0; i < a->count; i++)
		a->curves[i].key.name = a->curves[i].name;
	return e;
}

static int make_curve(const struct alignedgrid *grid, struct alignedgrid_curve *c)
{
	c->amount = calloc(grid->cells, sizeof(double));
	c->covered = calloc(grid->cells, sizeof(double));
	return c->amount && c->covered ? 0 : -ENOMEM;
}

static void curve_done(struct alignedgrid_curve *c)
{
	free(c->amount);
	free(c->covered);
}

/* The curve of a want that spans of @key belong to; -1: nobody asked for them. */
static ssize_t curve_of(const struct reading *r, size_t want, const struct key *key)
{
	for (size_t i = 0; i < r->aligned->count; i++) {
		const struct aligned_curve *c = &r->aligned->curves[i];

		if (c->want == want && alignednames_equal(&c->key, key))
			return i;
	}
	return -1;
}

/* A mean level, or a rate a second. */
static double rate_of(const struct key *key, const struct span *span, double scale)
{
	if (key_type(key) == KEY_TYPE_GAUGE)
		return span->point.weight ? (double)span->point.sum / span->point.weight : 0;
	return span->point.sum * 1e9 / span->ns * scale;
}

static void add_on_grid(struct reading *r, const struct alignedgrid_curve *to,
			const struct span *span, double rate)
{
	const struct alignedgrid *grid = &r->aligned->grid;

	if (span->ns)
		alignedgrid_add(grid, &grid->parts[r->part], to, 1,
				span->t_ns - (int64_t)span->ns, span->t_ns, rate);
}

static int add_list(struct reading *r, ssize_t at, const struct key *key,
		    const struct span *spans, size_t count)
{
	int e = alignedlists_add_times(&r->times[key->kind], r->part, spans, count, false);

	if (e < 0 || at < 0)
		return e;
	return alignedlists_add(&r->growing[at].events, r->part, spans, count,
				key->kind == KEY_PROCESS);
}

static int add_spans(void *ctx, size_t want, const struct key *key, const struct span *spans,
		     size_t count)
{
	struct reading *r = ctx;
	ssize_t at = curve_of(r, r->index[want], key);
	double scale = kind_scale(key, &r->aligned->grid.parts[r->part].boot, false);
	int e = 0;

	if (alignedlists_is_list(key))
		return add_list(r, at, key, spans, count);
	if (kind_is_by_reason(key))
		e = alignedlists_add_times(&r->times[key->kind], r->part, spans, count, true);
	for (size_t i = 0; i < count && scale > 0 && at >= 0; i++) {
		struct growing *g = &r->growing[at];
		int64_t from_ns = spans[i].t_ns - (int64_t)spans[i].ns;

		add_on_grid(r, &g->on_grid, &spans[i], rate_of(key, &spans[i], scale));
		g->first_ns = from_ns < g->first_ns ? from_ns : g->first_ns;
	}
	return e;
}

/* Before its first exit a reason had none, while others had some. */
static void put_zeros(struct reading *r, enum sample_source source)
{
	struct aligned *a = r->aligned;

	for (size_t kind = KEY_REASON_COUNT; kind <= KEY_REASON_AWAY; kind++)
		alignedlists_drop_same(&r->times[kind]);
	for (size_t i = 0; i < a->count; i++) {
		const struct key *key = &a->curves[i].key;

		if (kind_is_by_reason(key) && a->curves[i].source == source &&
		    kind_scale(key, &a->grid.parts[r->part].boot, false) > 0)
			alignedlists_put_zeros(&a->grid, &a->grid.parts[r->part],
					       &r->times[key->kind], r->growing[i].first_ns,
					       &r->growing[i].on_grid);
	}
	for (size_t kind = KEY_REASON_COUNT; kind <= KEY_REASON_AWAY; kind++)
		r->times[kind].count = r->times[kind].sorted = 0;
}

static int read_source(struct reading *r, enum sample_source source)
{
	struct aligned *a = r->aligned;
	struct spans_of of = {
		.boot = &a->grid.parts[r->part].boot,
		.source = source,
		.from_ns = r->filter->from_ns ? r->filter->from_ns : INT64_MIN,
		.to_ns = r->filter->to_ns ? r->filter->to_ns : INT64_MAX,
	};
	int e;

	r->count = 0;
	for (size_t i = 0; i < r->wants_count; i++) {
		if (r->wants[i].source != source)
			continue;
		r->spans_wants[r->count] = (struct spans_want){ r->wants[i].key, is_any(&r->wants[i]) };
		r->index[r->count++] = i;
	}
	if (r->count == 0)
		return 0;
	for (size_t i = 0; i < a->count; i++)
		r->growing[i].first_ns = INT64_MAX;
	e = spans_read(r->query, &of, a->grid.tier, r->spans_wants, r->count, add_spans, r);
	if (e == 0)
		put_zeros(r, source);
	return e;
}

static int begin_reading(struct reading *r)
{
	struct aligned *a = r->aligned;
	int e = find_curves(r);

	r->growing = calloc(ALIGNED_CURVES_MAX, sizeof(*r->growing));
	if (e == 0 && !r->growing)
		e = -ENOMEM;
	for (size_t i = 0; i < a->count && e == 0; i++)
		e = make_curve(&a->grid, &r->growing[i].on_grid);
	return e;
}

static int finish_reading(struct reading *r)
{
	struct aligned *a = r->aligned;
	unsigned int stride[KEY_KINDS] = { 0 };
	int e = 0;

	for (size_t kind = 0; kind < KEY_KINDS && e == 0; kind++)
		e = alignedlists_sort(&a->grid, &r->times[kind], &stride[kind]);
	for (size_t i = 0; i < a->count && e == 0; i++) {
		struct growing *g = &r->growing[i];

		if (alignedlists_is_list(&a->curves[i].key)) {
			a->curves[i].stride = stride[a->curves[i].key.kind];
			alignedlists_put(&a->grid, &a->curves[i], &r->times[a->curves[i].key.kind],
					 &g->events, &g->on_grid);
		}
		alignedgrid_finish(&a->grid, &g->on_grid);
		a->curves[i].v = g->on_grid.amount;
		g->on_grid.amount = NULL;
	}
	return e;
}

static void end_reading(struct reading *r)
{
	for (size_t i = 0; r->growing && i < ALIGNED_CURVES_MAX; i++) {
		curve_done(&r->growing[i].on_grid);
		free(r->growing[i].events.items);
	}
	free(r->growing);
	for (size_t kind = 0; kind < KEY_KINDS; kind++)
		free(r->times[kind].items);
}

static int read_curves(struct reading *r)
{
	int e = begin_reading(r);

	for (r->part = 0; r->part < r->aligned->grid.parts_count && e == 0; r->part++) {
		for (enum sample_source source = 0; source < SOURCES && e == 0; source++)
			e = read_source(r, source);
	}
	if (e == 0)
		e = finish_reading(r);
	end_reading(r);
	return e;
}

int aligned_read(struct query *query, const struct query_filter *filter,
		 const struct aligned_want *wants, size_t wants_count,
		 struct aligned **ret_aligned)
{
	struct reading r = {
		.query = query, .filter = filter, .wants = wants, .wants_count = wants_count,
	};
	unsigned int sources = 0;
	int e;

	if (wants_count == 0 || wants_count > WANTS_MAX)
		return -EINVAL;
	r.aligned = calloc(1, sizeof(*r.aligned));
	if (!r.aligned)
		return -ENOMEM;
	for (size_t i = 0; i < wants_count; i++)
		sources |= 1 << wants[i].source;
	e = alignedgrid_make(query, filter, sources, &r.aligned->grid);
	if (e == 0)
		e = read_curves(&r);
	if (e < 0) {
		aligned_free(r.aligned);
		return e;
	}
	*ret_aligned = r.aligned;
	return 0;
}

void aligned_free(struct aligned *aligned)
{
	if (!aligned)
		return;
	for (size_t i = 0; i < aligned->count; i++)
		free(aligned->curves[i].v);
	free(aligned->curves);
	alignedgrid_done(&aligned->grid);
	free(aligned);
}

int aligned_groups_make(const struct alignedgrid *grid, unsigned int stride,
			struct aligned_groups *ret_groups)
{
	struct aligned_groups g = { .stride = stride };

	g.parts = calloc(grid->parts_count + 1, sizeof(*g.parts));
	g.group = calloc(grid->cells + 1, sizeof(*g.group));
	if (!g.parts || !g.group) {
		aligned_groups_done(&g);
		return -ENOMEM;
	}
	for (size_t i = 0; i < grid->parts_count; i++) {
		const struct alignedgrid_part *part = &grid->parts[i];
		int64_t first = part->from_ns / grid->step_ns / stride;

		g.parts[i].begin = g.count;
		for (size_t k = part->cells.begin; k < part->cells.end; k++) {
			int64_t cell = part->from_ns / grid->step_ns + (k - part->cells.begin);

			g.group[k] = g.parts[i].begin + (cell / stride - first);
			g.count = g.group[k] + 1;
		}
		g.parts[i].end = g.count;
	}
	*ret_groups = g;
	return 0;
}

void aligned_groups_done(struct aligned_groups *groups)
{
	free(groups->parts);
	free(groups->group);
	memset(groups, 0, sizeof(*groups));
}

void aligned_group(const struct alignedgrid *grid, const struct aligned_groups *groups,
		   const double *v, double *ret_v)
{
	size_t cell = 0;

	for (size_t group = 0; group < groups->count; group++) {
		unsigned int known = 0;
		double sum = 0;

		for (; cell < grid->cells && groups->group[cell] == group; cell++) {
			if (isnan(v[cell]))
				continue;
			sum += v[cell];
			known++;
		}
		ret_v[group] = known >= ALIGNEDGRID_COVERED * groups->stride ? sum / known : NAN;
	}
}

int64_t aligned_group_end(const struct alignedgrid *grid, const struct aligned_groups *groups,
			  size_t part, size_t group)
{
	int64_t first = grid->parts[part].from_ns / grid->step_ns / groups->stride;

	return (first + (int64_t)(group - groups->parts[part].begin) + 1) * groups->stride *
	       grid->step_ns;
}
