/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What databases of version 1 and 2 had, into today's tables. For schema.c only. Logging.
 */
#ifndef DAEMON_MIGRATE_H
#define DAEMON_MIGRATE_H

struct sqlite3;

/*
 * Give the boots the columns that came later, and seal the rows of the table `sample` of
 * version 1 or 2, which is dropped. Within a transaction of the caller's. Says how far
 * it is when it takes long. Returns 0 or -errno.
 */
int migrate_samples(struct sqlite3 *db);

#endif
