/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the database holds, and what that takes. Logging (database errors only). */
#ifndef DAEMON_STORAGE_H
#define DAEMON_STORAGE_H

#include "daemon/query/query.h"
#include "daemon/store/rollup.h"

struct storage_tier {
	uint64_t samples, bytes;	/* samples 0: nothing */
	int64_t from_ns, to_ns;
};

struct storage_vm {
	int64_t id;
	uint64_t bytes;			/* of chunks of all tiers */
};

struct storage {
	uint64_t file_bytes, free_bytes;	/* free: of the file, to be used again */
	uint64_t journal_samples, journal_bytes;	/* not sealed yet */
	struct storage_tier tier[ROLLUP_TIERS];
	struct storage_vm *vms;		/* those that have chunks, by id */
	size_t vms_count;
};

/* Returns 0 or -errno; *ret_storage is freed with storage_done() in either case. */
int storage_read(struct query *query, struct storage *ret_storage);
void storage_done(struct storage *storage);

/*
 * Bytes of the database with its write-ahead log, and those that its file system has left for
 * whoever is not root. Returns 0 or -errno.
 */
int storage_disk(struct query *query, uint64_t *ret_size, uint64_t *ret_free);

/* The bytes of a VM's chunks. */
uint64_t storage_of_vm(const struct storage *storage, int64_t id);

#endif
