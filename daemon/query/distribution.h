/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a curve's values are distributed over time. Logging (database errors only).
 *
 * A value counts for as long as its interval took. A quantile q is the least value that,
 * with all below it, holds for a share of q of the time: the inverse of the weighted
 * empirical distribution function, definition 1 in R. Hyndman and Y. Fan, "Sample Quantiles in
 * Statistical Packages", The American Statistician 50 (1996).
 */
#ifndef DAEMON_DISTRIBUTION_H
#define DAEMON_DISTRIBUTION_H

#include "daemon/query/series.h"

/* X(name, quantile): which quantiles there are. */
#define DISTRIBUTION_QUANTILES(X) \
	X(min, 0) X(p5, 0.05) X(p25, 0.25) X(p50, 0.5) X(p75, 0.75) X(p95, 0.95) X(p99, 0.99) \
	X(max, 1)

enum distribution_quantile {
#define X(name, quantile) DISTRIBUTION_##name,
	DISTRIBUTION_QUANTILES(X)
#undef X
	DISTRIBUTION_QUANTILES_COUNT
};

#define DISTRIBUTION_BINS_MAX 128

/* More values are not read: coarser ones are then. */
#define DISTRIBUTION_VALUES_MAX 500000

struct distribution_bin {
	double from, to;		/* from <= value < to */
	double seconds;
};

struct distribution {
	size_t count;			/* of values */
	double seconds;			/* that they hold for, all in all */
	double from, to;		/* epoch seconds: begin of the first, end of the last */
	int64_t resolution_ns;		/* of a value: 0 is an interval between samples */
	double quantile[DISTRIBUTION_QUANTILES_COUNT];
	double mean;			/* by time */
	/*
	 * Of counts: how they scatter about their mean rate, beside a Poisson process' 1, for
	 * intervals of any length: the sum of (n - rate * t)^2 / (rate * t), by the number of
	 * intervals less one (R. A. Fisher's index of dispersion; P. McCullagh and J. Nelder,
	 * "Generalized Linear Models", 1989, 6.2.5). With equal ones it is the counts' variance
	 * by their mean.
	 */
	bool has_dispersion;
	double dispersion;
	double zero_seconds;		/* of values of 0, and below, which no bin has */
	struct distribution_bin bins[DISTRIBUTION_BINS_MAX];
	size_t bins_count;
};

/* Of one curve's @count values, sorted in place. For distribution_read(). Pure. */
struct distribution_value {
	double v, seconds;
};
void distribution_of(struct distribution_value *values, size_t count,
		     struct distribution *distribution);

/* Of the values of one curve in each of some boots. Returns 0, -ENOENT without any, or -ENOMEM. */
int distribution_of_series(const struct series *series, struct distribution *ret_distribution);

/*
 * The finest tier that has all of @filter's boots for @source, in @max values at most; the
 * coarsest where none has. Returns 0 or -errno.
 */
int distribution_tier(struct query *query, const struct query_filter *filter,
		      enum sample_source source, uint64_t max, int *ret_tier);

/*
 * Of @want's values in @filter's boots for @source, all taken together. From samples where
 * all of these are there, else from buckets. Returns 0, -ENOENT if there is no value, -E2BIG if
 * @want is several curves, or -errno.
 */
int distribution_read(struct query *query, const struct query_filter *filter,
		      enum sample_source source, const struct spans_want *want,
		      struct distribution *ret_distribution);

#endif
