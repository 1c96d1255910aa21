/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far samples were sent: kept over restarts, forgotten with its VM, and what is lost. */
#include <sqlite3.h>

#include "daemon/store/db.h"
#include "daemon/store/store.h"
#include "daemon/store/testdb.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define T0 1763874000000000000LL

static char path[512];

struct found {
	struct sent sent[8];
	size_t count;
};

static int collect(void *ctx, const struct sent *sent)
{
	struct found *f = ctx;

	f->sent[f->count++] = *sent;
	return f->count == 8;
}

static struct found read_all(void)
{
	struct found f = { 0 };
	sqlite3 *db = NULL;

	if (db_open_reader(path, &db) == 0)
		(void)sent_walk(db, collect, &f);
	(void)sqlite3_close(db);
	return f;
}

static bool run(const char *sql)
{
	sqlite3 *db = NULL;
	bool good = sqlite3_open(path, &db) == SQLITE_OK &&
		    sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;

	(void)sqlite3_close(db);
	return good;
}

static void test_kept(void)
{
	struct sent sent = { .vm = 1, .source = SOURCE_HOST, .at = { 2, UINT64_MAX, -5 } };
	struct store *store = NULL;
	struct found f;

	if (!ok(store_open(path, &store) == 0, "a new database"))
		return;
	(void)store_vm(store, "uuid", "vm");
	ok(store_flush(store, 0) == STORE_RECORDS && read_all().count == 0, "nothing was sent");
	ok(store_sent(store, &sent) == 0 && read_all().count == 0, "told, and not committed yet");
	sent.at.sequence = 7;
	ok(store_sent(store, &sent) == 0, "told again");
	ok(store_sent(store, &(struct sent){ .vm = 99, .at = { 9, 9, 9 } }) == 0, "and of a VM that has been forgotten");
	ok(store_flush(store, 0) == 0, "a flush that is news for nobody");
	f = read_all();
	ok(f.count == 1 && f.sent[0].vm == 1 && f.sent[0].source == SOURCE_HOST &&
	   f.sent[0].at.boot == 2 && f.sent[0].at.sequence == 7 && f.sent[0].at.t_ms == -5,
	   "commits the latest, of that VM only");
	sent.source = SOURCE_GUEST;
	(void)store_sent(store, &sent);
	store_free(store);
	ok(read_all().count == 2, "the end commits, too");
	ok(run("DELETE FROM vm WHERE id = 1") && read_all().count == 0, "it goes with its VM");
}

/* A database of version 3 has all but the table. */
static void test_migrated(void)
{
	struct store *store = NULL;
	sqlite3 *db = NULL;
	int64_t version = 0, count = -1;

	ok(run("DROP TRIGGER sent_forget; DROP TABLE sent; PRAGMA user_version = 3;"
	       "INSERT INTO vm (id, key, name, state, agent, leaf, error) VALUES (5,'k','n',0,0,0,'')"),
	   "a database of version 3");
	ok(store_open(path, &store) == 0 && store_vms(store), "is opened, with its VM");
	store_free(store);
	if (db_open_reader(path, &db) == 0) {
		(void)db_number(db, "PRAGMA user_version", &version);
		(void)db_number(db, "SELECT count(*) FROM sent", &count);
	}
	(void)sqlite3_close(db);
	ok(version == 4 && count == 0, "and is of version 4 now: %lld", (long long)version);
}

/* What dropping samples @from to @to of a boot, by its id, adds to what is lost. */
static uint64_t lost_by(int64_t boot, enum sample_source source, uint64_t from, uint64_t to,
			uint64_t samples)
{
	uint64_t before = 0, after = 0;
	sqlite3 *db = NULL;
	bool good = sqlite3_open(path, &db) == SQLITE_OK && sent_lost(db, &before) == 0 &&
		    sent_lose(db, boot, source, from, to, samples) == 0 && sent_lost(db, &after) == 0;

	(void)sqlite3_close(db);
	return good ? after - before : UINT64_MAX;
}

static void test_lost(void)
{
	struct sent sent = { .vm = 5, .source = SOURCE_GUEST, .at = { 2, 5000, 1 } };
	struct store *store = NULL;

	ok(run("INSERT INTO boot (id, vm, number, life, cause, opened_ns)"
	       " VALUES (1,5,1,'',0,0), (2,5,2,'',0,0), (3,5,3,'',0,0)"), "three boots");
	ok(lost_by(2, SOURCE_GUEST, 1, 9999, 10) == 0, "of what was never to be sent nothing is lost");
	if (store_open(path, &store) == 0)
		(void)store_sent(store, &sent);
	store_free(store);
	ok(lost_by(1, SOURCE_GUEST, 1, 9999, 10) == 0, "nothing of the boot before, which was sent");
	ok(lost_by(2, SOURCE_GUEST, 1, 5000, 10) == 0, "nor of what was sent of this one");
	ok(lost_by(2, SOURCE_GUEST, 5001, 9999, 10) == 10, "all of what was not");
	ok(lost_by(2, SOURCE_GUEST, 4001, 6000, 20) == 10, "half of what was sent by half");
	ok(lost_by(3, SOURCE_GUEST, 1, 10, 7) == 7, "all of the next boot");
	/* Sequences are a guest's own words: a third of these is no integer. */
	ok(lost_by(2, SOURCE_GUEST, 1, INT64_MAX, 4097) <= 4097 &&
	   lost_by(2, SOURCE_GUEST, 4000, INT64_MAX / 7 * 2 + 5, 4097) <= 4097,
	   "of what ends far behind not more than there was");
	ok(lost_by(3, SOURCE_HOST, 1, 10, 7) == 0, "another source is another matter");
	if (store_open(path, &store) == 0)
		(void)store_sent(store, &sent);
	store_free(store);
	ok(lost_by(9, SOURCE_GUEST, 1, 10, 7) == 0 && lost_by(2, SOURCE_GUEST, 1, 1, 1) == 0, "no boot, nothing");
	ok(run("SELECT 1/(count(*) = 1) FROM sent WHERE lost BETWEEN 27 + 2 * 4096 AND 27 + 2 * 4097"), "what is sent now does not bring it back");
}

int main(void)
{
	log_init("sent_test", LOG_WARNING);
	if (!testdb_make())
		return 1;
	testdb_path(path, sizeof(path), "v.db");
	test_kept();
	test_migrated();
	test_lost();
	testdb_remove("");
	return done_testing();
}
