/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is stored beside samples: marks, gaps, what is quarantined, and the lists of
 * exit reasons. Logging (database errors only).
 */
#ifndef DAEMON_EVENTQUERY_H
#define DAEMON_EVENTQUERY_H

#include "daemon/query/query.h"

/* At most so many of each kind are answered. */
#define EVENTQUERY_MAX 10000

/*
 * What of a boot @filter admits, oldest first, to @fn while it returns 0; filter->boot is
 * not looked at. Each returns 0, -errno, or what @fn returned.
 */
typedef int (*eventquery_mark_fn)(void *ctx, const struct mark *mark);
int eventquery_marks(struct query *query, const struct boot *boot,
		     const struct query_filter *filter, eventquery_mark_fn fn, void *ctx);

/*
 * Marks that tell which intervals of a boot meet @filter's range: the last EVENTQUERY_MAX before
 * it, which may lack begins, and those in it. *ret_all: it has no more than these; else of one
 * that did not end it is not known whether it did.
 */
int eventquery_intervals(struct query *query, const struct boot *boot,
			 const struct query_filter *filter, eventquery_mark_fn fn, void *ctx,
			 bool *ret_all);

/* Of each phase of the guest's boot that has a mark the first one; oldest first. Likewise. */
int eventquery_phases(struct query *query, const struct boot *boot, eventquery_mark_fn fn,
		      void *ctx);

typedef int (*eventquery_range_fn)(void *ctx, enum sample_source source,
				   const struct range *range);
int eventquery_ranges(struct query *query, const struct boot *boot, enum range_kind kind,
		      const struct query_filter *filter, eventquery_range_fn fn, void *ctx);

/* What of a boot is quarantined, all in all; count 0: nothing. The cause is the latest. */
int eventquery_quarantined(struct query *query, const struct boot *boot, struct range *ret_all);

/* The gap of @boot, of any source, that ended last. Returns 0, -ENOENT or -errno. */
int eventquery_last_gap(struct query *query, const struct boot *boot, struct range *ret_gap);

/* The lists of one sample. */
struct eventquery_detail {
	int64_t t_ns;
	size_t len;
	uint8_t detail[FRAME_PAYLOAD_MAX];
};

/* The first or @last sample of a boot and source that has reasons. 0, -ENOENT or -errno. */
int eventquery_detail(struct query *query, const struct boot *boot, enum sample_source source,
		      bool last, struct eventquery_detail *ret_detail);

#endif
