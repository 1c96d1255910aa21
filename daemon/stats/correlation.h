/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How two curves on one grid of time go together. A cell without a value is NaN, and a pair
 * of cells counts where both have one. Non-logging, pure.
 */
#ifndef DAEMON_CORRELATION_H
#define DAEMON_CORRELATION_H

#include <stdbool.h>
#include <stddef.h>

/* Fewer pairs of cells, or fewer independent ones, tell nothing. */
#define CORRELATION_PAIRS_MIN 10

/* Chance to find something where there is nothing, in all tests together. */
#define CORRELATION_CHANCE 0.05

/* Cells of one boot; no pair has its cells in two. */
struct correlation_part {
	size_t begin, end;		/* cells begin to end - 1 */
};

enum correlation_why {
	CORRELATION_KNOWN,
	CORRELATION_NONE,		/* no pair at all */
	CORRELATION_FEW,		/* pairs, but less than CORRELATION_PAIRS_MIN */
	CORRELATION_X_CONSTANT,
	CORRELATION_Y_CONSTANT,
};

struct correlation {
	enum correlation_why why;	/* not KNOWN: only n is */
	size_t n;			/* pairs; at the lag 0 when nothing is known */
	int lag;			/* in cells; positive: y follows x */
	double pearson, spearman;	/* -1 to 1, of the same pairs */
	/*
	 * So many independent pairs would tell as much: n (1 - ab) / (1 + ab) with a and b the
	 * autocorrelations of x and y from a cell to the next, not above n (M. S. Bartlett, "Some
	 * aspects of the time-correlation problem", J. Royal Statistical Society 98, 1935).
	 */
	double n_effective;
};

/* One curve, made ready for many comparisons. */
struct correlation_curve;

/* @values are copied. NULL for want of memory; correlation_curve_free() frees. */
struct correlation_curve *correlation_curve_new(const double *values, size_t count);
void correlation_curve_free(struct correlation_curve *curve);

/*
 * Correlate two curves of the same grid, cells i of y with i - lag of x, at the lag of at
 * most @lag_max cells where |Pearson's r| is greatest; of equal ones the shortest, positive
 * first. Spearman's is Pearson's r of the ranks of these pairs, equal values having the mean of
 * their ranks. A curve is constant where its standard deviation is not above a millionth of
 * its greatest value anywhere. Returns 0 or -ENOMEM.
 */
int correlation_of(const struct correlation_curve *x, const struct correlation_curve *y,
		   const struct correlation_part *parts, size_t parts_count, int lag_max,
		   struct correlation *ret_correlation);

/*
 * The |r| that chance alone exceeds in @tests tests all in all with CORRELATION_CHANCE
 * (C. E. Bonferroni; Student's t of r with n - 2 degrees of freedom), for independent pairs;
 * 1 where these are too few.
 */
double correlation_threshold(double n_effective, size_t tests);

#endif
