/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers of one boot and source over a range of time, each series by itself: from the
 * rollups that are fine enough, behind their end from finer ones, then from samples;
 * before the begin of what retention left of these, from coarser ones. Logging (database
 * errors only).
 */
#ifndef DAEMON_SPANS_H
#define DAEMON_SPANS_H

#include "daemon/query/query.h"
#include "daemon/query/span.h"

struct spans_of {
	const struct boot *boot;
	enum sample_source source;
	int64_t from_ns, to_ns;		/* of samples, both included */
};

/*
 * All of @wants in @of to @fn, while it returns 0. No bucket is wider than those of @tier, as
 * far as there are finer ones. Where the range cuts a bucket, finer ones or samples are
 * taken, and the whole bucket only where these are gone. Returns 0, -errno, or what @fn
 * returned.
 */
int spans_read(struct query *query, const struct spans_of *of, int tier,
	       const struct spans_want *wants, size_t wants_count, spans_fn fn, void *ctx);

/* When there are samples of @of, from the first to the last. Returns 0, -ENOENT or -errno. */
int spans_times(struct query *query, const struct spans_of *of, int64_t *ret_from_ns,
		int64_t *ret_to_ns);

/*
 * How many samples chunks have that spans_read() of @tier would read; at least those.
 * *ret_whole: none of them in coarser tiers alone.
 */
int spans_count(struct query *query, const struct spans_of *of, int tier, uint64_t *ret_samples,
		bool *ret_whole);

/* The coarsest tier with buckets of at most @width_ns. */
int spans_tier(int64_t width_ns);

#endif
