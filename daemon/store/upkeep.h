/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is due in the background, a short step at a time: samples are sealed and rolled up,
 * the journal is trimmed, old data is dropped, the WAL goes into the database. For store.c
 * only. Logging.
 */
#ifndef DAEMON_UPKEEP_H
#define DAEMON_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/transaction.h"

struct upkeep {
	struct transaction_of of;
	int64_t now_ns;
	int64_t age_ns;			/* now, at most, for what is dropped for its age */
	bool drops_first;		/* of the two kinds of work */
	int error;			/* -errno of the last step, or 0 */
	int wal_pages;			/* that a checkpoint has to look at, see db.h */
	int checkpoint_pages;		/* so many are worth one */
};

/* @blocks and @expire outlive it. */
void upkeep_init(struct upkeep *upkeep, struct blocks *blocks, struct expire *expire);

/*
 * One step: in a transaction of its own, or a checkpoint. Returns 1 if there may be more, 0 if
 * not, or -errno.
 */
int upkeep_step(struct upkeep *upkeep, int64_t now_ns);

#endif
