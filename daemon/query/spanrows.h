/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of a chunk as spans. For spans.c only. Non-logging. */
#ifndef DAEMON_SPANROWS_H
#define DAEMON_SPANROWS_H

#include "daemon/query/span.h"

/* Where spans go, and memory that all chunks use in turn. */
struct spanrows {
	const struct spans_want *wants;
	size_t wants_count;
	spans_fn fn;
	void *ctx;
	struct rollup_origin origin;
	struct span *spans;
	struct rollup_point *points;
	bool *wanted;			/* by row of samples */
	size_t room;
};

void spanrows_done(struct spanrows *rows);

/* Which samples of a chunk: with a sequence above @after and up to @upto, in a time. */
struct spanrows_range {
	uint64_t after, upto;
	int64_t from_ns, to_ns;
	uint64_t first;			/* the first one that is the chunk's own */
	const struct listleads *leads;	/* in front of the chunk, or NULL */
};

/* Each returns 0, -ENOMEM, -EBADMSG or what the spans_fn returned. */

/* Of samples. A row 0 that is up to @after may stand before the chunk's own. */
int spanrows_samples(struct spanrows *rows, struct chunk *chunk,
		     const struct spanrows_range *range);

/* Rows @first to @end - 1 of buckets, which the caller has read from @chunk. */
int spanrows_buckets(struct spanrows *rows, struct chunk *chunk,
		     const struct rollup_bucket *buckets, size_t first, size_t end);

#endif
