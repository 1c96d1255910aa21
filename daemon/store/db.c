/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

/* Threads read; the one that writes knows that it was told already. */
static _Thread_local bool is_quiet;

/*
 * Why the system refused, where that is something to be mended outside. Of a commit SQLite
 * keeps no error of the system's; it is still the last one then.
 */
static int io_errno(sqlite3 *db)
{
	int error = db && sqlite3_system_errno(db) ? sqlite3_system_errno(db) : errno;

	return error == ENOSPC || error == EDQUOT || error == EROFS ? -error : -EIO;
}

static int to_errno(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CANTOPEN:
		return -ENOENT;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EACCES;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return -EBADMSG;
	default:
		return io_errno(db);
	}
}

const char *db_error_words(int error)
{
	return error == -ENOSPC ? "the disk is full" :
	       error == -ESTALE ? "its file was removed or replaced while in use; put it back, or "
				  "restart vmexitd to begin another" :
				  strerror(-error);
}

void db_quiet(bool quiet)
{
	is_quiet = quiet;
}

int db_error(sqlite3 *db, const char *what, int rc)
{
	int r = to_errno(db, rc);

	if (!is_quiet)
		log_error("database: %s: %s%s%s", what, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc),
			  r == -EROFS || r == -EDQUOT ? ": " : "",
			  r == -EROFS || r == -EDQUOT ? strerror(-r) : "");
	return r;
}

int db_write_error(sqlite3 *db, const char *what, int rc)
{
	return to_errno(db, rc) == -ENOSPC ? -ENOSPC : db_error(db, what, rc);
}

int db_exec(sqlite3 *db, const char *sql, const char *what)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : db_error(db, what, rc);
}

int db_number(sqlite3 *db, const char *sql, int64_t *ret_value)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW)
			*ret_value = sqlite3_column_int64(stmt, 0);
		sqlite3_finalize(stmt);
	}
	return rc == SQLITE_ROW ? 0 : db_error(db, sql, rc);
}

int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_stmt)
{
	int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_stmt, NULL);

	return rc == SQLITE_OK ? 0 : db_error(db, "cannot prepare a statement", rc);
}

int db_bind(sqlite3 *db, sqlite3_stmt *stmt, const int64_t *values, size_t count)
{
	(void)sqlite3_reset(stmt);
	for (size_t i = 0; i < count; i++) {
		int rc = sqlite3_bind_int64(stmt, i + 1, values[i]);

		if (rc != SQLITE_OK)
			return db_error(db, "cannot bind", rc);
	}
	return 0;
}

int db_step(sqlite3 *db, sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	(void)sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : db_write_error(db, sqlite3_sql(stmt), rc);
}

int db_run(sqlite3 *db, sqlite3_stmt *stmt)
{
	int r = db_step(db, stmt);

	(void)sqlite3_reset(stmt);
	return r < 0 ? r : 0;
}

/*
 * The lock has a file of its own: closing any descriptor of the database would
 * drop SQLite's own locks on it (fcntl locks belong to the process).
 */
static int take_lock(const char *path, int *ret_lock)
{
	_cleanup_close_ int fd = -1;
	char lock[4096];
	char holder[32] = "";

	if (snprintf(lock, sizeof(lock), "%s.lock", path) >= (int)sizeof(lock)) {
		log_error("%s: the name is too long", path);
		return -ENAMETOOLONG;
	}
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0) {
		int error = errno;

		log_error("cannot open %s: %s; %sname another --database", lock, strerror(error),
			  error == ENOENT ? "make its directory, or " :
			  error == EACCES ? "start vmexitd as its service (systemctl start vmexitd) or as root, or " : "");
		return -error;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int error = errno;

		if (error == EWOULDBLOCK && pread(fd, holder, sizeof(holder) - 1, 0) > 0) {
			holder[strcspn(holder, "\n")] = '\0';
			log_error("%s is in use by another vmexitd (process %s); "
				  "stop it, or name another --database",
				  path, holder);
			return -EBUSY;
		}
		log_error("cannot lock %s: %s", lock, strerror(error));
		return -error;
	}
	/* For the message above only; the lock itself does not need it. */
	if (ftruncate(fd, 0) == 0)
		(void)dprintf(fd, "%ld\n", (long)getpid());
	*ret_lock = fd;
	fd = -1;
	return 0;
}

int db_open_writer(const char *path, sqlite3 **ret_db, int *ret_lock)
{
	_cleanup_close_ int lock = -1;
	sqlite3 *db = NULL;
	mode_t mask;
	int rc, r;

	r = take_lock(path, &lock);
	if (r < 0)
		return r;
	mask = umask(0027);
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			     NULL);
	if (rc == SQLITE_OK)
		r = db_exec(db,
			    "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
			    "PRAGMA mmap_size = 0; PRAGMA cache_size = -65536;",
			    path);
	else
		r = db_error(db, path, rc);
	umask(mask);
	if (r < 0) {
		sqlite3_close(db);
		return r;
	}
	*ret_db = db;
	*ret_lock = lock;
	lock = -1;
	return 0;
}

/* Of a WAL that was put back in another's stead it cannot tell. */
static bool has_moved(sqlite3 *db)
{
	const char *path = sqlite3_db_filename(db, "main");
	struct stat st;
	int moved = 0;

	(void)sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	return moved || (stat(sqlite3_filename_wal(path), &st) < 0 && errno == ENOENT);
}

int db_begin_write(sqlite3 *db)
{
	int rc;

	if (has_moved(db))
		return -ESTALE;
	errno = 0;
	rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : db_write_error(db, "cannot begin", rc);
}

int db_end_write(sqlite3 *db, int r)
{
	int rc = r >= 0 ? sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) : SQLITE_OK;

	if (rc != SQLITE_OK)
		r = db_write_error(db, "cannot commit", rc);
	/* SQLite may have rolled back by itself; then there is nothing to do. */
	if (r < 0 && !sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

void db_close_writer(sqlite3 *db)
{
	if (!db)
		return;
	/* By its name SQLite would delete the WAL of the database that is there now. */
	if (has_moved(db))
		(void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	(void)sqlite3_close(db);
}

int db_open_reader(const char *path, sqlite3 **ret_db)
{
	sqlite3 *db = NULL;
	int rc, r;

	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	r = rc == SQLITE_OK ? db_exec(db, "PRAGMA query_only = ON; PRAGMA mmap_size = 0;", path)
			    : db_error(db, path, rc);
	if (r < 0) {
		sqlite3_close(db);
		return r;
	}
	*ret_db = db;
	return 0;
}

int db_checkpoint(sqlite3 *db)
{
	int rc;

	if (has_moved(db))
		return -ESTALE;
	errno = 0;
	rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	/* A reader is in the way of some of it. */
	return rc == SQLITE_OK || rc == SQLITE_BUSY ? 0
						      : db_write_error(db, "cannot checkpoint", rc);
}

static int count_pages(void *ctx, sqlite3 *db, const char *name, int pages)
{
	(void)name;
	*(int *)ctx = pages;
	/* What fails is tried again; the commit itself has succeeded. */
	if (pages >= DB_WAL_PAGES_MAX)
		(void)db_checkpoint(db);
	return SQLITE_OK;
}

void db_defer_checkpoints(sqlite3 *db, int *pages)
{
	(void)sqlite3_wal_hook(db, count_pages, pages);
}

void db_text(struct sqlite3_stmt *stmt, int column, char *to, size_t size)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	snprintf(to, size, "%s", text ? (const char *)text : "");
}
