/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A grid of time that curves of different intervals can be put on, so that they can be
 * compared. Logging (database errors only).
 */
#ifndef DAEMON_ALIGNEDGRID_H
#define DAEMON_ALIGNEDGRID_H

#include "daemon/query/query.h"
#include "daemon/stats/correlation.h"

#define ALIGNEDGRID_CELLS_MAX 20000

/* Samples are read, all boots and sources together, where these are no more; else rollups. */
#define ALIGNEDGRID_ROWS_MAX 30000

/* Of more boots the newest count. */
#define ALIGNEDGRID_BOOTS_MAX 256

/* A cell has a value when so much of it is known. */
#define ALIGNEDGRID_COVERED 0.9

/* What is only known over more cells than this is not known of any. */
#define ALIGNEDGRID_SMEAR_MAX 3

/* Time without a gap, (from, to]. */
struct alignedgrid_stretch {
	int64_t from_ns, to_ns;
};

struct alignedgrid_part {
	struct boot boot;
	int64_t from_ns;			/* begin of its first cell, a multiple of the step */
	struct correlation_part cells;
	/* What samples of a source cover, in order of time. */
	struct alignedgrid_stretch *covered[SOURCES];
	size_t covered_count[SOURCES];
};

struct alignedgrid {
	int64_t step_ns;
	int tier;				/* of chunks, that the values come from */
	size_t cells;				/* of all parts, one behind the other */
	struct alignedgrid_part *parts;		/* one a boot, oldest first; each has cells */
	size_t parts_count;
};

/*
 * A grid for @sources (1 << enum sample_source) of the boots under @filter. Its step is the
 * interval that holds for nine tenths of the time, of the source where that is longer, or
 * what ALIGNEDGRID_CELLS_MAX allow; made round. No cell begins before the range or ends after
 * it. Returns 0, -ENOENT if there is no cell, or -errno; alignedgrid_done() frees.
 */
int alignedgrid_make(struct query *query, const struct query_filter *filter, unsigned int sources,
		     struct alignedgrid *ret_grid);
void alignedgrid_done(struct alignedgrid *grid);

/* Whether samples of @source cover (@from_ns, @to_ns] without a gap. */
bool alignedgrid_covers(const struct alignedgrid_part *part, enum sample_source source,
			int64_t from_ns, int64_t to_ns);

/* A curve while it is put on the grid: an array each, as long as the grid. */
struct alignedgrid_curve {
	double *amount, *covered;		/* rate x seconds, seconds */
};

/*
 * Say that a curve was at @rate over (@from_ns, @to_ns], by time-weighted overlap. What is longer
 * than ALIGNEDGRID_SMEAR_MAX times @stride cells says nothing.
 */
void alignedgrid_add(const struct alignedgrid *grid, const struct alignedgrid_part *part,
		     const struct alignedgrid_curve *curve, unsigned int stride, int64_t from_ns,
		     int64_t to_ns, double rate);

/*
 * amount becomes the curve: rates, rounded to 30 bits, so that equal ones are equal; NaN where
 * too little of a cell is covered.
 */
void alignedgrid_finish(const struct alignedgrid *grid, const struct alignedgrid_curve *curve);

/* The interval, of some in @ns (sorted in place), that holds for nine tenths of the time. */
uint64_t alignedgrid_usual(uint64_t *ns, size_t count);

#endif
