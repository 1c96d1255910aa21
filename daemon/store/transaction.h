/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One transaction of the only writer, and what has to know how it ended. For store.c and
 * upkeep.c only. Logging.
 */
#ifndef DAEMON_TRANSACTION_H
#define DAEMON_TRANSACTION_H

struct blocks;
struct expire;

/* What a transaction is about; all of it outlives this. */
struct transaction_of {
	struct blocks *blocks;
	struct expire *expire;
};

/*
 * Run @work within a transaction. Returns what that did, or -errno (-ENOSPC for a full
 * disk) with all as it was.
 */
typedef int (*transaction_fn)(void *ctx);
int transaction_run(const struct transaction_of *of, transaction_fn work, void *ctx);

#endif
