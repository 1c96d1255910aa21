/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exits a second by reason over a range, in columns, for a graph. Logging (database errors only). */
#ifndef DAEMON_STACK_H
#define DAEMON_STACK_H

#include "daemon/query/series.h"

#define STACK_REASONS_MAX 8
#define STACK_COLUMNS 240

struct stack_column {
	double seconds;				/* that exits were counted in */
	double all;				/* exits a second */
	double reasons[STACK_REASONS_MAX];	/* of these */
};

struct stack {
	double from, width;			/* seconds: begin of the first column, width of each */
	size_t count;				/* of reasons */
	uint32_t numbers[STACK_REASONS_MAX];
	struct stack_column columns[STACK_COLUMNS];
};

/*
 * What @source counted of @filter's boots from @from to @to (seconds since the epoch) in all
 * and of the @count reasons. Intervals that reach over an edge are shared out in proportion to
 * time. Returns 0 or -errno.
 */
int stack_read(struct query *query, const struct query_filter *filter, enum sample_source source,
	       double from, double to, const uint32_t *numbers, size_t count,
	       struct stack *ret_stack);

#endif
