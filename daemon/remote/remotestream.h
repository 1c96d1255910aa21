/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One VM and source on its way to the receiver: how far it was read, taken, and is there for
 * good. Non-logging, pure.
 *
 * A receiver that says that it took samples may forget the latest of them when it is killed.
 * So what it took is there for good only when it was not seen to restart for a while; that is
 * what the database remembers, and where the stream goes back to after a restart. What is sent
 * again is the same, sample by sample, timestamp by timestamp.
 */
#ifndef DAEMON_REMOTESTREAM_H
#define DAEMON_REMOTESTREAM_H

#include "daemon/query/query.h"
#include "daemon/store/sent.h"

/* A clock that was set back by less is followed late, so that counters stay in order. */
#define REMOTESTREAM_STEP_MS 60000

/* A series of it: what metrics.h calls one, and where it stands in the request that is made. */
struct remoteseries {
	const void *metric;
	const char *label;		/* of the program's words: the pointer tells them apart */
	uint64_t life;			/* the stream's when it was there last */
	uint64_t sample;		/* the batch's then */
	uint64_t batch;			/* request in which it has the number: */
	int number;
};

struct remotestream {
	int64_t vm;
	enum sample_source source;
	char key[RECORD_KEY_MAX + 1], name[RECORD_NAME_MAX + 1];
	struct sent_at read;		/* in the request that is made */
	struct sent_at taken;
	struct sent_at settled;		/* there for good */
	bool is_news;			/* which the database does not know */
	bool has_waiting;		/* to settle: */
	struct sent_at waiting;
	int64_t waiting_ms;		/* since then, a monotonic clock */
	bool is_listed;			/* its VM is there still */
	uint32_t left;			/* number of the last boot whose end cannot be read; 0: none */

	/* For counters that begin at zero; see remotebatch.c. */
	uint64_t life;			/* number of the KVM VM that it is about, with the text: */
	char life_text[RECORD_LIFE_MAX + 1];
	bool has_list;			/* a list of reasons was read of it, the last one at: */
	int64_t list_ms;
	struct remoteseries *series;
	size_t series_count, series_room, series_next;
};

/* Begin at @at, which is in the database already. */
void remotestream_init(struct remotestream *s, int64_t vm, enum sample_source source,
		       const struct sent_at *at);
void remotestream_done(struct remotestream *s);

/* The timestamp of a sample at @t_ns behind @last_ms (0: none). */
int64_t remotestream_stamp(int64_t last_ms, int64_t t_ns);

/* The receiver took all up to @at. @settle_ms: until it is there for good. */
void remotestream_take(struct remotestream *s, const struct sent_at *at, int64_t now_ms,
		       int64_t settle_ms);

/* Time has passed: what was taken long enough ago settles. */
void remotestream_settle(struct remotestream *s, int64_t now_ms, int64_t settle_ms);

/* What is read is not sent: read it again; and if the receiver @restarted, what it took. */
void remotestream_rewind(struct remotestream *s, bool restarted);

#endif
