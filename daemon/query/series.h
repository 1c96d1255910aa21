/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Curves: rates over time of one boot and source. Non-logging. */
#ifndef DAEMON_SERIES_H
#define DAEMON_SERIES_H

#include <stddef.h>

#include "daemon/query/query.h"
#include "daemon/query/rate.h"

#define SERIES_POINTS_MIN 2
#define SERIES_POINTS_MAX 10000
#define SERIES_KINDS_MAX 8

struct series {
	struct boot boot;
	enum sample_source source;
	int kind;			/* enum rate_kind, or an enum workload_index */
	size_t count;
	/* One array each of `count`; an interval is (t - dt, t], in seconds since the epoch. */
	double *t, *dt, *v, *min, *max;
	struct series *next;
};

/*
 * The curves of @kinds under @filter, by boot, source and kind, each of at most
 * @points: neighbours are merged, the average staying exact. Curves without a
 * point are left out, so the list may be empty. Returns 0 or -errno; the caller
 * frees with series_free().
 */
int series_read(struct query *query, const struct query_filter *filter, const int *kinds,
		size_t kinds_count, unsigned int points, struct series **ret_series);
void series_free(struct series *series);

#endif
