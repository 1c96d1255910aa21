/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened by exit reason, in a range. Logging (database errors only). */
#ifndef DAEMON_TOTALS_H
#define DAEMON_TOTALS_H

#include "daemon/query/query.h"

/* Of the first so many reasons all is known; a guest that has more made them up. */
#define TOTALS_REASONS_MAX 512

struct totals_reason {
	uint32_t number;
	uint64_t count, handling_cycles, away_cycles;
	double handling_s, away_s;	/* 0 where the clock rate is not known */
};

struct totals {
	struct totals_reason *reasons;	/* ascending by number */
	size_t count, room;
	uint32_t reason_namespace;	/* of the latest boot that has some */
	uint64_t exits;			/* of these reasons */
	bool has_times;			/* clock rate and vCPUs of all boots are known */
	double covered_s;		/* time that this was counted in, without gaps */
	double vcpu_s;			/* likewise of all vCPUs together */
	int64_t from_ns, to_ns;		/* begin of the first interval, end of the last */
};

/*
 * The sums of @filter's boots for @source: of the intervals that end in its range, without
 * those over gaps. Returns 0, -ENOENT if no sample there has reasons, or -errno;
 * totals_done() frees.
 */
int totals_read(struct query *query, const struct query_filter *filter,
		enum sample_source source, struct totals *ret_totals);
void totals_done(struct totals *totals);

/*
 * The sums of a reason, with zeros if it is new, or NULL where there are TOTALS_REASONS_MAX others.
 * Returns 0 or -ENOMEM.
 */
int totals_reason(struct totals *totals, uint32_t number, struct totals_reason **ret_reason);

#endif
