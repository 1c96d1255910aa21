/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Curves of a VM on one grid of time: rates, shares or levels, never sums since the boot began.
 * A cell's value is the mean over its time of what is known there; a cell that samples do not
 * cover has none (NaN), nothing is interpolated. Logging (database errors only).
 */
#ifndef DAEMON_ALIGNED_H
#define DAEMON_ALIGNED_H

#include "daemon/query/alignedcurve.h"
#include "daemon/query/alignedgrid.h"
#include "daemon/query/kind.h"

struct aligned {
	struct alignedgrid grid;
	struct aligned_curve *curves;	/* by want, then greatest sum first */
	size_t count;
};

/*
 * The curves of @wants under @filter; filter->sources is not looked at. Those that nothing is
 * known of have no cell with a value, or are not there if their want is of several.
 *
 * What a list does not have was zero while it had others: a reason before its first exit, a
 * process that used no CPU time or less than those listed; a source or unit before it was
 * first listed and after it last was. Between two lists that have it, it grew evenly.
 * Returns 0, -ENOENT if there is no cell, or -errno; aligned_free() frees.
 */
int aligned_read(struct query *query, const struct query_filter *filter,
		 const struct aligned_want *wants, size_t wants_count,
		 struct aligned **ret_aligned);
void aligned_free(struct aligned *aligned);

/* A coarser grid: groups of cells that begin at multiples of their length. */
struct aligned_groups {
	unsigned int stride;
	size_t count;
	struct correlation_part *parts;	/* as many as the grid's */
	uint32_t *group;		/* of each of the grid's cells */
};

/* Returns 0 or -ENOMEM; aligned_groups_done() frees. */
int aligned_groups_make(const struct alignedgrid *grid, unsigned int stride,
			struct aligned_groups *ret_groups);
void aligned_groups_done(struct aligned_groups *groups);

/* @v's mean in each group, NaN where less than ALIGNEDGRID_COVERED of its cells have one. */
void aligned_group(const struct alignedgrid *grid, const struct aligned_groups *groups,
		   const double *v, double *ret_v);

/* The end of a group, in nanoseconds since the epoch; @part is its part. */
int64_t aligned_group_end(const struct alignedgrid *grid, const struct aligned_groups *groups,
			  size_t part, size_t group);

#endif
