/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A batch to the receiver, as one request if that is taken. If it is refused, the samples at
 * fault are looked for: each stream's alone, and of a stream that is refused, one sample after
 * the other, until the rest of it is taken. In that order, since a receiver may take no sample
 * that is older than its last.
 *
 * One that says of a sample that it is too old says so, for a minute, of all that are as old. After
 * some such samples in a row one further ahead is offered first: else hours of them would take a
 * request each. If that is taken, those between are refused as out of order. Logging (what is
 * refused, once a minute).
 */
#ifndef DAEMON_REMOTESEND_H
#define DAEMON_REMOTESEND_H

#include "daemon/remote/remotebatch.h"
#include "daemon/remote/remotepush.h"

struct remotesend {
	struct remotepush *push;
	int64_t settle_ms;
	/* Since the begin: stored samples taken and refused, values and bytes taken, requests. */
	uint64_t sent, refused, values, bytes, requests, failures;
	bool may_have_restarted;	/* since this was last looked at and set to false */
	struct remotepush_answer last;	/* the last that was not taken */
	bool has_too_old;		/* samples up to this time are too old for it: */
	int64_t too_old_ms, too_old_since_ms;
	int64_t said_ms;		/* when a refusal was logged; 0: never */
	uint64_t refused_since;		/* then */
};

/*
 * Send all of @batch; each stream goes on as far as it was taken, or refused for good. Returns 0,
 * -EAGAIN when the rest is to be tried later, as send->last says, or -ENOMEM.
 */
int remotesend_batch(struct remotesend *send, struct remotebatch *batch);

#endif
