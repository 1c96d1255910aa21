/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Curves upon each other beside sums at random moments, with holes and edges of their own. */
#include "daemon/form/graphstack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/tap.h"

#define CURVES 12
#define POINTS 200

static double numbers[CURVES][3][POINTS];
static struct series curves[CURVES];

/* A curve of whole seconds, with holes, over what begins at its own time. */
static void make_curve(struct series *s, int i, double scale)
{
	double at = rand() % 20;

	memset(s, 0, sizeof(*s));
	s->key.id = i;
	s->boot.id = 1;
	s->t = numbers[i][0];
	s->dt = numbers[i][1];
	s->v = numbers[i][2];
	while (s->count < POINTS) {
		double dt = 1 + rand() % 3;

		if (rand() % 8 == 0)
			at += 1 + rand() % 4;
		at += dt;
		s->t[s->count] = at;
		s->dt[s->count] = dt;
		s->v[s->count++] = scale * (rand() % 100);
	}
}

static void chain(int count)
{
	for (int i = 0; i < count; i++)
		curves[i].next = i + 1 < count ? &curves[i + 1] : NULL;
}

static double value_at(const struct series *s, double t, bool *any)
{
	for (size_t i = 0; i < s->count; i++) {
		if (t > s->t[i] - s->dt[i] && t < s->t[i]) {
			*any = true;
			return s->v[i];
		}
	}
	return 0;
}

static bool is_layer(const struct graphstack *stack, const struct series *s)
{
	for (size_t i = 0; i < stack->layers; i++) {
		if (stack->layer[i] == s)
			return true;
	}
	return false;
}

/* How many moments between edges are not what the curves say. */
static int wrong(const struct graphstack *stack, int count)
{
	size_t width = stack->layers + (stack->others > 0);
	int n = 0;

	for (double t = 0.5; t < 1000; t++) {
		const double *top = NULL;
		double sum = 0;
		bool any = false;

		for (size_t i = 0; i < stack->count; i++) {
			if (t > stack->from[i] && t < stack->to[i])
				top = stack->top + i * width;
		}
		for (size_t i = 0; i < stack->layers; i++) {
			sum += value_at(stack->layer[i], t, &any);
			n += top && fabs(top[i] - sum) > 1e-9;
		}
		for (int i = 0; i < count; i++) {
			if (!is_layer(stack, &curves[i]))
				sum += value_at(&curves[i], t, &any);
		}
		n += any != (top != NULL) || (top && fabs(top[width - 1] - sum) > 1e-9);
	}
	return n;
}

static void test_random(void)
{
	int bad = 0, disorder = 0;

	srand(7);
	for (int round = 0; round < 40; round++) {
		int count = 1 + round % CURVES;
		struct graphstack stack;

		for (int i = 0; i < count; i++)
			make_curve(&curves[i], i, 1 + rand() % 50);
		chain(count);
		if (graphstack_make(curves, &stack) < 0) {
			bad++;
			continue;
		}
		bad += wrong(&stack, count);
		bad += stack.layers + stack.others != (size_t)count;
		for (size_t i = 1; i < stack.count; i++)
			disorder += stack.from[i] < stack.to[i - 1] || stack.to[i] <= stack.from[i];
		graphstack_done(&stack);
	}
	ok(bad == 0, "every moment has the curves' sums, and holes stay holes");
	ok(disorder == 0, "stretches stand one behind the other");
}

static void test_order(void)
{
	struct graphstack stack;

	for (int i = 0; i < CURVES; i++)
		make_curve(&curves[i], i, i + 1);
	for (int i = 0; i < CURVES; i++)
		for (int k = 0; k < POINTS; k++)
			curves[i].v[k] = 1000 * (i + 1);
	chain(CURVES);
	if (!ok(graphstack_make(curves, &stack) == 0 && stack.layers == GRAPHSTACK_LAYERS &&
		    stack.others == CURVES - GRAPHSTACK_LAYERS, "the largest have their own areas"))
		return;
	ok(stack.layer[0] == &curves[CURVES - 1] && stack.layer[1] == &curves[CURVES - 2],
	       "the largest of all lowest");
	graphstack_done(&stack);
}

static void test_others(void)
{
	struct graphstack stack;

	make_curve(&curves[0], 0, 1);
	make_curve(&curves[1], 1, 1);
	curves[1].source = SOURCE_HOST;
	chain(2);
	ok(graphstack_make(curves, &stack) == 0 && stack.layers == 1 && stack.others == 0,
	       "the other source stands by itself");
	graphstack_done(&stack);
	curves[1] = curves[0];
	curves[0].next = &curves[1];
	curves[1].boot.id = 2;
	curves[1].next = NULL;
	for (size_t i = 0; i < curves[1].count; i++)
		numbers[1][0][i] = numbers[0][0][i] + 10000;
	curves[1].t = numbers[1][0];
	ok(graphstack_make(curves, &stack) == 0 && stack.layers == 1 && stack.to[stack.count - 1] > 10000,
	   "a reason is one layer in all boots");
	graphstack_done(&stack);
	ok(graphstack_make(NULL, &stack) == 0 && stack.count == 0, "nothing is nothing");
	graphstack_done(&stack);
}

int main(void)
{
	test_random();
	test_order();
	test_others();
	return done_testing();
}
