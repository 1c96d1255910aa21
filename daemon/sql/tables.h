/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The samples as tables of SQL: vmexit-sql(7). Logging. */
#ifndef DAEMON_TABLES_H
#define DAEMON_TABLES_H

struct sqlite3;

/*
 * Make the virtual tables sample, sample_value and rollup and the functions known to @db,
 * which has a database of vmexitd's, and with @views the temporary views for people.
 * Returns SQLite's result code.
 */
int tables_register(struct sqlite3 *db, int views);

#endif
