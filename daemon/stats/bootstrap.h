/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How well the mean of a curve's values is known, when neighbours resemble each other: the
 * moving-block bootstrap, percentile interval (H. R. Künsch, "The jackknife and the bootstrap
 * for general stationary observations", Annals of Statistics 17, 1989). The same values give
 * the same answer. Non-logging, pure.
 */
#ifndef DAEMON_BOOTSTRAP_H
#define DAEMON_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

#define BOOTSTRAP_REPLICATES 1000

/* Fewer values tell nothing of how much they vary. */
#define BOOTSTRAP_VALUES_MIN 10

/* More blocks than these are not drawn: blocks are longer then. */
#define BOOTSTRAP_BLOCKS_MAX 256

struct bootstrap {
	size_t n, block;		/* values, and of a block */
	double mean;
	/*
	 * Of each replicate, its mean less that of all replicates there can be: the first and
	 * last values are in fewer blocks than others, which must not move the interval.
	 */
	double deviation[BOOTSTRAP_REPLICATES];
};

struct bootstrap_interval {
	double value, low, high;	/* 95 % */
};

/*
 * The block's length for @n values: D. N. Politis and H. White, "Automatic block-length
 * selection for the dependent bootstrap", Econometric Reviews 23 (2004), with the
 * correction of A. Patton, Politis and White, ibid. 28 (2009), for blocks of fixed length;
 * at least n / BOOTSTRAP_BLOCKS_MAX.
 */
size_t bootstrap_block(const double *values, size_t n);

/*
 * Draw replicates of the mean of @n values, 1 at least, in their order; @seed tells apart what shall
 * be independent. Returns 0 or -ENOMEM.
 */
int bootstrap_draw(const double *values, size_t n, uint32_t seed, struct bootstrap *ret_bootstrap);

/* The mean, and the difference of the means of two that were drawn with different seeds. */
struct bootstrap_interval bootstrap_mean(const struct bootstrap *b);
struct bootstrap_interval bootstrap_difference(const struct bootstrap *a,
					       const struct bootstrap *b);

#endif
