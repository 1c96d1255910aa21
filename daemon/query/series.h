/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Curves: rates, levels or sums over time of one boot and source. Non-logging. */
#ifndef DAEMON_SERIES_H
#define DAEMON_SERIES_H

#include "daemon/query/curve.h"
#include "daemon/query/kind.h"
#include "daemon/query/query.h"

#define SERIES_POINTS_MIN 2
#define SERIES_POINTS_MAX 10000

/* Curves that may be asked for, and curves in an answer. */
#define SERIES_WANTS_MAX 64
#define SERIES_MAX 4096

/* Points of all curves together while they are read: some 100 MB. */
#define SERIES_POINTS_ALL 2000000

struct series_options {
	unsigned int points;		/* at most, above 0 */
	/*
	 * v is the sum at t since the boot began, min and max that at the interval's ends. Where
	 * the VM's creation was not seen its counters are counted from the first sample on;
	 * the guest's own count from its boot, or from where the kernel or agent began.
	 */
	bool cumulative;
	/* As they stand in this tier, however many points that makes; `points` does not count. */
	bool unmerged;
	int tier;
};

/*
 * The curves of @wants under @filter, by boot, source and want, each of at most
 * options->points: neighbours are merged, the average staying exact. Of counters v is the
 * increase by the time that it took, of levels the mean of the samples; min and max are those
 * of the intervals between samples, or bound them within 0.8 %. Curves without a point
 * are left out, so the list may be empty. Returns 0, -E2BIG for more than SERIES_MAX
 * or SERIES_POINTS_ALL, or another -errno; the caller frees with series_free().
 */
int series_read(struct query *query, const struct query_filter *filter,
		const struct spans_want *wants, size_t wants_count,
		const struct series_options *options, struct series **ret_series);
void series_free(struct series *series);

#endif
