/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host/pollcost.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH_RATIO 2			/* of two steps that can be told apart */

void pollcost_add(struct pollcost *cost, const struct pollcost_step *short_step,
		  const struct pollcost_step *long_step)
{
	double own, result;

	if (short_step->ns <= 0 || long_step->ns < LENGTH_RATIO * short_step->ns)
		return;
	/* exits = rate * ns + result, for both. */
	own = (double)long_step->exits - (double)short_step->exits;
	result = short_step->exits - own / (long_step->ns - short_step->ns) * short_step->ns;
	cost->results[cost->count++ % POLLCOST_RESULTS] = result;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

bool pollcost_get(const struct pollcost *cost, double *ret_exits)
{
	size_t n = cost->count < POLLCOST_RESULTS ? cost->count : POLLCOST_RESULTS;
	double sorted[POLLCOST_RESULTS];
	double median;

	if (n < POLLCOST_RESULTS_LEAST)
		return false;
	memcpy(sorted, cost->results, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare);
	median = n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
	/* A VM that slowed down meanwhile seems to gain by being read. */
	*ret_exits = median > 0 ? median : 0;
	return true;
}
