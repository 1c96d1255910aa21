/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/db.h"

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
#include "guest-agent/shared/workload.h"

/*
 * Times are nanoseconds since the epoch on the host's clock. Counters are 64-bit
 * patterns: SQLite shows one above 2^63 as negative. What is not known is NULL.
 */
static const char schema[] =
	"CREATE TABLE vm ("
	" id INTEGER PRIMARY KEY,"
	" key TEXT NOT NULL UNIQUE,"	/* libvirt's UUID or a configured name */
	" name TEXT NOT NULL,"
	" state INTEGER NOT NULL,"	/* enum vm_state */
	" agent INTEGER NOT NULL,"	/* enum vm_agent */
	" leaf INTEGER NOT NULL,"	/* enum vm_leaf */
	" error TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE boot ("
	" id INTEGER PRIMARY KEY,"
	" vm INTEGER NOT NULL REFERENCES vm(id),"
	" number INTEGER NOT NULL,"
	" life TEXT NOT NULL,"		/* same text: same KVM VM, counters comparable */
	" cause INTEGER NOT NULL,"	/* enum boot_cause */
	" opened_ns INTEGER NOT NULL,"
	" closed_ns INTEGER,"
	" guest_boot_id BLOB,"
	" kernel TEXT,"
	" agent TEXT,"
	" vcpus INTEGER,"
	" tsc_khz INTEGER,"
	" reason_namespace INTEGER,"
	" UNIQUE (vm, number)"
	") STRICT;"
	"CREATE TABLE sample ("
	" id INTEGER PRIMARY KEY,"
	" boot INTEGER NOT NULL REFERENCES boot(id),"
	" source INTEGER NOT NULL,"	/* enum sample_source */
	" sequence INTEGER NOT NULL,"
	" t_ns INTEGER NOT NULL,"
	" t_boot_ns INTEGER,"		/* guest's CLOCK_BOOTTIME */
	" exits INTEGER,"
	" handling_cycles INTEGER,"
#define X(identifier, type, unit) " " #identifier " INTEGER,"
	WORKLOAD_MAP(X)
#undef X
	" UNIQUE (boot, source, sequence)"
	") STRICT;"
	"CREATE INDEX sample_time ON sample (boot, source, t_ns);";

static int to_errno(int rc)
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
		return -EIO;
	}
}

int db_error(sqlite3 *db, const char *what, int rc)
{
	log_error("database: %s: %s", what, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
	return to_errno(rc);
}

static int get_pragma(sqlite3 *db, const char *sql, int *ret_value)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW)
			*ret_value = sqlite3_column_int(stmt, 0);
		sqlite3_finalize(stmt);
	}
	return rc == SQLITE_ROW ? 0 : db_error(db, sql, rc);
}

static int exec(sqlite3 *db, const char *sql, const char *what)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : db_error(db, what, rc);
}

static int create_schema(sqlite3 *db)
{
	char version[128];
	int r;

	snprintf(version, sizeof(version), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
		 DB_APPLICATION_ID, DB_SCHEMA_VERSION);
	r = exec(db, "BEGIN IMMEDIATE", "cannot begin");
	if (r == 0)
		r = exec(db, schema, "cannot make the tables");
	if (r == 0)
		r = exec(db, version, "cannot set the version");
	if (r == 0)
		r = exec(db, "COMMIT", "cannot make the tables");
	return r;
}

static int check_schema(sqlite3 *db, const char *path)
{
	int application_id = 0, version = 0, tables = 0;
	int r;

	r = get_pragma(db, "PRAGMA application_id", &application_id);
	if (r == 0)
		r = get_pragma(db, "PRAGMA user_version", &version);
	if (r == 0)
		r = get_pragma(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r < 0)
		return r;
	if (application_id == 0 && version == 0 && tables == 0)
		return create_schema(db);
	if (application_id != DB_APPLICATION_ID) {
		log_error("%s is a database of another program; name another file", path);
		return -EBADMSG;
	}
	if (version != DB_SCHEMA_VERSION) {
		log_error("%s has version %d, this vmexitd knows %d; install the newer vmexitd",
			  path, version, DB_SCHEMA_VERSION);
		return -EBADMSG;
	}
	return 0;
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

		log_error("cannot open %s: %s; make its directory, or name another --database",
			  lock, strerror(error));
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
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (rc == SQLITE_OK)
		r = exec(db,
			 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			 "PRAGMA foreign_keys = ON; PRAGMA mmap_size = 0;",
			 path);
	else
		r = db_error(db, path, rc);
	if (r == 0)
		r = check_schema(db, path);
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

int db_open_reader(const char *path, sqlite3 **ret_db)
{
	sqlite3 *db = NULL;
	int rc, r;

	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
	r = rc == SQLITE_OK ? exec(db, "PRAGMA query_only = ON; PRAGMA mmap_size = 0;", path)
			    : db_error(db, path, rc);
	if (r < 0) {
		sqlite3_close(db);
		return r;
	}
	*ret_db = db;
	return 0;
}
