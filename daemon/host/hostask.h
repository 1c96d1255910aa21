/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking libvirt about targets: which, when, and what an answer is worth. Used by
 * the host source's thread only. Logging.
 */
#ifndef DAEMON_HOSTASK_H
#define DAEMON_HOSTASK_H

#include "daemon/host/hosttarget.h"

/* One kind of call. */
struct hostask_line {
	enum virtstats_kind kind;
	int64_t due_ns;			/* CLOCK_MONOTONIC, as all here */
	int64_t usual_ns;		/* that a call takes */
	int64_t begun_ns;
	const struct virtstats_call *under_way;	/* the latest; only its address is ours */
	unsigned int made;
};

struct hostask {
	struct virtstats *virtstats;	/* NULL: nobody to ask */
	bool counters;			/* ask for these, not only whether QEMUs answer */
	struct hostplan_rates rates;
	struct hostask_line read, probe;
	bool busy_said;
};

/* @virtstats may be NULL, and stays the caller's. */
void hostask_init(struct hostask *ask, struct virtstats *virtstats, bool counters,
		  const struct hostplan_rates *rates);

/* Something about a target is new: ask soon. */
void hostask_soon(struct hostask *ask, int64_t now_ns);

/* When hostask_run() has something to do; INT64_MAX for never. */
int64_t hostask_due(const struct hostask *ask);

/* Start the calls that are due. */
void hostask_run(struct hostask *ask, struct hosttarget *targets, int64_t now_ns);

/*
 * Take in a call that has ended, and free it. @fn gets each target that it tells of,
 * and the reading, if it brought one; that is @fn's.
 */
typedef void (*hostask_fn)(void *ctx, struct hosttarget *target, struct host_reading *reading);
void hostask_take(struct hostask *ask, struct hosttarget *targets,
		  const struct hosttarget_place *place, struct virtstats_call *call,
		  int64_t now_ns, hostask_fn fn, void *ctx);

#endif
