/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The database's tables, and how those of an older version become them. For the
 * store only. Logging.
 */
#ifndef DAEMON_SCHEMA_H
#define DAEMON_SCHEMA_H

struct sqlite3;

#define SCHEMA_APPLICATION_ID 0x564d5878	/* "VMXx" */
#define SCHEMA_VERSION 4

/*
 * Make the tables in an empty @db, or bring an older version's up to date, in one
 * transaction. Returns 0; -EBADMSG for another program's database and for a newer
 * version's, which are left as they are; or another -errno. @path is for messages.
 */
int schema_prepare(struct sqlite3 *db, const char *path);

#endif
