/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/attribution.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/query/markedtime.h"

static_assert(DETAIL_NAME_MAX <= PROTO_LABEL_MAX, "a row's name takes both");

/* The same values have the same interval; those inside and outside are drawn apart. */
enum { SEED_INSIDE = 1, SEED_REST = 2 };

enum state { REST, INSIDE, CUT };

/* One row while it is made: the state of each group of cells. */
struct working {
	const struct aligned *aligned;
	struct aligned_groups groups;
	uint8_t *state;
	double *v[ATTRIBUTION_KINDS];	/* NaN where not known */
	double *inside, *rest;		/* of one kind, those that are known */
};

static void working_done(struct working *w)
{
	aligned_groups_done(&w->groups);
	free(w->state);
	for (size_t kind = 0; kind < ATTRIBUTION_KINDS; kind++)
		free(w->v[kind]);
	free(w->inside);
	free(w->rest);
}

static int working_make(const struct aligned *a, unsigned int stride, struct working *w)
{
	int r = aligned_groups_make(&a->grid, stride, &w->groups);
	size_t count = w->groups.count + 1;

	w->aligned = a;
	if (r < 0)
		return r;
	w->state = calloc(count, sizeof(*w->state));
	w->inside = malloc(count * sizeof(double));
	w->rest = malloc(count * sizeof(double));
	if (!w->state || !w->inside || !w->rest)
		return -ENOMEM;
	for (size_t kind = 0; kind < ATTRIBUTION_KINDS; kind++) {
		w->v[kind] = malloc(count * sizeof(double));
		if (!w->v[kind])
			return -ENOMEM;
		aligned_group(&a->grid, &w->groups, a->curves[kind].v, w->v[kind]);
	}
	return 0;
}

/* Known values in and outside; what is cut is in neither. */
static void sort_out(struct working *w, const double *v, size_t *ret_inside, size_t *ret_rest)
{
	*ret_inside = *ret_rest = 0;
	for (size_t i = 0; i < w->groups.count; i++) {
		if (isnan(v[i]) || w->state[i] == CUT)
			continue;
		if (w->state[i] == INSIDE)
			w->inside[(*ret_inside)++] = v[i];
		else
			w->rest[(*ret_rest)++] = v[i];
	}
}

static int measure(struct working *w, size_t inside, size_t rest, struct attribution_value *value)
{
	struct bootstrap in, out;
	int r = bootstrap_draw(w->inside, inside, SEED_INSIDE, &in);

	if (r == 0)
		r = bootstrap_draw(w->rest, rest, SEED_REST, &out);
	if (r < 0)
		return r;
	value->known = true;
	value->value = bootstrap_mean(&in);
	value->baseline = out.mean;
	value->difference = bootstrap_difference(&in, &out);
	return 0;
}

static int fill_row(struct working *w, struct attribution_row *row)
{
	int r = 0;

	row->step_s = w->groups.stride * (w->aligned->grid.step_ns / 1e9);
	for (size_t kind = 0; kind < ATTRIBUTION_KINDS && r == 0; kind++) {
		size_t inside, rest;

		sort_out(w, w->v[kind], &inside, &rest);
		if (kind == ATTRIBUTION_RATE) {
			row->cells = inside;
			row->rest = rest;
		}
		if (inside >= BOOTSTRAP_VALUES_MIN && rest >= BOOTSTRAP_VALUES_MIN)
			r = measure(w, inside, rest, &row->values[kind]);
	}
	return r;
}

/* Groups that an interval has, wholly or in part. */
static void mark_groups(struct working *w, const struct markedtime_interval *interval)
{
	const struct alignedgrid *grid = &w->aligned->grid;
	const struct correlation_part *part = &w->groups.parts[interval->part];
	int64_t width_ns = grid->step_ns * w->groups.stride;
	int64_t first_ns = aligned_group_end(grid, &w->groups, interval->part, part->begin);
	size_t i = part->begin;

	if (interval->from_ns > first_ns)
		i += (interval->from_ns - first_ns) / width_ns;
	for (; i < part->end; i++) {
		int64_t end_ns = aligned_group_end(grid, &w->groups, interval->part, i);

		if (end_ns <= interval->from_ns || w->state[i] == INSIDE)
			continue;
		if (end_ns - width_ns >= interval->to_ns)
			break;
		w->state[i] = end_ns <= interval->to_ns && end_ns - width_ns >= interval->from_ns
				      ? INSIDE
				      : CUT;
	}
}

static int by_mark(struct query *query, const struct query_filter *filter, struct attribution *a)
{
	struct working w = { 0 };
	struct markedtime marked = { 0 };
	int r = markedtime_read(query, filter, &a->aligned->grid, &marked);

	if (r == 0)
		r = working_make(a->aligned, 1, &w);
	for (size_t i = 0; i < marked.count && r == 0; i++) {
		const struct markedtime_label *l = &marked.labels[i];
		struct attribution_row *row = &a->rows[a->count];

		if (a->count == ATTRIBUTION_ROWS_MAX) {
			a->left_out = marked.count - i;
			break;
		}
		memset(w.state, REST, w.groups.count);
		for (size_t k = 0; k < l->count; k++)
			mark_groups(&w, &l->intervals[k]);
		memcpy(row->name, l->label, sizeof(row->name));
		row->intervals = l->count;
		row->seconds = l->ns / 1e9;
		r = fill_row(&w, row);
		a->count++;
	}
	working_done(&w);
	markedtime_done(&marked);
	return r;
}

/* Where a process or unit took its share of a CPU. */
static void find_busy(struct working *w, const double *cpu_us, struct attribution_row *row)
{
	enum state before = REST;
	size_t busy = 0;

	for (size_t i = 0; i < w->groups.count; i++) {
		enum state now = isnan(cpu_us[i])			       ? CUT
				 : cpu_us[i] > ATTRIBUTION_CPU_SHARE * 1000000 ? INSIDE
									       : REST;

		w->state[i] = now;
		row->intervals += now == INSIDE && before != INSIDE;
		busy += now == INSIDE;
		before = now;
	}
	row->seconds = busy * (w->groups.stride * (w->aligned->grid.step_ns / 1e9));
}

static int by_curve(struct attribution *a, const struct aligned_curve *curve)
{
	struct attribution_row *row = &a->rows[a->count];
	struct working w = { 0 };
	int r = working_make(a->aligned, curve->stride, &w);
	double *cpu_us = r == 0 ? malloc((w.groups.count + 1) * sizeof(double)) : NULL;

	if (r == 0 && !cpu_us)
		r = -ENOMEM;
	if (r == 0) {
		memcpy(row->name, curve->name, curve->key.name_len);
		aligned_group(&a->aligned->grid, &w.groups, curve->v, cpu_us);
		find_busy(&w, cpu_us, row);
		/* What never ran so much tells nothing. */
		if (row->intervals) {
			r = fill_row(&w, row);
			a->count++;
		} else {
			memset(row, 0, sizeof(*row));
		}
	}
	free(cpu_us);
	working_done(&w);
	return r;
}

static int by_curves(struct attribution *a)
{
	int r = 0;

	for (size_t i = ATTRIBUTION_KINDS; i < a->aligned->count && r == 0; i++)
		r = by_curve(a, &a->aligned->curves[i]);
	return r;
}

static int by_difference(const void *a, const void *b)
{
	const struct attribution_row *x = a, *y = b;
	const struct attribution_value *v = &x->values[ATTRIBUTION_RATE];
	const struct attribution_value *w = &y->values[ATTRIBUTION_RATE];
	double p = fabs(v->difference.value), q = fabs(w->difference.value);

	if (v->known != w->known)
		return v->known ? -1 : 1;
	if (p != q)
		return p > q ? -1 : 1;
	if (x->seconds != y->seconds)
		return x->seconds > y->seconds ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Means of the whole range. */
static void find_baseline(struct attribution *a)
{
	for (size_t kind = 0; kind < ATTRIBUTION_KINDS; kind++) {
		const double *v = a->aligned->curves[kind].v;
		size_t n = 0;
		double sum = 0;

		for (size_t i = 0; i < a->aligned->grid.cells; i++) {
			sum += isnan(v[i]) ? 0 : v[i];
			n += !isnan(v[i]);
		}
		a->has_baseline[kind] = n > 0;
		a->baseline[kind] = n ? sum / n : 0;
		if (kind == ATTRIBUTION_RATE)
			a->seconds = n * (a->aligned->grid.step_ns / 1e9);
	}
}

static int read_rows(struct query *query, const struct query_filter *filter,
		     enum attribution_by by, struct attribution *a)
{
	int r;

	find_baseline(a);
	if (!a->has_baseline[ATTRIBUTION_RATE])
		return -ENOENT;
	r = by == ATTRIBUTION_MARK ? by_mark(query, filter, a) : by_curves(a);
	if (a->count)
		qsort(a->rows, a->count, sizeof(a->rows[0]), by_difference);
	return r;
}

int attribution_read(struct query *query, const struct query_filter *filter,
		     enum sample_source source, enum attribution_by by,
		     struct attribution **ret_attribution)
{
	const struct aligned_want wants[] = {
		[ATTRIBUTION_RATE] = { { .kind = KEY_FIELD, .id = FIELD_EXITS }, source, 0 },
		[ATTRIBUTION_HANDLING] = { { .kind = KEY_FIELD, .id = FIELD_HANDLING }, source, 0 },
		[ATTRIBUTION_AWAY] = { { .kind = KEY_FIELD, .id = FIELD_AWAY }, source, 0 },
		{ { .kind = by == ATTRIBUTION_UNIT ? KEY_UNIT : KEY_PROCESS }, SOURCE_GUEST,
		  ATTRIBUTION_ROWS_MAX },
	};
	size_t count = ATTRIBUTION_KINDS + (by != ATTRIBUTION_MARK);
	struct attribution *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	r = aligned_read(query, filter, wants, count, &a->aligned);
	if (r == 0)
		r = read_rows(query, filter, by, a);
	if (r < 0) {
		attribution_free(a);
		return r;
	}
	*ret_attribution = a;
	return 0;
}

void attribution_free(struct attribution *attribution)
{
	if (!attribution)
		return;
	aligned_free(attribution->aligned);
	free(attribution);
}
