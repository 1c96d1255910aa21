/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/backup.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "daemon/store/db.h"
#include "daemon/store/schema.h"
#include "guest-agent/shared/log.h"

/*
 * Instructions of SQLite's machine from one look at the progress to the next. A row, which
 * may be a chunk of 100 kB, takes some ten.
 */
#define PROGRESS_STEPS 200

struct copying {
	const char *to;
	uint64_t total;
	backup_progress_fn progress;
	void *ctx;
	int error;
};

/* Bytes in use, if @db is one of ours. */
static int measure(sqlite3 *db, const char *from, uint64_t *ret_bytes)
{
	int64_t id = 0, pages = 0, unused = 0, size = 0;
	int r = db_number(db, "PRAGMA application_id", &id);

	if (r == 0 && id != SCHEMA_APPLICATION_ID) {
		log_error("%s is a database of another program; --database names another", from);
		return -EBADMSG;
	}
	if (r == 0)
		r = db_number(db, "PRAGMA page_count", &pages);
	if (r == 0)
		r = db_number(db, "PRAGMA freelist_count", &unused);
	if (r == 0)
		r = db_number(db, "PRAGMA page_size", &size);
	*ret_bytes = (uint64_t)(pages - unused) * size;
	return r;
}

static int check_room(const char *to, uint64_t bytes)
{
	char path[PATH_MAX];
	struct statvfs st;
	uint64_t room;

	snprintf(path, sizeof(path), "%s", to);
	if (statvfs(dirname(path), &st) < 0) {
		int error = errno;

		log_error("%s: %s", path, strerror(error));
		return -error;
	}
	room = (uint64_t)st.f_bavail * st.f_frsize;
	if (room >= bytes)
		return 0;
	log_error("the copy takes %.1f MB, and there are %.1f MB free; name a file on another disk", bytes / 1e6, room / 1e6);
	return -ENOSPC;
}

/* Not 0 interrupts the statement. */
static int on_progress(void *ctx)
{
	struct copying *c = ctx;
	struct stat st;

	if (c->progress)
		c->error = c->progress(c->ctx, stat(c->to, &st) == 0 ? st.st_size : 0, c->total);
	return c->error != 0;
}

static int copy(sqlite3 *db, struct copying *c)
{
	sqlite3_stmt *stmt;
	mode_t mask = umask(0027);
	/* What is read-only is the file; the copy is written through this connection. */
	int rc, r = db_exec(db, "PRAGMA query_only = OFF", "cannot begin to copy");

	if (r == 0)
		r = db_prepare(db, "VACUUM INTO ?1", &stmt);
	if (r == 0) {
		sqlite3_progress_handler(db, PROGRESS_STEPS, on_progress, c);
		rc = sqlite3_bind_text(stmt, 1, c->to, -1, SQLITE_STATIC);
		rc = rc ? rc : sqlite3_step(stmt);
		sqlite3_progress_handler(db, 0, NULL, NULL);
		if (c->error)
			r = c->error;
		else if (rc != SQLITE_DONE)
			r = db_error(db, "cannot copy the database", rc);
		sqlite3_finalize(stmt);
	}
	umask(mask);
	return r;
}

static int check(const char *path)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db;
	bool good = false;
	int r = db_open_reader(path, &db);

	if (r < 0)
		return r;
	r = db_prepare(db, "PRAGMA quick_check", &stmt);
	if (r == 0)
		r = db_step(db, stmt);
	if (r > 0)
		good = strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	if (r < 0 || good)
		return r < 0 ? r : 0;
	log_error("the copy is damaged, and so is the database then");
	return -EBADMSG;
}

int backup_copy(const char *from, const char *to, backup_progress_fn progress, void *ctx)
{
	struct copying c = { .to = to, .progress = progress, .ctx = ctx };
	sqlite3 *db;
	int r = db_open_reader(from, &db);

	if (r < 0)
		return r;
	r = measure(db, from, &c.total);
	if (r == 0)
		r = check_room(to, c.total);
	if (r == 0)
		r = copy(db, &c);
	sqlite3_close(db);
	return r < 0 ? r : check(to);
}
