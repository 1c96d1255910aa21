/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A walk over samples of which some cannot be read, or are not there any more. */
#include <sqlite3.h>
#include <stdlib.h>

#include "daemon/query/cursor.h"
#include "daemon/store/store.h"
#include "daemon/store/testdb.h"
#include "daemon/store/testsample.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define T0 (1763874000 * S)
#define CHUNK 600			/* samples in each of the three */

static char path[512];
static struct query *query;
static int64_t vm_id;

static void make_database(void)
{
	struct store *store;
	struct boot *boot;
	struct vm *vm;

	if (store_open(path, &store) < 0)
		abort();
	vm = store_vm(store, "vm", "vm");
	vm_id = vm->id;
	boot = store_boot(store, vm, BOOT_CREATED, "life", T0);
	for (uint64_t i = 1; i <= 3 * CHUNK; i++) {
		struct sample sample = testsample(i, 10 * i);

		sample.t_wall_ns = T0 + i * S;
		if (store_add(store, boot, SOURCE_GUEST, &sample) != 0)
			abort();
		while (i % CHUNK == 0 && (store_flush(store, 0) > 0 ||
					  store_work(store, INT64_MAX / 2) > 0))
			;
	}
	store_free(store);
	if (query_open(path, &query) < 0)
		abort();
}

static void run(const char *sql)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		abort();
	sqlite3_close(db);
}

/* Rows of a range; *ret_good if each is known with the sample in front of it. */
static unsigned int walk(int64_t from_ns, int64_t to_ns, bool *ret_good)
{
	struct query_filter filter = { .vm_id = vm_id, .from_ns = from_ns, .to_ns = to_ns };
	const struct row_pair *pair;
	struct cursor *cursor;
	unsigned int rows = 0;

	*ret_good = true;
	if (cursor_new(query, &filter, false, &cursor) < 0)
		abort();
	while (cursor_next(cursor, &pair) > 0) {
		const struct sample *s = &pair->row.sample;

		rows++;
		*ret_good &= pair->exits == 10 * s->sequence &&
			     pair->has_before == (s->sequence > 1) &&
			     (!pair->has_before || pair->before.sequence == s->sequence - 1);
	}
	cursor_free(cursor);
	return rows;
}

int main(void)
{
	bool good;

	log_init("cursor_test", LOG_ERROR);
	if (!testdb_make())
		return 1;
	testdb_path(path, sizeof(path), "cursor.db");
	make_database();
	ok(walk(0, 0, &good) == 3 * CHUNK && good, "all samples, each behind the one before");
	ok(walk(T0 + 100 * S, T0 + 1500 * S, &good) == 1401 && good, "a range of them");
	ok(walk(T0 + 601 * S, 0, &good) == 2 * CHUNK && good, "one that begins with a chunk");
	run("UPDATE chunk SET columns = x'00' WHERE tier = 0 AND from_sequence = 601");
	ok(walk(0, 0, &good) == 2 * CHUNK && good,
	   "a damaged chunk is a hole, whose last sample stands before the next");
	run("DELETE FROM chunk WHERE tier = 0 AND from_sequence = 601");
	ok(walk(0, 0, &good) == 2 * CHUNK && good, "so is one that is not there");
	run("DELETE FROM chunk WHERE tier = 0 AND from_sequence = 1");
	ok(walk(0, 0, &good) == CHUNK && good, "and the count goes on from where the boot began");
	query_free(query);
	testdb_remove("");
	return done_testing();
}
