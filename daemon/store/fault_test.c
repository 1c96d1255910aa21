/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store on a disk that is full, that fails, that nobody may write to any more, and
 * without its files: it says so once, loses nothing it has, takes no more than it may, and
 * goes on by itself.
 */
#include <fcntl.h>
#include <inttypes.h>

#include "daemon/query/cursor.h"
#include "daemon/query/eventquery.h"
#include "daemon/query/series.h"
#include "daemon/store/store.c"
#include "daemon/store/testdisk.h"
#include "daemon/store/testhistory.h"
#include "daemon/store/testsample.h"
#include "daemon/store/testvfs.h"
#include "guest-agent/shared/tap.h"

static char dir[] = "/tmp/vmexit-fault-XXXXXX";
static char path[64], log_path[64];
static const struct testhistory history = {
	.seed = 9, .step_ns = 300LL * 1000000000, .boot_steps = 200 };

/* What a disk does to writes while @on. */
struct fault {
	bool on;
	int rc, error;
	enum testvfs_op op;		/* WRITE: and truncations, too */
	unsigned int after;		/* so many succeed first */
};

static int on_event(void *ctx, const struct testvfs_event *e)
{
	struct fault *fault = ctx;

	bool hits = fault->on &&
		    (e->op == fault->op ||
		     (fault->op != TESTVFS_READ && e->op == TESTVFS_TRUNCATE)) &&
		    (e->file == TESTVFS_WAL || e->file == TESTVFS_DATABASE);

	if (hits && fault->after == 0) {
		errno = fault->error;
		return fault->rc;
	}
	if (hits)
		fault->after--;
	return e->op == TESTVFS_SYNC ? TESTVFS_DONE : SQLITE_OK;
}

/* ---- the log ---- */

static int log_fd = -1, stderr_fd = -1;

static void catch_log(void)
{
	stderr_fd = dup(STDERR_FILENO);
	log_fd = open(log_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dup2(log_fd, STDERR_FILENO);
}

/* Lines logged since, and the last of them. */
static int take_log(char *last, size_t size)
{
	static char text[65536];
	ssize_t len = pread(log_fd, text, sizeof(text) - 1, 0);
	int lines = 0;

	dup2(stderr_fd, STDERR_FILENO);
	close(log_fd);
	close(stderr_fd);
	text[len > 0 ? len : 0] = '\0';
	*last = '\0';
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++)
		snprintf(last, size, "%s", line);
	return lines;
}

/* ---- the store ---- */

static bool fill(struct store *store, uint64_t reached[TESTHISTORY_VMS], unsigned int steps)
{
	bool good = true;

	for (unsigned int i = 0; i < steps && good; i++) {
		for (unsigned int vm = 0; vm < TESTHISTORY_VMS && good; vm++)
			good = testhistory_add(&history, store, vm, ++reached[vm]) == 0;
	}
	return good;
}

static int work_off(struct store *store)
{
	int r, steps = 0;

	do {
		r = store_work(store, INT64_MAX / 2);
	} while (r > 0 && ++steps < 1000);
	return r;
}

/* One kind of fault, from the first failure to the recovery. */
static void test_fault(const char *name, struct fault fault, int error, const char *words)
{
	uint64_t reached[TESTHISTORY_VMS] = { 0 }, least[TESTHISTORY_VMS];
	char why[TESTHISTORY_WHY_MAX] = "", line[1024];
	struct store_stats stats;
	struct store *store = NULL;
	bool good, held = true;
	int lines;

	testdisk_remove(path);
	good = testvfs_install(on_event, &fault) == SQLITE_OK && store_open(path, &store) == 0 &&
	       fill(store, reached, 60) && store_flush(store, 1) > 0 && work_off(store) == 0 &&
	       fill(store, reached, 20) && store_flush(store, 1) > 0;
	memcpy(least, reached, sizeof(least));
	catch_log();
	fault.on = true;
	/* Sealing fails in the middle, and changes nothing. */
	good = good && work_off(store) == error && testhistory_holds(&history, path, least, why);
	for (int i = 0; i < 10; i++) {
		good = good && fill(store, reached, 30);
		held = held && store_flush(store, 1000 + i) == error && work_off(store) == 0;
	}
	store_get_stats(store, &stats);
	fault.on = false;
	lines = take_log(line, sizeof(line));
	ok(good && held && stats.error == error && stats.error_since_ns == 1000,
	   "%s: commits and background work fail, again and again%s%s", name, *why ? ": " : "", why);
	ok(lines >= 1 && lines <= 3 && strstr(line, words), "it is said in %d lines: %s", lines, line);
	ok(testhistory_holds(&history, path, least, why), "what is stored is readable and whole%s%s",
	   *why ? ": " : "", why);
	ok(store_flush(store, 3000) > 0 && work_off(store) == 0 &&
		   testhistory_holds(&history, path, reached, why),
	   "then it goes on by itself, and nothing is lost%s%s", *why ? ": " : "", why);
	store_get_stats(store, &stats);
	ok(stats.error == 0 && stats.pending == 0, "and says so");
	store_free(store);
	testvfs_remove();
}

/* Any of the writes of a commit, a seal or a checkpoint may be the first that fails. */
static void test_each_write(void)
{
	char why[TESTHISTORY_WHY_MAX] = "";
	unsigned int failed = 0, bad = 0;

	for (unsigned int after = 0; after < 60 && !bad; after++) {
		uint64_t reached[TESTHISTORY_VMS] = { 0 };
		struct fault fault = { .rc = SQLITE_FULL, .op = TESTVFS_WRITE, .after = after * 3 };
		struct store *store = NULL;
		bool good;

		testdisk_remove(path);
		good = testvfs_install(on_event, &fault) == SQLITE_OK &&
		       store_open(path, &store) == 0 && fill(store, reached, 5) &&
		       store_flush(store, 1) > 0;
		store->upkeep.checkpoint_pages = 10;
		fault.on = true;
		for (int i = 0; i < 8; i++) {
			good = good && fill(store, reached, 3);
			failed += store_flush(store, 1) < 0;
			failed += work_off(store) < 0;
		}
		fault.on = false;
		good = good && store_flush(store, 1) >= 0 && work_off(store) == 0 &&
		       testhistory_holds(&history, path, reached, why);
		store_free(store);
		testvfs_remove();
		bad += !good;
	}
	ok(!bad && failed > 60, "wherever the disk becomes full, %u times, nothing is lost%s%s", failed,
	   *why ? ": " : "", why);
}

/* A reader that cannot read says so; it never takes what it has for all there is. */
static void test_each_read(void)
{
	static const char *const wrong[] = { "is not that", "samples end", "add up", "is wrong",
					     "are wrong", "acknowledged", "(read)" };
	uint64_t reached[TESTHISTORY_VMS] = { 0 };
	struct fault fault = { .rc = SQLITE_IOERR_READ, .error = EIO, .op = TESTVFS_READ };
	char why[TESTHISTORY_WHY_MAX] = "";
	unsigned int failed = 0, bad = 0;
	struct store *store = NULL;
	bool good;

	testdisk_remove(path);
	good = testvfs_install(on_event, &fault) == SQLITE_OK && store_open(path, &store) == 0 &&
	       fill(store, reached, 250) && store_flush(store, 1) > 0 && work_off(store) == 0 &&
	       fill(store, reached, 20) && store_flush(store, 1) > 0;
	for (unsigned int after = 0; after < 100 && !bad; after++) {
		fault.on = true;
		fault.after = after * 3;
		if (!testhistory_holds(&history, path, reached, why)) {
			failed++;
			for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
				bad += strstr(why, wrong[i]) != NULL;
		}
		fault.on = false;
	}
	ok(good && !bad && failed > 20, "wherever reading fails, %u times, it is said%s%s", failed,
	   bad ? ": " : "", bad ? why : "");
	ok(testhistory_holds(&history, path, reached, why), "and nothing is lost");
	store_free(store);
	testvfs_remove();
}

/* ---- without its files ---- */

static void rename_all(const char *from, const char *to)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char a[96], b[96];

	for (size_t i = 0; i < 3; i++) {
		snprintf(a, sizeof(a), "%s%s", from, suffixes[i]);
		snprintf(b, sizeof(b), "%s%s", to, suffixes[i]);
		(void)rename(a, b);
	}
}

static void test_moved(void)
{
	uint64_t reached[TESTHISTORY_VMS] = { 0 }, least[TESTHISTORY_VMS];
	char aside[80], other[80], line[1024], why[TESTHISTORY_WHY_MAX] = "";
	struct store *store = NULL;
	bool good;
	int lines;
	FILE *file;

	testdisk_remove(path);
	snprintf(aside, sizeof(aside), "%s/aside.db", dir);
	good = store_open(path, &store) == 0 && fill(store, reached, 40) && store_flush(store, 1) > 0;
	memcpy(least, reached, sizeof(least));
	good = good && fill(store, reached, 40);
	rename_all(path, aside);
	catch_log();
	ok(good && store_flush(store, 2) == -ESTALE && store_flush(store, 2) == -ESTALE,
	   "without its file nothing is acknowledged");
	lines = take_log(line, sizeof(line));
	ok(lines == 1 && strstr(line, "its file was removed or replaced while in use"), "it is said: %s",
	   line);
	rename_all(aside, path);
	ok(store_flush(store, 3) > 0 && testhistory_holds(&history, path, reached, why),
	   "put back, it goes on%s%s", *why ? ": " : "", why);

	snprintf(other, sizeof(other), "%s-wal", path);
	unlink(other);
	good = fill(store, reached, 1);
	catch_log();
	ok(good && store_flush(store, 4) == -ESTALE, "likewise without its WAL");
	(void)take_log(line, sizeof(line));

	/* Another database in its place, with a WAL of its own, is not touched at the end. */
	unlink(path);
	for (int i = 0; i < 2; i++) {
		file = fopen(i ? other : path, "w");
		good = file && fputs("another's", file) >= 0 && fclose(file) == 0;
	}
	catch_log();
	store_free(store);
	(void)take_log(line, sizeof(line));
	ok(good && access(other, F_OK) == 0 && access(path, F_OK) == 0,
	   "at the end another database's files are left alone");
	testdisk_remove(path);
	testdisk_remove(aside);
}

/* ---- for hours ---- */

static struct sample reading(const struct boot *boot, int64_t t_s)
{
	struct sample sample = {
		.sequence = boot->last_sequence[SOURCE_HOST] + 1,
		.t_wall_ns = TESTHISTORY_T0_NS + t_s * 1000000000,
		.has = SAMPLE_HAS_EXITS,
		.exits = 1000 * t_s,
	};

	return sample;
}

struct found_gap {
	struct range range;
	unsigned int count;
};

static int find_gap(void *ctx, enum sample_source source, const struct range *range)
{
	struct found_gap *found = ctx;

	found->count += source == SOURCE_HOST;
	found->range = *range;
	return 0;
}

/* The host's readings of some VMs, more than may wait: the rest are one gap a boot. */
static void test_hours(void)
{
	enum { VMS = 20, SECONDS = 3 * 3600 };
	struct fault fault = { .rc = SQLITE_FULL, .op = TESTVFS_WRITE };
	const struct spans_want want = { .key = { .kind = KEY_FIELD, .id = FIELD_EXITS } };
	const struct series_options options = { .unmerged = true };
	struct query_filter filter = { 0 };
	struct found_gap found = { .count = 0 };
	struct series *series = NULL;
	struct query *query = NULL;
	struct vm *vms[VMS];
	struct store_stats stats;
	struct store *store = NULL;
	double rate = 0, covered_s = 0;
	unsigned int holes = 0;
	uint64_t pending_max = 0;
	char line[1024];
	bool good;
	int lines;

	testdisk_remove(path);
	good = testvfs_install(on_event, &fault) == SQLITE_OK && store_open(path, &store) == 0;
	for (int i = 0; i < VMS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "vm-%d", i);
		vms[i] = store_vm(store, name, name);
		(void)store_boot(store, vms[i], BOOT_CREATED, "l", TESTHISTORY_T0_NS);
	}
	catch_log();
	for (int s = 1; s <= SECONDS + 60; s++) {
		fault.on = s > 60 && s <= SECONDS;
		for (int i = 0; i < VMS; i++) {
			struct sample sample = reading(vms[i]->boot, s);

			(void)store_add(store, vms[i]->boot, SOURCE_HOST, &sample);
		}
		/* Few tries while it fails: each takes its time with so many. */
		if (s <= 61 || s > SECONDS || s % 2000 == 0)
			(void)store_flush(store, s);
		store_get_stats(store, &stats);
		pending_max = stats.pending > pending_max ? stats.pending : pending_max;
	}
	lines = take_log(line, sizeof(line));
	ok(good && pending_max <= STORE_PENDING_MAX + VMS && stats.refused > VMS * 7000,
	   "a full disk for 3 hours: at most %" PRIu64 " records wait, %" PRIu64 " are refused",
	   pending_max, stats.refused);
	ok(lines == 1, "it is said once (%d lines): %s", lines, line);
	ok(stats.error == 0 && stats.pending == 0, "then it goes on");
	filter.vm_id = vms[3]->id;
	good = query_open(path, &query) == 0 &&
	       eventquery_ranges(query, vms[3]->boot, RANGE_GAP, &filter, find_gap, &found) == 0;
	ok(good && found.count == 1 && found.range.cause == GAP_DISK &&
		   found.range.to - found.range.from + 1 == (uint64_t)found.range.count &&
		   found.range.count > 7000 &&
		   found.range.to_ns == TESTHISTORY_T0_NS + (SECONDS + 1) * 1000000000LL,
	   "what was refused is one gap of %" PRId64 " readings", found.range.count);
	good = series_read(query, &filter, &want, 1, &options, &series) == 0 && series;
	for (size_t i = 0; good && i < series->count; i++) {
		rate = series->max[i] > rate ? series->max[i] : rate;
		covered_s += series->dt[i];
		holes += i > 0 && series->t[i] - series->dt[i] - series->t[i - 1] > 1;
	}
	ok(good && rate < 1001 && holes == 1 &&
		   covered_s + found.range.count + 2 > SECONDS + 60 &&
		   covered_s + found.range.count < SECONDS + 61,
	   "in the curve it is a hole (%.0f s drawn), and no rate is wrong", covered_s);
	series_free(series);
	query_free(query);
	store_free(store);
	testvfs_remove();
}

static const struct {
	const char *name;
	struct fault fault;
	int error;
	const char *words;
} faults[] = {
	{ "a full disk", { .rc = SQLITE_FULL, .op = TESTVFS_WRITE }, -ENOSPC, "the disk is full" },
	{ "a quota",
	  { .rc = SQLITE_IOERR_WRITE, .error = EDQUOT, .op = TESTVFS_WRITE },
	  -EDQUOT, "quota" },
	{ "an I/O error",
	  { .rc = SQLITE_IOERR_WRITE, .error = EIO, .op = TESTVFS_WRITE },
	  -EIO, "Input/output error" },
	{ "an error of a sync",
	  { .rc = SQLITE_IOERR_FSYNC, .error = EIO, .op = TESTVFS_SYNC },
	  -EIO, "Input/output error" },
	{ "a file system that is read-only now",
	  { .rc = SQLITE_IOERR_WRITE, .error = EROFS, .op = TESTVFS_WRITE },
	  -EROFS, "Read-only file system" },
};

/* A guest that is found lying at each of the host's readings meanwhile. */
static void test_retracts(void)
{
	struct fault fault = { .rc = SQLITE_FULL, .op = TESTVFS_WRITE };
	struct query_filter filter = { 0 };
	const struct row_pair *pair;
	struct cursor *cursor = NULL;
	struct query *query = NULL;
	struct store *store = NULL;
	struct store_stats stats;
	struct boot *boot;
	struct vm *vm;
	unsigned int rows = 0;
	bool good;

	testdisk_remove(path);
	good = testvfs_install(on_event, &fault) == SQLITE_OK && store_open(path, &store) == 0;
	vm = store_vm(store, "liar", "liar");
	boot = store_boot(store, vm, BOOT_FOUND, "l", TESTHISTORY_T0_NS);
	for (uint64_t i = 1; i <= 20; i++) {
		struct sample sample = testsample(i, i);

		good = good && store_add(store, boot, SOURCE_GUEST, &sample) == 0;
		if (i == 10)
			good = good && store_flush(store, 1) > 0;
	}
	fault.on = true;
	good = good && store_flush(store, 1) == -ENOSPC;
	for (uint64_t i = 0; i < 1000; i++)
		good = good && store_retract(store, boot, i == 500 ? 7 : 15, QUARANTINE_HOST) == 0;
	store_get_stats(store, &stats);
	fault.on = false;
	ok(good && stats.pending == 11, "1000 retractions wait as one");
	good = store_flush(store, 2) > 0 && query_open(path, &query) == 0;
	filter.vm_id = vm->id;
	if (good && cursor_new(query, &filter, false, &cursor) == 0) {
		while (cursor_next(cursor, &pair) > 0)
			rows++;
	}
	ok(rows == 7, "which keeps what all of them keep (%u samples)", rows);
	cursor_free(cursor);
	query_free(query);
	store_free(store);
	testvfs_remove();
}

int main(void)
{
	unsetenv("JOURNAL_STREAM");
	log_init("fault_test", LOG_ERROR);
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/v.db", dir);
	snprintf(log_path, sizeof(log_path), "%s/log", dir);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		test_fault(faults[i].name, faults[i].fault, faults[i].error, faults[i].words);
	test_moved();
	test_hours();
	log_init("fault_test", LOG_ERROR - 1);
	test_retracts();
	test_each_write();
	test_each_read();
	testdisk_remove(path);
	unlink(log_path);
	rmdir(dir);
	return done_testing();
}
