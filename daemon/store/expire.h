/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the store drops: chunks that are older than their tier is kept, or that take more room
 * than their tier or VM may have, the oldest first; then marks, gaps and boots of which no
 * number is left. Each step is a short transaction, however large the database is. For store.c
 * only. Logging.
 *
 * A chunk goes only when the next tier has what it says. Counts since a boot's begin do not
 * change by it: the stream keeps what they began with.
 */
#ifndef DAEMON_EXPIRE_H
#define DAEMON_EXPIRE_H

#include "daemon/store/blocks.h"

/* Of chunks of one tier; 0: no limit. */
struct expire_limit {
	int64_t age_ns;			/* of its last sample */
	uint64_t bytes;			/* of all VMs */
};

/* What tiers are called in settings (keep_NAME) and answers. */
extern const char *const expire_tier_names[ROLLUP_TIERS];

struct expire_limits {
	struct expire_limit tier[ROLLUP_TIERS];
	uint64_t vm_bytes;		/* of a VM's chunks of all tiers; 0: no limit */
};

struct expire;

/* Until it has limits nothing is due. @blocks outlives the result, which watches its archive. Returns 0 or -errno. */
int expire_new(struct blocks *blocks, struct expire **ret_expire);
void expire_free(struct expire *expire);

void expire_set_limits(struct expire *expire, const struct expire_limits *limits);
void expire_get_limits(const struct expire *expire, struct expire_limits *ret_limits);

/* Whether expire_due() would have something to look at; it may still find nothing to do. */
bool expire_is_due(const struct expire *expire, int64_t now_ns);

/*
 * One step of what is due. Returns 1 if there was something, 0 if not, -ENOSPC for a full
 * disk, or another -errno. Within a transaction of the caller's.
 */
int expire_due(struct expire *expire, int64_t now_ns);

/*
 * Drop a VM, if nothing is left of it and its last boot ended long ago. Returns 1 if so,
 * and else as expire_due(). Nobody may use the VM any more.
 */
int expire_vm(struct expire *expire, int64_t vm, int64_t now_ns);

/* A transaction ended, one of expire_due() or of anything else that puts or drops chunks. */
void expire_settle(struct expire *expire, bool committed);

#endif
