/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debian 12's SQLite can corrupt a WAL that two connections write or checkpoint (db.h). A
 * VFS that sees every lock and write tells what the store, the readers of HTTP and the
 * tables of SQL really do, in the middle of each other's work.
 */
#include <sys/wait.h>

#include "daemon/query/cursor.h"
#include "daemon/query/eventquery.h"
#include "daemon/sql/tables.h"
#include "daemon/store/store.c"
#include "daemon/store/testdisk.h"
#include "daemon/store/testhistory.h"
#include "daemon/store/testvfs.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

/* The locks in a WAL's index, see sqlite.org/walformat.html. */
enum { LOCK_WRITE = 0, LOCK_CHECKPOINT = 1, LOCK_RECOVER = 2, LOCK_READ = 3 };

#define CONNECTIONS_MAX 1024

static char dir[] = "/tmp/vmexit-onewriter-XXXXXX";
static char path[64];
static const struct testhistory history = {
	.seed = 3, .step_ns = 300LL * 1000000000, .boot_steps = 400 };

/* What one connection did. */
struct connection {
	const void *handle;		/* of its database */
	bool read_write;
	unsigned int write_locks, checkpoint_locks, recover_locks;
	unsigned int database_writes;
};

struct audit {
	struct connection connections[CONNECTIONS_MAX];
	size_t count;
	unsigned int fetches;
	unsigned int wal_writes, in_the_middle;
	void (*meanwhile)(void *ctx);	/* at some of the writer's writes */
	void *ctx;
	bool busy;
};

static struct connection *connection_of(struct audit *audit, const void *handle)
{
	/* A handle that was closed may come again. */
	for (size_t i = audit->count; i-- > 0;) {
		if (audit->connections[i].handle == handle)
			return &audit->connections[i];
	}
	return NULL;
}

static void on_lock(struct connection *c, const struct testvfs_event *e)
{
	int first = e->offset, end = first + e->count;

	if (!(e->flags & SQLITE_SHM_LOCK) || !(e->flags & SQLITE_SHM_EXCLUSIVE))
		return;
	c->write_locks += first <= LOCK_WRITE && end > LOCK_WRITE;
	c->checkpoint_locks += first <= LOCK_CHECKPOINT && end > LOCK_CHECKPOINT;
	c->recover_locks += first <= LOCK_RECOVER && end > LOCK_RECOVER;
}

/* Let others read while something is half written. */
static void let_others(struct audit *audit, const struct testvfs_event *e)
{
	if (audit->busy || !audit->meanwhile || ++audit->wal_writes % 13)
		return;
	if (e->file != TESTVFS_WAL && e->file != TESTVFS_DATABASE)
		return;
	audit->busy = true;
	audit->in_the_middle++;
	audit->meanwhile(audit->ctx);
	audit->busy = false;
}

static int on_event(void *ctx, const struct testvfs_event *e)
{
	struct audit *audit = ctx;
	struct connection *c = e->file == TESTVFS_DATABASE ? connection_of(audit, e->handle) : NULL;

	switch (e->op) {
	case TESTVFS_OPEN:
		if (e->file == TESTVFS_DATABASE && audit->count < CONNECTIONS_MAX)
			audit->connections[audit->count++] = (struct connection){
				.handle = e->handle,
				.read_write = e->flags & SQLITE_OPEN_READWRITE,
			};
		break;
	case TESTVFS_FETCH:
		audit->fetches++;
		break;
	case TESTVFS_SHM_LOCK:
		if (c)
			on_lock(c, e);
		break;
	case TESTVFS_WRITE:
		if (c)
			c->database_writes++;
		let_others(audit, e);
		break;
	default:
		break;
	}
	return SQLITE_OK;
}

/* What the readers may not do, counted over all connections. */
struct verdict {
	unsigned int writers;		/* connections that may write, or did, or had a lock for it */
	unsigned int read_write;
	unsigned int readers;
	unsigned int commits, checkpoints;	/* locks of the one writer */
};

static struct verdict judge(const struct audit *audit)
{
	struct verdict v = { 0 };

	for (size_t i = 0; i < audit->count; i++) {
		const struct connection *c = &audit->connections[i];
		bool wrote = c->write_locks || c->checkpoint_locks || c->recover_locks ||
			     c->database_writes;

		v.writers += c->read_write || wrote;
		v.read_write += c->read_write;
		v.readers += !c->read_write && !wrote;
		v.commits += c->write_locks;
		v.checkpoints += c->checkpoint_locks;
	}
	return v;
}

/* ---- who reads ---- */

struct readers {
	struct query *query;
	sqlite3 *sql;
	uint64_t rows;
};

static int read_vm(void *ctx, const struct query_vm *vm)
{
	struct readers *r = ctx;
	struct query_filter filter = { .vm_id = vm->id };
	const struct row_pair *pair;
	struct cursor *cursor;

	if (cursor_new(r->query, &filter, true, &cursor) < 0)
		return -EIO;
	while (cursor_next(cursor, &pair) > 0)
		r->rows++;
	cursor_free(cursor);
	return 0;
}

static int read_live(void *ctx, const struct query_vm *vm, const struct row_pair *pair)
{
	(void)vm;
	(void)pair;
	((struct readers *)ctx)->rows++;
	return 0;
}

static void read_all(void *ctx)
{
	static const char *const sql[] = {
		"SELECT count(*) FROM sample WHERE exits > 0",
		"SELECT sum(value) FROM sample_value WHERE kind = 'exits'",
		"SELECT count(*) FROM rollup",
		"SELECT count(*) FROM gap",
	};
	struct query *another = NULL;
	struct readers *r = ctx;
	int64_t last = 0;

	(void)query_vms(r->query, read_vm, r);
	if (query_last_id(r->query, &last) == 0)
		(void)query_since(r->query, last > 50 ? last - 50 : 0, 100, read_live, r);
	for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
		if (sqlite3_exec(r->sql, sql[i], NULL, NULL, NULL) == SQLITE_OK)
			r->rows++;
	}
	/* One that comes and goes, as a request does. */
	if (query_open(path, &another) == 0)
		r->rows++;
	query_free(another);
}

static bool open_readers(struct readers *r)
{
	return query_open(path, &r->query) == 0 && db_open_reader(path, &r->sql) == 0 &&
	       tables_register(r->sql, 0) == SQLITE_OK;
}

static void close_readers(struct readers *r)
{
	query_free(r->query);
	(void)sqlite3_close(r->sql);
}

/* ---- what is audited ---- */

static bool fill(struct store *store, uint64_t reached[TESTHISTORY_VMS], unsigned int commits)
{
	bool good = true;

	for (unsigned int i = 0; i < commits && good; i++) {
		for (unsigned int n = 0; n < 12; n++) {
			unsigned int vm = n % TESTHISTORY_VMS;

			good = good && testhistory_add(&history, store, vm, ++reached[vm]) == 0;
		}
		good = good && store_flush(store, 0) > 0;
		while (store_work(store, testhistory_ns(&history, reached[0])) > 0)
			;
	}
	return good;
}

static void test_one_writer(void)
{
	uint64_t reached[TESTHISTORY_VMS] = { 0 };
	char why[TESTHISTORY_WHY_MAX] = "";
	struct readers readers = { 0 };
	struct audit audit = { 0 };
	struct store *store = NULL;
	struct verdict v;
	bool good;

	good = testvfs_install(on_event, &audit) == SQLITE_OK && store_open(path, &store) == 0;
	if (good)
		store->upkeep.checkpoint_pages = 60;
	good = good && fill(store, reached, 2) && open_readers(&readers);
	audit.meanwhile = read_all;
	audit.ctx = &readers;
	good = good && fill(store, reached, 10);
	audit.meanwhile = NULL;
	v = judge(&audit);
	ok(good && audit.in_the_middle > 20 && readers.rows > 1000 && v.readers > 20,
	   "readers (%u connections) in the middle of the writer's work, %u times", v.readers,
	   audit.in_the_middle);
	ok(v.commits > 20 && v.checkpoints > 4, "of %u commits and more, and %u checkpoints",
	   v.commits, v.checkpoints);
	ok(v.read_write == 1, "one connection is opened to write");
	ok(v.writers == 1, "no other ever takes a lock to write, to checkpoint or to recover");
	ok(audit.fetches == 0, "nothing is mapped into memory");
	/* Whoever closes last checkpoints, if it may: in vmexitd that is the writer. */
	store_free(store);
	read_all(&readers);
	close_readers(&readers);
	v = judge(&audit);
	ok(v.read_write == 1 && v.writers == 1, "nor when a reader is the last to close");
	testvfs_remove();
	ok(testhistory_holds(&history, path, reached, why), "and all is there%s%s", *why ? ": " : "",
	   why);
}

/* After a kill the WAL is there without an index: who opens first recovers that. */
static void test_recovery(void)
{
	uint64_t reached[TESTHISTORY_VMS] = { 0 };
	struct readers readers = { 0 };
	struct audit audit = { 0 };
	struct store *store = NULL;
	struct verdict v;
	pid_t pid = fork();
	int status = -1;
	bool good;

	if (pid == 0) {
		good = store_open(path, &store) == 0;
		for (unsigned int vm = 0; vm < TESTHISTORY_VMS && good; vm++)
			reached[vm] = testhistory_reached(&history, store, vm);
		_exit(good && fill(store, reached, 2) ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	good = status == 0 && testvfs_install(on_event, &audit) == SQLITE_OK &&
	       store_open(path, &store) == 0 && open_readers(&readers);
	read_all(&readers);
	v = judge(&audit);
	ok(good && audit.connections[0].read_write && audit.connections[0].recover_locks > 0 &&
		   v.writers == 1 && v.readers > 2,
	   "after a crash the writer recovers the WAL, in front of all readers");
	close_readers(&readers);
	store_free(store);
	testvfs_remove();
}

static void as_another_writer(void *ctx)
{
	sqlite3 *db;

	(void)ctx;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK)
		(void)sqlite3_exec(db, "PRAGMA mmap_size = 1048576; SELECT count(*) FROM chunk;"
				       "PRAGMA wal_checkpoint", NULL, NULL, NULL);
	sqlite3_close(db);
}

/* That it would be seen. */
static void test_audit(void)
{
	uint64_t reached[TESTHISTORY_VMS] = { 0 };
	struct audit audit = { .meanwhile = as_another_writer };
	struct store *store = NULL;
	struct verdict v;
	bool good;

	good = testvfs_install(on_event, &audit) == SQLITE_OK && store_open(path, &store) == 0;
	for (unsigned int vm = 0; vm < TESTHISTORY_VMS && good; vm++)
		reached[vm] = testhistory_reached(&history, store, vm);
	good = good && fill(store, reached, 2);
	v = judge(&audit);
	ok(good && v.read_write > 1 && v.writers > 1 && audit.connections[1].checkpoint_locks > 0,
	   "a second one that writes or checkpoints is seen");
	ok(audit.fetches > 0, "and one that maps pages");
	audit.meanwhile = NULL;
	store_free(store);
	testvfs_remove();
}

int main(void)
{
	log_init("onewriter_test", LOG_ERROR - 1);
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/v.db", dir);
	test_one_writer();
	test_recovery();
	test_audit();
	testdisk_remove(path);
	rmdir(dir);
	return done_testing();
}
