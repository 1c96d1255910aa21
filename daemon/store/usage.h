/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many bytes of chunks there are, by tier and by VM: summed up once, then kept as chunks
 * are put and dropped. For expire.c only. Logging (database errors only).
 */
#ifndef DAEMON_USAGE_H
#define DAEMON_USAGE_H

#include "daemon/store/archive.h"
#include "daemon/store/rollup.h"

struct usage_vm {
	int64_t id;
	uint64_t bytes;
	bool draining;			/* for whoever limits it */
	int64_t said_ns;		/* likewise: when it was told; 0: never */
};

struct usage {
	struct sqlite3 *db;
	struct archive *archive;
	struct sqlite3_stmt *vm_of;
	bool known;			/* the numbers below are those of the database */
	bool changed;			/* by the transaction under way */
	uint64_t bytes[ROLLUP_TIERS];
	int64_t oldest_ns[ROLLUP_TIERS];	/* no chunk ended before it */
	struct usage_vm *vms;		/* by id */
	size_t count, room;
};

/* Watch @archive, which is on @db and outlives the result. Returns 0 or -errno. */
int usage_open(struct sqlite3 *db, struct archive *archive, struct usage *ret_usage);
void usage_close(struct usage *usage);

/* Sum up, unless all is known. Returns 0 or -errno. */
int usage_know(struct usage *usage);

/* A transaction ended; what one that failed changed is no longer known. */
void usage_settle(struct usage *usage, bool committed);

#endif
