/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the store needs of a database to go on where it ended: VMs and of each one the
 * latest boot, and the one where its guest may have been before. For store.c only. Logging.
 */
#ifndef DAEMON_STORELOAD_H
#define DAEMON_STORELOAD_H

#include "daemon/base/record.h"

struct blocks;
struct sqlite3;

/* Largest ids there are; 0: none. */
struct storeload_ids {
	int64_t vm, boot, sample;
};

/*
 * All VMs, linked by `next` in front of *vms, with their boots; whoever frees them
 * frees what was loaded before a failure, too. Returns 0 or -errno.
 */
int storeload_vms(struct sqlite3 *db, struct blocks *blocks, struct vm **vms);

int storeload_ids(struct sqlite3 *db, struct storeload_ids *ret_ids);

#endif
