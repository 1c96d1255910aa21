/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prometheus remote write: what is stored goes to another engine, in a thread of its own that
 * reads the database as any reader does, so that nothing waits for the receiver. Logging.
 */
#ifndef DAEMON_REMOTE_H
#define DAEMON_REMOTE_H

#include "daemon/remote/remotepush.h"
#include "daemon/store/sent.h"

struct remote;

struct remote_settings {
	const char *database;
	struct remotepush_settings push;	/* its stop is remote's own */
	const char *host;		/* label "host"; "": what the host calls itself */
	const char *labels;		/* NAME=VALUE,...: labels of all series */
	unsigned int interval_s;	/* from one request to the next, when all is well */
	unsigned int settle_s;		/* see remotestream.h */
	unsigned int resolution_ms;	/* of the samples of a stream the last in such a time; 0: all */
	bool from_all;			/* begin with all that is stored, not with what comes */
};

/*
 * All of it outlives the result. Returns 0, -EINVAL for a setting that is wrong, having logged
 * it, or another -errno. remote_stop() waits three seconds at
 * most; a thread that has not ended by then keeps its memory, and the database open.
 */
int remote_new(const struct remote_settings *settings, struct remote **ret_remote);
/* Send no more. Before the last remote_settled(). */
void remote_stop(struct remote *remote);
void remote_free(struct remote *remote);

/* How far samples were sent since the last call, to @fn: for store_sent(). From the writer's thread. */
void remote_settled(struct remote *remote, sent_fn fn, void *ctx);

enum remote_state {
	REMOTE_BEGINS,			/* nothing was sent yet */
	REMOTE_SENDS,
	REMOTE_CATCHES_UP,		/* what has waited */
	REMOTE_WAITS,			/* for the receiver */
};

/* Counts are of stored samples, of which each has many values, since vmexitd's start. */
struct remote_stats {
	enum remote_state state;
	double lag_s;			/* how old the oldest is that has yet to be sent; 0: none */
	uint64_t sent;			/* that the receiver took, again ones too */
	uint64_t refused;		/* for good */
	uint64_t lost;			/* dropped before they could be sent; ever */
	uint64_t values;		/* sent */
	uint64_t bytes;			/* likewise, as they were on the wire */
	uint64_t requests, failures;	/* and those that failed for the moment */
	int64_t taken_ns;		/* host time when the receiver took something; 0: never */
	char error[REMOTEPUSH_WORDS_MAX + 33];	/* why it waits, or what was refused last */
};

/* From any thread. */
void remote_get_stats(struct remote *remote, struct remote_stats *ret_stats);

/* "sending", ...: as the API calls it. */
const char *remote_state_word(enum remote_state state);

#endif
