/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of the samples is to be sent to another engine, from where it was sent to: by VM and
 * source, each boot after the one before, each sample once. Nothing of the database is held
 * between two calls. Logging (database errors only).
 */
#ifndef DAEMON_UNSENT_H
#define DAEMON_UNSENT_H

#include "daemon/query/query.h"
#include "daemon/store/sent.h"

/* How far all were sent, as the database has it: sent_walk(). */
int unsent_positions(struct query *query, sent_fn fn, void *ctx);

/* How many samples were dropped before they could be sent: sent_lost(). */
int unsent_lost(struct query *query, uint64_t *ret_samples);

/* Behind all that there is of a VM and source; its t_ms is 0. Returns 0 or -errno. */
int unsent_end(struct query *query, int64_t vm, enum sample_source source, struct sent_at *ret_at);

struct unsent_next {
	struct boot boot;		/* with samples behind the position */
	uint64_t after;			/* of which these are above this sequence */
	int64_t from_ns;		/* none of them is earlier, unless a clock was set back */
};

/*
 * Where it goes on behind @at. Returns 0, -ENOENT when nothing is behind it yet, or another
 * -errno; then ret_next->boot is the last boot, of number 0 if there is none.
 */
int unsent_next(struct query *query, int64_t vm, enum sample_source source,
		const struct sent_at *at, struct unsent_next *ret_next);

/*
 * A sample, with its lists, valid during the call. @is_before: it is the one of the sequence
 * @after itself, if that is there still. What is not 0 ends the walk.
 */
typedef int (*unsent_fn)(void *ctx, const struct row_pair *pair, bool is_before);

/*
 * Samples of a boot and source above @after in order, of one block at most. @fn must not wait for
 * anything. Returns 1 when samples of another block may follow, 0 when not, -errno, or what @fn
 * returned.
 */
int unsent_read(struct query *query, const struct boot *boot, enum sample_source source,
		uint64_t after, unsent_fn fn, void *ctx);

#endif
