/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opening the SQLite database. Logging: every failure here is one line.
 *
 * Debian 12's SQLite 3.40.1 can corrupt a WAL when two connections write or
 * checkpoint (sqlite.org/wal.html, "the WAL-reset bug"). So one connection does
 * both, and every other one is opened read-only.
 */
#ifndef DAEMON_DB_H
#define DAEMON_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite3;
struct sqlite3_stmt;

/*
 * Open @path for the only writer, making an empty one if there is none. A lock on
 * PATH.lock keeps a second daemon out (-EBUSY); *ret_lock is its descriptor,
 * closed by the caller after the database. Returns 0 or -errno. The file is as it
 * was: whoever has seen that it is one of ours sets its journal's mode to WAL.
 */
int db_open_writer(const char *path, struct sqlite3 **ret_db, int *ret_lock);

/*
 * A transaction that writes: begin, and end with what its work came to, @r. Both return
 * -errno with all as it was, else 0 and @r. -ESTALE: the database or its WAL is not where it
 * was opened any more, so what would be committed is nowhere to be found.
 */
int db_begin_write(struct sqlite3 *db);
int db_end_write(struct sqlite3 *db, int r);

/* Close what db_open_writer() opened; NULL is nothing. Its lock is still the caller's. */
void db_close_writer(struct sqlite3 *db);

/*
 * Open @path read-only; the writer must have opened it before. Returns 0 or -errno. Neither
 * kind of connection is to be shared by threads.
 */
int db_open_reader(const char *path, struct sqlite3 **ret_db);

/* Pages of the WAL from which a commit does not wait for db_checkpoint(): 32 MB. */
#define DB_WAL_PAGES_MAX 8192

/*
 * From now on checkpoints of the writer's @db wait for db_checkpoint(), so that no commit takes
 * longer for one. *pages, which outlives @db, is how many the WAL had after the last commit.
 */
void db_defer_checkpoints(struct sqlite3 *db, int *pages);

/* Into the database with what no reader needs in the WAL. Returns 0 or -errno. */
int db_checkpoint(struct sqlite3 *db);

/* Run @sql, doing @what. Returns 0 or -errno. */
int db_exec(struct sqlite3 *db, const char *sql, const char *what);

/* The number that @sql, a query of one value, answers. Returns 0 or -errno. */
int db_number(struct sqlite3 *db, const char *sql, int64_t *ret_value);

/* A statement that is kept; finalized by the caller. Returns 0 or -errno. */
int db_prepare(struct sqlite3 *db, const char *sql, struct sqlite3_stmt **ret_stmt);

/* Begin @stmt anew with @count integers as its first parameters. Returns 0 or -errno. */
int db_bind(struct sqlite3 *db, struct sqlite3_stmt *stmt, const int64_t *values, size_t count);

#define DB_BIND(db, stmt, ...) \
	db_bind(db, stmt, (const int64_t[]){ __VA_ARGS__ }, \
		sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

/* 1: a row; 0: none left, and @stmt is reset; or -errno, likewise. A full disk is not logged. */
int db_step(struct sqlite3 *db, struct sqlite3_stmt *stmt);

/* The one step of a statement that answers no rows. Returns 0 or -errno. */
int db_run(struct sqlite3 *db, struct sqlite3_stmt *stmt);

/* Copy a column, "" for NULL; what is longer than @size is cut. */
void db_text(struct sqlite3_stmt *stmt, int column, char *to, size_t size);

/* Log what @db says about @rc, doing @what, and return it as -errno. */
int db_error(struct sqlite3 *db, const char *what, int rc);

/* Likewise of a write; a full disk is not logged, which whoever commits says once. */
int db_write_error(struct sqlite3 *db, const char *what, int rc);

/* What -errno of a write means to a person: "the disk is full". */
const char *db_error_words(int error);

/* Whether this thread's errors are not to be logged, since they have been. */
void db_quiet(bool quiet);

#endif
