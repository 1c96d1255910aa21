/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/graphstack.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Nearer than this (seconds) edges of intervals are one: the store's times are whole microseconds. */
#define SAME_S 2e-6

struct curve_at {
	const struct series *series;
	size_t at;			/* its first interval that has not ended */
	size_t layer;
};

/* Curves of the same, which are of several boots. */
struct group {
	const struct series *first;
	double size;			/* area */
};

static double area(const struct series *s)
{
	double sum = 0;

	for (size_t i = 0; i < s->count; i++)
		sum += s->v[i] * s->dt[i];
	return sum;
}

static int larger_first(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->first->key.id < y->first->key.id ? -1 : x->first->key.id > y->first->key.id;
}

static bool is_same(const struct series *a, const struct series *b)
{
	return a->key.kind == b->key.kind && a->key.id == b->key.id &&
	       a->boot.reason_namespace == b->boot.reason_namespace;
}

static double begin_of(const struct curve_at *c)
{
	return c->series->t[c->at] - c->series->dt[c->at];
}

/* The next edge behind @now, INFINITY for none. *ret_any: a curve holds from @now until then. */
static double next_edge(struct curve_at *curves, size_t count, double now, bool *ret_any)
{
	double edge = INFINITY;

	*ret_any = false;
	for (size_t i = 0; i < count; i++) {
		struct curve_at *c = &curves[i];

		while (c->at < c->series->count && c->series->t[c->at] <= now + SAME_S)
			c->at++;
		if (c->at == c->series->count)
			continue;
		if (begin_of(c) > now + SAME_S) {
			edge = fmin(edge, begin_of(c));
		} else {
			edge = fmin(edge, c->series->t[c->at]);
			*ret_any = true;
		}
	}
	return edge;
}

static void add_stretch(struct graphstack *s, const struct curve_at *curves, size_t count,
			double from, double to)
{
	size_t width = s->layers + (s->others > 0);
	double *top = s->top + s->count * width;

	for (size_t i = 0; i < count; i++) {
		const struct curve_at *c = &curves[i];

		if (c->at < c->series->count && begin_of(c) <= from + SAME_S)
			top[c->layer] += c->series->v[c->at];
	}
	for (size_t i = 1; i < width; i++)
		top[i] += top[i - 1];
	s->from[s->count] = from;
	s->to[s->count++] = to;
}

/* Each edge of an interval begins one stretch at most. */
static int make_room(struct graphstack *s, const struct curve_at *curves, size_t count)
{
	size_t edges = 1;

	for (size_t i = 0; i < count; i++)
		edges += 2 * curves[i].series->count;
	s->from = calloc(edges, sizeof(*s->from));
	s->to = calloc(edges, sizeof(*s->to));
	s->top = calloc(edges, (s->layers + (s->others > 0)) * sizeof(*s->top));
	return s->from && s->to && s->top ? 0 : -ENOMEM;
}

static void sweep(struct graphstack *s, struct curve_at *curves, size_t count)
{
	double now = -INFINITY;
	bool any;

	for (;;) {
		double edge = next_edge(curves, count, now, &any);

		if (isinf(edge))
			break;
		if (any)
			add_stretch(s, curves, count, now, edge);
		now = edge;
	}
}

/* The group of each curve, largest first. Returns how many there are. */
static size_t make_groups(const struct curve_at *curves, size_t count, struct group *groups)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		size_t k = 0;

		while (k < n && !is_same(groups[k].first, curves[i].series))
			k++;
		if (k == n)
			groups[n++] = (struct group){ .first = curves[i].series };
		groups[k].size += area(curves[i].series);
	}
	qsort(groups, n, sizeof(*groups), larger_first);
	return n;
}

static int stack_up(struct graphstack *s, struct curve_at *curves, size_t count, struct group *groups)
{
	size_t n = make_groups(curves, count, groups);
	int r;

	s->layers = n < GRAPHSTACK_LAYERS ? n : GRAPHSTACK_LAYERS;
	s->others = n - s->layers;
	for (size_t i = 0; i < s->layers; i++)
		s->layer[i] = groups[i].first;
	for (size_t i = 0; i < count; i++) {
		while (curves[i].layer < s->layers &&
		       !is_same(groups[curves[i].layer].first, curves[i].series))
			curves[i].layer++;
	}
	r = make_room(s, curves, count);
	if (r == 0)
		sweep(s, curves, count);
	return r;
}

int graphstack_make(const struct series *series, struct graphstack *ret_stack)
{
	struct graphstack s = { .layers = 0 };
	struct curve_at *curves = NULL;
	struct group *groups = NULL;
	size_t count = 0;
	int r = 0;

	for (const struct series *i = series; i && i->source == series->source; i = i->next)
		count++;
	if (count) {
		curves = calloc(count, sizeof(*curves));
		groups = calloc(count, sizeof(*groups));
		r = curves && groups ? 0 : -ENOMEM;
		for (size_t i = 0; i < count && r == 0; i++, series = series->next)
			curves[i].series = series;
		if (r == 0)
			r = stack_up(&s, curves, count, groups);
	}
	free(curves);
	free(groups);
	if (r < 0) {
		graphstack_done(&s);
		return r;
	}
	*ret_stack = s;
	return 0;
}

void graphstack_done(struct graphstack *stack)
{
	free(stack->from);
	free(stack->to);
	free(stack->top);
	memset(stack, 0, sizeof(*stack));
}
