/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Curves of interrupt sources, processes and units: their lists are not in every sample, and
 * have not everything. For aligned.c. Non-logging.
 */
#ifndef DAEMON_ALIGNEDLISTS_H
#define DAEMON_ALIGNEDLISTS_H

#include "daemon/query/alignedcurve.h"
#include "daemon/query/alignedgrid.h"
#include "daemon/query/span.h"

struct alignedlists_event {
	uint32_t part;
	int64_t t_ns;
	uint64_t value;			/* of times: reasons' nanoseconds */
};

/* What lists say of one curve; or when there was one. Zero-initialise; items are freed. */
struct alignedlists_events {
	struct alignedlists_event *items;
	size_t count, room;
	size_t sorted;			/* of times: so many are in order, each once */
};

bool alignedlists_is_list(const struct key *key);

/* Keep what spans of a curve say. Returns 0 or -ENOMEM. */
int alignedlists_add(struct alignedlists_events *events, uint32_t part, const struct span *spans,
		     size_t count, bool amounts);

/* Keep when they were, once, and of reasons for how long. Returns 0 or -ENOMEM. */
int alignedlists_add_times(struct alignedlists_events *times, uint32_t part,
			   const struct span *spans, size_t count, bool reasons);

/* Say that a reason's curve was at zero in those of @times that begin before @before_ns. */
void alignedlists_put_zeros(const struct alignedgrid *grid, const struct alignedgrid_part *part,
			    const struct alignedlists_events *times, int64_t before_ns,
			    const struct alignedgrid_curve *to);

/* Each time once, in order. */
void alignedlists_drop_same(struct alignedlists_events *times);

/*
 * There are no more: put them in order. *ret_stride: how many cells the interval between lists
 * takes. Returns 0 or -ENOMEM.
 */
int alignedlists_sort(const struct alignedgrid *grid, struct alignedlists_events *times,
		      unsigned int *ret_stride);

/* Put a curve on the grid; sorts @events. @times are sorted. */
void alignedlists_put(const struct alignedgrid *grid, const struct aligned_curve *curve,
		      const struct alignedlists_events *times,
		      struct alignedlists_events *events, const struct alignedgrid_curve *to);

#endif
