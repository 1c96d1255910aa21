/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/room.h"
#include "daemon/query/querypart.h"
#include "daemon/query/spans.h"

/* Where a counter's sum begins, in one boot and source. */
struct base {
	struct key key;
	char name[DETAIL_NAME_MAX];
	uint64_t value;
};

/* The curves of one boot and source. */
struct reading {
	struct query *query;
	const struct spans_want *wants;
	size_t wants_count;
	const struct series_options *options;
	struct spans_of of;
	uint64_t width_ns;
	int tier;
	struct curve *curves;
	size_t count, room, last;	/* last: the one asked for before */
	struct base *bases;
	size_t bases_count, bases_room;
	int64_t bases_to_ns;		/* of the first spans that each want had */
	uint64_t based;			/* wants that had some */
	size_t left;			/* curves that may still be begun */
	size_t points_left;		/* likewise of all curves' points */
};

static_assert(SERIES_WANTS_MAX <= 64, "one bit a want");

static struct base *base_of(struct reading *r, const struct key *key)
{
	for (size_t i = 0; i < r->bases_count; i++) {
		r->bases[i].key.name = r->bases[i].name;
		if (key_equal(&r->bases[i].key, key))
			return &r->bases[i];
	}
	return NULL;
}

/* Ends a walk early; no -errno. */
#define ENOUGH 1

static int add_base(void *ctx, size_t want, const struct key *key, const struct span *spans,
		    size_t count)
{
	struct reading *r = ctx;
	struct base *base;

	/* What comes to a list later was zero before. */
	if (r->based == (2ULL << (r->wants_count - 1)) - 1 && spans[0].t_ns > r->bases_to_ns)
		return ENOUGH;
	if (base_of(r, key))
		return 0;
	if (!room_for_one(&r->bases, r->bases_count, &r->bases_room, sizeof(*r->bases)))
		return -ENOMEM;
	base = &r->bases[r->bases_count++];
	base->key = *key;
	if (key->name_len)
		memcpy(base->name, key->name, key->name_len);
	base->value = spans[0].point.first;
	r->based |= 1ULL << want;
	if (spans[count - 1].t_ns > r->bases_to_ns)
		r->bases_to_ns = spans[count - 1].t_ns;
	return 0;
}

/* Where the VM's creation was not seen its counters begin with their first samples. */
static int find_bases(struct reading *r)
{
	struct spans_of of = { r->of.boot, r->of.source, INT64_MIN, INT64_MAX };
	int e;

	r->bases_count = r->based = 0;
	r->bases_to_ns = INT64_MIN;
	if (!r->options->cumulative || of.boot->cause == BOOT_CREATED)
		return 0;
	e = spans_read(r->query, &of, ROLLUP_TIERS - 1, r->wants, r->wants_count, add_base, r);
	return e < 0 ? e : 0;
}

static int get_base(struct reading *r, const struct key *key, uint64_t *ret_base)
{
	const struct base *base;

	*ret_base = 0;
	if (!r->options->cumulative || !key_is_vm_counter(key))
		return 0;
	/* Known also where the first samples are gone. */
	if (key->kind == KEY_FIELD && key->id == FIELD_EXITS)
		return query_part_base(query_part_blocks(r->query), r->of.boot, r->of.source,
				       ret_base);
	base = base_of(r, key);
	*ret_base = base ? base->value : 0;
	return 0;
}

static int begin_curve(struct reading *r, size_t want, const struct key *key, double scale)
{
	struct curve *c;
	struct series *s;
	uint64_t base;
	int e = get_base(r, key, &base);

	if (e < 0)
		return e;
	if (r->left == 0)
		return -E2BIG;
	if (!room_for_one(&r->curves, r->count, &r->room, sizeof(*r->curves)))
		return -ENOMEM;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->boot = *r->of.boot;
	s->source = r->of.source;
	s->key = *key;
	if (key->name_len)
		memcpy(s->name, key->name, key->name_len);
	s->key.name = s->name;
	s->cumulative = r->options->cumulative;
	s->want = want;
	c = &r->curves[r->count];
	*c = (struct curve){
		.series = s,
		.width_ns = r->width_ns,
		.scale = scale,
		.base = base,
	};
	r->last = r->count++;
	r->left--;
	return 0;
}

/* Make @key's curve the last; false: there is none. */
static bool find_curve(struct reading *r, const struct key *key)
{
	for (size_t i = 0; i < r->count; i++) {
		size_t at = (r->last + i) % r->count;

		if (key_equal(&r->curves[at].series->key, key)) {
			r->last = at;
			return true;
		}
	}
	return false;
}

static int add_spans(void *ctx, size_t want, const struct key *key, const struct span *spans,
		     size_t count)
{
	struct reading *r = ctx;
	double scale = kind_scale(key, r->of.boot, r->options->cumulative);
	struct series *series;
	size_t before;
	int e = 0;

	if (scale <= 0)
		return 0;
	if (!find_curve(r, key))
		e = begin_curve(r, want, key, scale);
	/* Asked for twice it is one curve. */
	if (e < 0 || r->curves[r->last].series->want != want)
		return e;
	series = r->curves[r->last].series;
	before = series->count;
	for (size_t i = 0; i < count && e == 0; i++)
		e = curve_add(&r->curves[r->last], &spans[i]);
	if (series->count - before > r->points_left)
		return -E2BIG;
	r->points_left -= series->count - before;
	return e;
}

static int by_want(const void *a, const void *b)
{
	const struct series *x = ((const struct curve *)a)->series;
	const struct series *y = ((const struct curve *)b)->series;

	if (x->want != y->want)
		return x->want < y->want ? -1 : 1;
	if (x->key.id != y->key.id)
		return x->key.id < y->key.id ? -1 : 1;
	return strncmp(x->name, y->name, sizeof(x->name));
}

/* Hang the curves behind @tail, the empty ones left out. */
static int finish_curves(struct reading *r, int e, struct series ***tail)
{
	if (r->count)
		qsort(r->curves, r->count, sizeof(*r->curves), by_want);
	for (size_t i = 0; i < r->count; i++) {
		struct curve *c = &r->curves[i];

		if (e == 0)
			e = curve_finish(c, r->options->unmerged ? SIZE_MAX : r->options->points);
		if (e == 0 && c->series->count > 0) {
			**tail = c->series;
			*tail = &c->series->next;
		} else {
			series_free(c->series);
		}
	}
	r->count = r->last = 0;
	return e;
}

static int read_curves(struct reading *r, struct series ***tail)
{
	int e = find_bases(r);

	if (e == 0)
		e = spans_read(r->query, &r->of, r->tier, r->wants, r->wants_count, add_spans, r);
	return finish_curves(r, e, tail);
}

/* What all boots and sources of a filter are read for, one after the other. */
struct walk {
	const struct query_filter *filter;
	struct boot *boots;
	size_t count;
	int (*fn)(struct reading *r, void *ctx);
	void *ctx;
};

static int walk(const struct walk *w, struct reading *r)
{
	unsigned int sources = w->filter->sources ? w->filter->sources : (1 << SOURCES) - 1;
	int e = 0;

	for (size_t i = 0; i < w->count && e == 0; i++) {
		for (enum sample_source source = 0; source < SOURCES && e == 0; source++) {
			if (!(sources & 1 << source))
				continue;
			r->of = (struct spans_of){
				.boot = &w->boots[i],
				.source = source,
				.from_ns = w->filter->from_ns ? w->filter->from_ns : INT64_MIN,
				.to_ns = w->filter->to_ns ? w->filter->to_ns : INT64_MAX,
			};
			e = w->fn(r, w->ctx);
		}
	}
	return e;
}

static int read_part(struct reading *r, void *ctx)
{
	return read_curves(r, ctx);
}

/* How long it is all in all, and the most samples of one boot and source. */
struct extent {
	bool any;
	int64_t from_ns, to_ns;
	uint64_t samples;
};

static int add_times(struct reading *r, void *ctx)
{
	struct extent *x = ctx;
	int64_t from_ns, to_ns;
	int e = spans_times(r->query, &r->of, &from_ns, &to_ns);

	if (e < 0)
		return e == -ENOENT ? 0 : e;
	x->from_ns = x->any && x->from_ns < from_ns ? x->from_ns : from_ns;
	x->to_ns = x->any && x->to_ns > to_ns ? x->to_ns : to_ns;
	x->any = true;
	return 0;
}

static int add_samples(struct reading *r, void *ctx)
{
	struct extent *x = ctx;
	uint64_t samples;
	bool whole;
	int e = spans_count(r->query, &r->of, r->tier, &samples, &whole);

	if (e == 0 && samples > x->samples)
		x->samples = samples;
	return e;
}

/* How much time one point must cover so that the points suffice for each curve. */
static int choose_width(struct walk *w, struct reading *r)
{
	unsigned int points = r->options->points;
	struct extent x = { 0 };
	int e;

	r->tier = r->options->tier;
	if (r->options->unmerged)
		return 0;
	w->ctx = &x;
	w->fn = add_times;
	e = walk(w, r);
	if (e < 0)
		return e;
	/*
	 * Two neighbours cover more than one width together; the first interval may begin
	 * before the first sample, so some points are kept for it.
	 */
	r->width_ns = (uint64_t)(x.to_ns - x.from_ns) / (points > 4 ? points - 3 : 1) * 2;
	r->tier = spans_tier(r->width_ns > INT64_MAX ? INT64_MAX : r->width_ns);
	/* What is that short is shown sample by sample. */
	w->fn = add_samples;
	e = walk(w, r);
	if (e == 0 && x.samples <= points) {
		r->width_ns = 0;
		r->tier = 0;
	}
	return e;
}

int series_read(struct query *query, const struct query_filter *filter,
		const struct spans_want *wants, size_t wants_count,
		const struct series_options *options, struct series **ret_series)
{
	struct series *list = NULL, **tail = &list;
	struct walk w = { .filter = filter };
	struct reading r = {
		.query = query,
		.wants = wants,
		.wants_count = wants_count,
		.options = options,
		.left = SERIES_MAX,
		.points_left = SERIES_POINTS_ALL,
	};
	int e;

	if (wants_count == 0 || wants_count > SERIES_WANTS_MAX)
		return -EINVAL;
	e = query_part_boots(query, filter, &w.boots, &w.count);
	if (e == 0)
		e = choose_width(&w, &r);
	if (e == 0) {
		w.fn = read_part;
		w.ctx = &tail;
		e = walk(&w, &r);
	}
	free(w.boots);
	free(r.curves);
	free(r.bases);
	if (e < 0) {
		series_free(list);
		return e;
	}
	*ret_series = list;
	return 0;
}

void series_free(struct series *series)
{
	while (series) {
		struct series *next = series->next;

		free(series->t);
		free(series->dt);
		free(series->v);
		free(series->min);
		free(series->max);
		free(series);
		series = next;
	}
}
