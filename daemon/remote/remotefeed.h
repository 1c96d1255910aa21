/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of the database is unsent, into requests: of all VMs and sources, in order of time over
 * all of them as far as that matters. For remote.c only. Logging (database errors, refusals).
 */
#ifndef DAEMON_REMOTEFEED_H
#define DAEMON_REMOTEFEED_H

#include <stdatomic.h>

#include "daemon/remote/remotesend.h"
#include "daemon/store/sent.h"

struct query;

/*
 * What has waited goes by windows of host time over all VMs, so that no VM's samples are later
 * than this before another's: receivers may take nothing that is an hour older than their last.
 */
#define REMOTEFEED_WINDOW_NS (600 * 1000000000LL)

struct remotefeed {
	/* Whoever makes it sets these, which outlive it. */
	struct query *query;
	struct remotebatch *batch;
	struct remotesend *send;
	const atomic_bool *stop;
	bool from_all;			/* begin with all that is stored */
	bool holds;			/* nothing settles: the receiver may have forgotten it */
	void *ctx;			/* of: */
	sent_fn settled;		/* so far a stream was sent for good; 0: noted */
	/* Before each window: how old what is unsent is, and whether it has waited. */
	void (*step)(void *ctx, int64_t lag_ns, bool is_behind);

	struct remotestream *streams;
	size_t count, room;
	bool has_begun;			/* the positions are known */
};

void remotefeed_done(struct remotefeed *f);

/* Look which VMs there are. Returns 0 or -errno. */
int remotefeed_list(struct remotefeed *f);

/* Everything that is unsent. Returns 0; -EAGAIN: the rest later; or another -errno. */
int remotefeed_send(struct remotefeed *f);

/* What was taken long enough ago is settled, and told, unless the receiver may have restarted since. */
void remotefeed_settle(struct remotefeed *f);

/* What was not taken is read again; and if the receiver @restarted, what has not settled. */
void remotefeed_rewind(struct remotefeed *f, bool restarted);

#endif
