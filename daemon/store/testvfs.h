/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A VFS in front of SQLite's own that tells a test what happens to a database's files, and
 * lets it happen or not. For x_test.c only. Non-logging.
 */
#ifndef DAEMON_TESTVFS_H
#define DAEMON_TESTVFS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

enum testvfs_file { TESTVFS_DATABASE, TESTVFS_WAL, TESTVFS_JOURNAL, TESTVFS_OTHER, TESTVFS_FILES };

enum testvfs_op {
	TESTVFS_OPEN,
	TESTVFS_CLOSE,
	TESTVFS_READ,
	TESTVFS_WRITE,
	TESTVFS_TRUNCATE,
	TESTVFS_SYNC,
	TESTVFS_DELETE,			/* without a handle */
	TESTVFS_SHM_LOCK,		/* of the WAL's index */
	TESTVFS_FETCH,			/* a page by mmap */
};

struct testvfs_event {
	enum testvfs_op op;
	enum testvfs_file file;
	const char *path;
	const void *handle;		/* of a connection's file, until it is closed */
	sqlite3_file *real;		/* the file behind it */
	bool is_new;			/* OPEN: there was none */
	int flags;			/* OPEN: SQLITE_OPEN_*; SHM_LOCK: SQLITE_SHM_* */
	int64_t offset;			/* READ, WRITE; TRUNCATE: the size; SHM_LOCK: the first */
	const void *data;		/* WRITE */
	int count;			/* READ, WRITE: bytes; SHM_LOCK: locks; DELETE: directory synced */
};

/*
 * Called before the event takes place, but for OPEN, which it follows. SQLITE_OK lets it;
 * TESTVFS_DONE has SQLite believe
 * that it did (WRITE, TRUNCATE, SYNC, DELETE); another result code is what it hears instead.
 */
#define TESTVFS_DONE (-1)
typedef int (*testvfs_fn)(void *ctx, const struct testvfs_event *event);

/* What is opened from now on is told to @fn. One at a time. Returns SQLite's result code. */
int testvfs_install(testvfs_fn fn, void *ctx);

/* As it was, for what is opened from now on; what is open may only be closed. */
void testvfs_remove(void);

#endif
