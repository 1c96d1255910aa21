/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of the samples of one boot and source as a whole: where its count
 * begins, how far it is sealed and rolled up. For the store and its readers. Logging.
 */
#ifndef DAEMON_STREAM_H
#define DAEMON_STREAM_H

#include "daemon/base/record.h"
#include "daemon/store/rollup.h"

struct sqlite3;
struct streams;

struct stream {
	int64_t boot;
	enum sample_source source;
	bool has_base;
	uint64_t base_exits;		/* of its first sample that has exits */
	uint64_t base_sequence;		/* that sample's; it may be no more */
	uint64_t sealed[ROLLUP_TIERS];	/* by tier: the last sequence in its chunks */
	bool has_last;			/* false as well where it is damaged */
	struct sample last;		/* the last one sealed; its lists are in `tick` */
	uint8_t *tick;
};

/* On a connection that writes or on one that reads. Returns 0 or -errno. */
int streams_new(struct sqlite3 *db, struct streams **ret_streams);
void streams_free(struct streams *streams);

/* One that is not there is all zeros. Done with stream_done(). Returns 0 or -errno. */
int stream_get(struct streams *streams, int64_t boot, enum sample_source source,
	       struct stream *ret_stream);
void stream_done(struct stream *stream);

/*
 * Whether the counters of @boot began at zero when it was opened, and when that was.
 * Returns 0, -ENOENT or another -errno.
 */
int stream_origin(struct streams *streams, int64_t boot, bool *ret_from_zero,
		  int64_t *ret_opened_ns);

/* Make @last its last one sealed, a copy. Returns 0 or -ENOMEM. */
int stream_set_last(struct stream *stream, const struct sample *last);

/* Its count begins with @sample, which has exits, if that is not known. As stream_put(). */
int stream_set_base(struct streams *streams, int64_t boot, enum sample_source source,
		    const struct sample *sample);

/* Returns 0, -ENOSPC for a full disk, or another -errno. */
int stream_put(struct streams *streams, const struct stream *stream);

#endif
