/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Samples that turn out not to be true: what is left counts as if they had not been. */
#include <errno.h>
#include <sqlite3.h>

#include "daemon/store/seal.h"
#include "daemon/store/store.c"
#include "daemon/store/testdb.h"
#include "daemon/store/testsample.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define T0 (1763874000 * S)

static char path[512];
static struct store *store;
static struct boot *boot;

static void open_boot(enum boot_cause cause)
{
	if (store_open(path, &store) < 0)
		abort();
	boot = store_boot(store, store_vm(store, "vm", "vm"), cause, "life", T0);
}

static void close_store(void)
{
	store_free(store);
	testdb_remove("retract.db");
}

static void add(uint64_t sequence, uint64_t exits)
{
	struct sample sample = testsample(sequence, exits);

	sample.t_wall_ns = T0 + sequence * S;
	if (exits == 0)
		sample.has = 0;
	if (store_add(store, boot, SOURCE_GUEST, &sample) != 0)
		abort();
}

static void seal_all(void)
{
	(void)store_flush(store, 0);
	while (store_work(store, INT64_MAX / 2) > 0)
		;
}

/* The count's begin; 0: none is known. */
static uint64_t base(void)
{
	struct stream stream;
	uint64_t exits;

	if (stream_get(store->blocks.streams, boot->id, SOURCE_GUEST, &stream) < 0)
		abort();
	exits = stream.has_base ? stream.base_exits : 0;
	stream_done(&stream);
	return exits;
}

/* The first sample's exits, or of the first ones that are there. */
static void test_base(bool sealed)
{
	const char *where = sealed ? "sealed" : "in the journal";

	open_boot(BOOT_FOUND);
	add(1, 5000);
	add(2, 6000);
	if (sealed)
		seal_all();
	ok(store_flush(store, 0) >= 0 && base() == 5000, "a count begins with its first sample");
	store_retract(store, boot, 1, QUARANTINE_FELL);
	add(3, 7000);
	ok(store_flush(store, 0) > 0 && base() == 5000, "one that is left, %s, stays it", where);
	store_retract(store, boot, 0, QUARANTINE_FELL);
	add(4, 100);
	ok(store_flush(store, 0) > 0 && base() == 100,
	   "else the next one is, though it was given before the commit");
	store_retract(store, boot, 0, QUARANTINE_FELL);
	ok(store_flush(store, 0) > 0 && base() == 0, "without a sample none is");
	add(5, 300);
	ok(store_flush(store, 0) > 0 && base() == 300, "until one comes");
	close_store();
}

static void test_base_later(void)
{
	open_boot(BOOT_FOUND);
	add(1, 0);
	add(2, 0);
	add(3, 1000000);
	seal_all();
	ok(base() == 1000000, "a count begins with the first sample that has exits");
	store_retract(store, boot, 2, QUARANTINE_FELL);
	add(4, 50);
	ok(store_flush(store, 0) > 0 && base() == 50, "and with no other when that was not true");
	add(5, 60);
	store_retract(store, boot, 4, QUARANTINE_FELL);
	ok(store_flush(store, 0) > 0 && base() == 50, "one that is left is found again");
	close_store();
}

static void spoil(int tier)
{
	char sql[160];

	snprintf(sql, sizeof(sql), "UPDATE chunk SET columns = zeroblob(40) WHERE id ="
				   " (SELECT max(id) FROM chunk WHERE tier = %d)", tier);
	if (db_exec(store->db, sql, "cannot spoil") < 0)
		abort();
}

/* A chunk that the disk spoiled is no reason never to commit again. */
static void test_damaged(int tier)
{
	struct block block = { 0 };
	int64_t ranges = 0;

	open_boot(BOOT_CREATED);
	for (uint64_t i = 1; i <= 2000; i++) {
		add(i, i * 10);
		if (i % 600 == 0)
			seal_all();
	}
	(void)store_flush(store, 0);
	spoil(tier);
	store_retract(store, boot, 1750, QUARANTINE_FELL);
	add(2001, 20010);
	ok(store_flush(store, 0) > 0, "a retract over a damaged chunk of tier %d is committed", tier);
	ok(db_number(store->db, "SELECT count(*) FROM quarantine", &ranges) == 0 && ranges >= 1,
	   "and says what it took");
	seal_all();
	add(2002, 20020);
	ok(store_flush(store, 0) > 0 &&
		   blocks_next(&store->blocks, boot->id, SOURCE_GUEST, 2001, INT64_MIN, INT64_MAX,
			       &block) == 0 &&
		   block.to_sequence == 2002,
	   "samples go on behind it");
	chunk_free(block.chunk);
	close_store();
}

int main(void)
{
	log_init("retract_test", LOG_ERROR - 1);
	if (!testdb_make())
		return 1;
	testdb_path(path, sizeof(path), "retract.db");
	test_base(false);
	test_base(true);
	test_base_later();
	test_damaged(0);
	test_damaged(1);
	testdb_remove("");
	return done_testing();
}
