/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store and everything that reads it, on a real database in a directory of its own. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/query/cursor.h"
#include "daemon/query/series.h"
#include "daemon/store/store.c"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define T0 (1763874000 * S)

static char dir[] = "/tmp/vmexit-store-XXXXXX";
static char path[64];

static struct sample at(uint64_t sequence, double t_s, uint64_t exits)
{
	return (struct sample){
		.sequence = sequence,
		.t_wall_ns = T0 + (int64_t)(t_s * S),
		.t_boot_ns = (uint64_t)(t_s * S),
		.has = SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING,
		.exits = exits,
		.handling_cycles = exits * 1000,
	};
}

static struct store *open_store(void)
{
	struct store *store = NULL;

	return store_open(path, &store) == 0 ? store : NULL;
}

static void test_round_trip(void)
{
	struct store *store = open_store();
	struct sample sample = at(7, 1, 1ULL << 40);
	struct vm *vm = store_vm(store, "uuid-1", "web");
	struct boot *boot = store_boot(store, vm, BOOT_CREATED, "life/1", T0);
	struct stat st;

	sample.workload.mask = 1ULL << WORKLOAD_forks | 1ULL << WORKLOAD_net_sent_bytes;
	sample.workload.value[WORKLOAD_forks] = 12;
	sample.workload.value[WORKLOAD_net_sent_bytes] = 1ULL << 50;
	boot->vcpus = 2;
	boot->tsc_khz = 2000000;
	store_boot_changed(store, boot);
	ok(store_add(store, boot, SOURCE_GUEST, &sample) == 0, "a sample is taken");
	ok(boot->committed[SOURCE_GUEST] == 0, "and not committed before the flush");
	ok(store_flush(store, 0) == (STORE_SAMPLES | STORE_RECORDS), "flushed");
	ok(boot->committed[SOURCE_GUEST] == 7, "then committed");
	ok(store_flush(store, 0) == 0, "nothing left to flush");
	sample = at(7, 3, 5);
	ok(store_add(store, boot, SOURCE_GUEST, &sample) == 0 && store_flush(store, 0) == 0,
	   "the same sequence again is no error, and nothing");
	store_free(store);
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640, "the database is for its group only");

	store = open_store();
	vm = store_vms(store);
	ok(vm && strcmp(vm->name, "web") == 0 && vm->boot && vm->boot->number == 1,
	   "VM and boot are there after a restart");
	ok(vm->boot->last_sequence[SOURCE_GUEST] == 7 &&
		   vm->boot->committed[SOURCE_GUEST] == 7 &&
		   vm->boot->last[SOURCE_GUEST].exits == 1ULL << 40,
	   "and go on where they were; the duplicate was dropped");
	ok(vm->boot->tsc_khz == 2000000 && strcmp(vm->boot->life, "life/1") == 0, "with all fields");
	ok(store_vm(store, "uuid-1", "web") == vm, "the same key is the same VM");
	store_free(store);
}

static void test_locked(void)
{
	struct store *store = open_store(), *second = NULL;
	pid_t pid = fork();
	int status;

	/* flock() belongs to the open file, so a process of its own is the fair test. */
	if (pid == 0)
		_exit(store_open(path, &second) == -EBUSY ? 0 : 1);
	waitpid(pid, &status, 0);
	ok(status == 0, "a second writer is refused");
	store_free(store);
	store = open_store();
	ok(store != NULL, "and the first one's end frees the place");
	store_free(store);
}

static void test_foreign(void)
{
	struct store *store = NULL;
	char other[80], version[64];
	sqlite3 *db;

	snprintf(other, sizeof(other), "%s/other.db", dir);
	sqlite3_open(other, &db);
	sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL);
	sqlite3_close(db);
	ok(store_open(other, &store) == -EBADMSG, "another program's database is left alone");
	sqlite3_open(path, &db);
	sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL);
	ok(store_open(path, &store) == -EBADMSG, "so is a newer version's");
	snprintf(version, sizeof(version), "PRAGMA user_version = %d", SCHEMA_VERSION);
	sqlite3_exec(db, version, NULL, NULL, NULL);
	sqlite3_close(db);
	snprintf(other, sizeof(other), "%s/none/x.db", dir);
	ok(store_open(other, &store) == -ENOENT, "a directory that is not there is said");
}

/* What a boot counts from, when its first samples turn out not to be true. */
static void test_base(void)
{
	struct store *store = open_store();
	struct vm *vm = store_vm(store, "base", "base");
	struct boot *boot = store_boot(store, vm, BOOT_FOUND, "l", T0);
	struct query *query = NULL;
	struct row_pair latest;
	struct sample sample;

	for (int i = 1; i <= 10; i++) {
		sample = at(i, i, 5000 + i);
		store_add(store, boot, SOURCE_GUEST, &sample);
	}
	store_flush(store, 0);
	store_retract(store, boot, 5, QUARANTINE_FELL);
	sample = at(11, 11, 5107);
	store_add(store, boot, SOURCE_GUEST, &sample);
	store_flush(store, 0);
	ok(query_open(path, &query) == 0 &&
		   query_latest(query, boot, SOURCE_GUEST, &latest) == 0 && latest.exits == 106,
	   "a boot whose later samples went counts from its first");
	store_retract(store, boot, 0, QUARANTINE_FELL);
	for (int i = 12; i <= 13; i++) {
		sample = at(i, i, 100 * i);
		store_add(store, boot, SOURCE_GUEST, &sample);
	}
	store_flush(store, 0);
	ok(query_latest(query, boot, SOURCE_GUEST, &latest) == 0 && latest.exits == 100,
	   "and one without any from the first that follows, in the same commit");
	query_free(query);
	store_free(store);
}

static void limit_pages(struct store *store, int pages)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %d", pages);
	sqlite3_exec(store->db, sql, NULL, NULL, NULL);
}

/* A disk that is full: SQLite's own limit of pages acts like one. */
static void test_full(void)
{
	struct store *store = open_store();
	struct vm *vm = store_vm(store, "full", "full");
	struct boot *boot = store_boot(store, vm, BOOT_FOUND, "l", T0);
	struct store_stats stats;
	struct sample sample;
	int r = 0, n = 0;

	store_flush(store, 1);
	limit_pages(store, 40);
	while (r >= 0 && n < 5000) {
		for (int i = 0; i < 100; i++) {
			n++;
			sample = at(n, n, n);
			store_add(store, boot, SOURCE_GUEST, &sample);
		}
		r = store_flush(store, 42);
	}
	store_get_stats(store, &stats);
	ok(r == -ENOSPC && stats.error == -ENOSPC && stats.error_since_ns == 42,
	   "a full disk is said once it is full");
	ok(stats.pending > 0 && boot->committed[SOURCE_GUEST] == (uint64_t)n - stats.pending,
	   "what could not be committed waits and is not acknowledged");
	for (int i = 0; i < STORE_PENDING_MAX; i++) {
		n++;
		sample = at(n, n, n);
		store_add(store, boot, SOURCE_GUEST, &sample);
	}
	store_get_stats(store, &stats);
	ok(stats.pending == STORE_PENDING_MAX && store_is_full(store) && stats.refused > 0,
	   "waiting is bounded and what is refused is counted");
	limit_pages(store, 1 << 20);
	ok(store_flush(store, 43) == STORE_SAMPLES, "with room again everything is committed");
	store_get_stats(store, &stats);
	ok(stats.error == 0 && stats.pending == 0 && !store_is_full(store), "and it is said");
	store_free(store);
}

static uint64_t count_rows(struct query *query, const struct query_filter *filter, uint64_t *exits)
{
	const struct row_pair *pair;
	struct cursor *cursor;
	uint64_t n = 0;

	if (cursor_new(query, filter, false, &cursor) < 0)
		return 0;
	while (cursor_next(cursor, &pair) > 0) {
		n++;
		*exits = pair->exits;
	}
	cursor_free(cursor);
	return n;
}

/* The news of a start takes its time; exits until then are no spike. */
static void test_first_interval(struct store *store, struct query *query)
{
	static const double times[] = { 0.01, 0.011, 0.25, 1, 2 };
	const struct spans_want wants[] = { { .key = { .kind = KEY_FIELD, .id = FIELD_EXITS } } };
	const struct series_options options = { .points = 100 };
	struct vm *vm = store_vm(store, "uuid-3", "new");
	struct boot *boot = store_boot(store, vm, BOOT_CREATED, "n", T0);
	struct query_filter filter = { .vm_id = vm->id };
	struct series *series = NULL;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct sample sample = at(i + 1, times[i], 900 + 100 * times[i]);

		store_add(store, boot, SOURCE_HOST, &sample);
	}
	store_flush(store, 0);
	ok(series_read(query, &filter, wants, 1, &options, &series) == 0 && series &&
		   series->count == 2 && fabs(series->dt[0] - 1) < 1e-6 &&
		   fabs(series->v[0] - 1000) < 1e-3 && fabs(series->max[0] - 1000) < 1e-3,
	   "short intervals after a boot's opening are one");
	ok(series && fabs(series->v[1] - 100) < 1e-3, "and the next stands alone");
	series_free(series);
}

static void test_query(void)
{
	const struct spans_want wants[] = {
		{ .key = { .kind = KEY_FIELD, .id = FIELD_EXITS } },
		{ .key = { .kind = KEY_FIELD, .id = FIELD_HANDLING } },
	};
	const struct series_options many = { .points = 10000 }, few = { .points = 100 };
	struct store *store = open_store();
	struct vm *vm = store_vm(store, "uuid-2", "db");
	struct boot *first = store_boot(store, vm, BOOT_FOUND, "a", T0);
	struct boot *boot = store_boot(store, vm, BOOT_CREATED, "b", T0 + 5000 * S);
	struct query_filter filter = { 0 };
	struct series *series = NULL;
	struct query *query = NULL;
	struct query_span span;
	struct row_pair latest;
	struct query_vm found;
	struct boot read;
	uint64_t exits = 0;
	double sum = 0;

	(void)first;
	boot->vcpus = 1;
	boot->tsc_khz = 1000000;
	for (int i = 1; i <= 3000; i++) {
		struct sample sample = at(i, 5000 + i, 100ULL * i + (i == 1500 ? 5 : 0));

		store_add(store, boot, SOURCE_GUEST, &sample);
		if (i % 3 == 0)
			store_add(store, boot, SOURCE_HOST, &sample);
	}
	ok(store_flush(store, 0) > 0 && query_open(path, &query) == 0, "a reader beside the writer");
	ok(query_vm(query, "uuid-2", &found) == 0 && query_vm(query, "db", &found) == 0 &&
		   strcmp(found.key, "uuid-2") == 0,
	   "a VM by its key and by its name");
	ok(query_vm(query, "nobody", &found) == -ENOENT, "no such VM");
	ok(query_boot(query, vm->id, 0, &read) == 0 && read.number == 2, "the latest boot");
	ok(query_boot(query, vm->id, 3, &read) == -ENOENT, "no such boot");
	query_boot(query, vm->id, 2, &read);
	ok(query_span(query, &read, SOURCE_GUEST, &span) == 0 && span.samples == 3000 &&
		   span.exits == 300000,
	   "what a boot holds");
	ok(query_latest(query, &read, SOURCE_HOST, &latest) == 0 && latest.has_before &&
		   latest.exits == 300000 && latest.before.exits == 299700,
	   "the latest sample and the one before");

	filter.vm_id = vm->id;
	ok(count_rows(query, &filter, &exits) == 4000, "all rows of all sources");
	filter.sources = 1 << SOURCE_GUEST;
	filter.from_ns = T0 + 5600 * S;
	filter.to_ns = T0 + 6200 * S;
	ok(count_rows(query, &filter, &exits) == 601 && exits == 120000,
	   "a range, over statement chunks, both ends in it");

	filter.boot = 2;
	filter.from_ns = filter.to_ns = 0;
	ok(series_read(query, &filter, wants, 2, &many, &series) == 0 && series &&
		   series->count == 3000 && series->next && series->next->count == 3000,
	   "every interval a point");
	ok(series && series->dt[0] > 0.99 && fabs(series->v[0] - 100) < 1e-6,
	   "the first interval begins at the creation");
	ok(series && series->next && fabs(series->next->v[10] - 1e-4) < 1e-9, "the handling share");
	series_free(series);
	ok(series_read(query, &filter, wants, 1, &few, &series) == 0 && series->count <= 100 &&
		   series->count > 30,
	   "merged to the points asked for");
	for (size_t i = 0; i < series->count; i++)
		sum += series->v[i] * series->dt[i];
	ok(fabs(sum - 300000) < 1e-3, "the sum of merged intervals is exact");
	sum = 0;
	for (size_t i = 0; i < series->count; i++)
		sum = series->max[i] > sum ? series->max[i] : sum;
	ok(fabs(sum - 105) < 1e-6, "a peak survives in max");
	series_free(series);
	filter.boot = 1;
	ok(series_read(query, &filter, wants, 1, &few, &series) == 0 && !series,
	   "a boot without samples has no curve");
	test_first_interval(store, query);
	query_free(query);
	store_free(store);
}

static void remove_all(void)
{
	static const char *const names[] = { "vmexit.db", "vmexit.db-wal", "vmexit.db-shm",
					     "vmexit.db.lock", "other.db", "other.db.lock" };
	char file[96];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(file, sizeof(file), "%s/%s", dir, names[i]);
		unlink(file);
	}
	rmdir(dir);
}

int main(void)
{
	log_init("store_test", LOG_ERROR - 1);
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/vmexit.db", dir);
	test_round_trip();
	test_locked();
	test_foreign();
	test_base();
	test_full();
	test_query();
	remove_all();
	return done_testing();
}
