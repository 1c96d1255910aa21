/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report/stack.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Columns are made of so many points, so that their edges are not far off. */
#define POINTS (4 * STACK_COLUMNS)

static size_t column_at(const struct stack *stack, double t)
{
	double at = floor((t - stack->from) / stack->width);

	return at < 0 ? 0 : at >= STACK_COLUMNS ? STACK_COLUMNS - 1 : (size_t)at;
}

/* @rate from @from to @to, of a reason or (@reason SIZE_MAX) of all. */
static void add(struct stack *stack, size_t reason, double from, double to, double rate)
{
	size_t last = column_at(stack, to);

	for (size_t i = column_at(stack, from); i <= last; i++) {
		struct stack_column *c = &stack->columns[i];
		double begin = stack->from + i * stack->width;
		double seconds = fmin(to, begin + stack->width) - fmax(from, begin);

		if (seconds <= 0)
			continue;
		if (reason == SIZE_MAX) {
			c->seconds += seconds;
			c->all += rate * seconds;
		} else {
			c->reasons[reason] += rate * seconds;
		}
	}
}

static void divide(struct stack *stack)
{
	for (size_t i = 0; i < STACK_COLUMNS; i++) {
		struct stack_column *c = &stack->columns[i];
		double part = c->seconds > 0 ? 1 / c->seconds : 0;

		c->all *= part;
		for (size_t k = 0; k < stack->count; k++)
			c->reasons[k] *= part;
	}
}

int stack_read(struct query *query, const struct query_filter *filter, enum sample_source source,
	       double from, double to, const uint32_t *numbers, size_t count,
	       struct stack *ret_stack)
{
	struct series_options options = { .points = POINTS };
	struct spans_want wants[STACK_REASONS_MAX + 1] = {
		{ .key = { .kind = KEY_FIELD, .id = FIELD_EXITS } },
	};
	struct query_filter one = *filter;
	struct series *series = NULL;
	struct stack *stack = ret_stack;
	int r;

	if (count > STACK_REASONS_MAX || !(to > from))
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		wants[i + 1].key = (struct key){ .kind = KEY_REASON_COUNT, .id = numbers[i] };
	one.sources = 1 << source;
	r = series_read(query, &one, wants, count + 1, &options, &series);
	if (r < 0)
		return r;
	memset(stack, 0, sizeof(*stack));
	stack->from = from;
	stack->width = (to - from) / STACK_COLUMNS;
	stack->count = count;
	if (count)
		memcpy(stack->numbers, numbers, count * sizeof(*numbers));
	for (const struct series *s = series; s; s = s->next) {
		for (size_t i = 0; i < s->count; i++)
			add(stack, s->want ? s->want - 1 : SIZE_MAX, s->t[i] - s->dt[i], s->t[i],
			    s->v[i]);
	}
	divide(stack);
	series_free(series);
	return 0;
}
