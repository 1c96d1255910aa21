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
	double size;			/* area */
	size_t at;			/* its first interval that has not ended */
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
	const struct curve_at *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->series->key.id < y->series->key.id ? -1 : x->series->key.id > y->series->key.id;
}

static bool belongs(const struct series *s, const struct series *first)
{
	return s->boot.id == first->boot.id && s->source == first->source;
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
	double sum = 0;

	for (size_t i = 0; i < count; i++) {
		const struct curve_at *c = &curves[i];

		if (c->at < c->series->count && begin_of(c) <= from + SAME_S)
			sum += c->series->v[c->at];
		if (i < s->layers || i + 1 == count)
			top[i < s->layers ? i : s->layers] = sum;
	}
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

int graphstack_make(const struct series *series, struct graphstack *ret_stack)
{
	struct graphstack s = { .layers = 0 };
	struct curve_at *curves = NULL;
	size_t count = 0;
	int r = 0;

	for (const struct series *i = series; i && belongs(i, series); i = i->next)
		count++;
	if (count) {
		curves = calloc(count, sizeof(*curves));
		if (!curves)
			return -ENOMEM;
		for (size_t i = 0; i < count; i++, series = series->next)
			curves[i] = (struct curve_at){ .series = series, .size = area(series) };
		qsort(curves, count, sizeof(*curves), larger_first);
		s.layers = count < GRAPHSTACK_LAYERS ? count : GRAPHSTACK_LAYERS;
		s.others = count - s.layers;
		for (size_t i = 0; i < s.layers; i++)
			s.layer[i] = curves[i].series;
		r = make_room(&s, curves, count);
		if (r == 0)
			sweep(&s, curves, count);
	}
	free(curves);
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
