/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a power cut may leave of a database: all that was synced, and of what was not any
 * sectors, whatever their order. The store runs on a VFS that records; then such states are
 * made, and each has to open, be sound, hold what was acknowledged, and go on. Some hundred
 * states; VMEXIT_LONG=1: thousands. SEED=N repeats.
 */
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/query/cursor.h"
#include "daemon/store/store.c"
#include "daemon/store/testdisk.h"
#include "daemon/store/testhistory.h"
#include "guest-agent/shared/tap.h"

#define STEP_NS (300LL * 1000000000)
#define STEPS_A_COMMIT 12
/* Pages; so that there are many checkpoints in few commits. */
#define CHECKPOINT_PAGES 60

static char dir[] = "/tmp/vmexit-powercut-XXXXXX";
static char path[64];			/* of the recording */
static char cut_path[64];		/* of a state */
static bool is_long;

static const struct testhistory history = { .seed = 5, .step_ns = STEP_NS, .boot_steps = 150 };

/* Everything up to a moment: how much of each VM had been acknowledged then. */
struct ack {
	uint64_t reached[TESTHISTORY_VMS];
};

static void exec(struct store *store, const char *sql)
{
	(void)sqlite3_exec(store->db, sql, NULL, NULL, NULL);
}

static struct store *open_at(const char *file)
{
	struct store *store = NULL;

	return store_open(file, &store) == 0 ? store : NULL;
}

static int work_off(struct store *store, int64_t now_ns)
{
	int r;

	do {
		r = store_work(store, now_ns);
	} while (r > 0);
	return r;
}

/* Add some steps of a VM or two, commit, tell @disk, and do what is due. */
static bool commit_some(struct store *store, struct testdisk *disk, struct ack *ack)
{
	uint64_t latest = 0;
	int r = 0;

	for (int i = 0; i < STEPS_A_COMMIT && r == 0; i++) {
		unsigned int vm = testdisk_random(disk, TESTHISTORY_VMS);

		r = testhistory_add(&history, store, vm, ++ack->reached[vm]);
	}
	if (r < 0 || store_flush(store, 0) < 0)
		return false;
	testdisk_mark(disk, ack, sizeof(*ack));
	for (int vm = 0; vm < TESTHISTORY_VMS; vm++)
		latest = ack->reached[vm] > latest ? ack->reached[vm] : latest;
	return work_off(store, testhistory_ns(&history, latest)) == 0;
}

/* The life of a database, recorded: made, filled, closed, opened, filled again. */
static bool record(struct testdisk *disk, const char *pragma, int commits)
{
	struct ack ack = { 0 };
	bool good = true;

	for (int life = 0; life < 2 && good; life++) {
		struct store *store = open_at(path);

		good = store != NULL;
		if (!store)
			break;
		store->upkeep.checkpoint_pages = CHECKPOINT_PAGES;
		exec(store, pragma);
		for (int i = 0; i < commits / 2 && good; i++)
			good = commit_some(store, disk, &ack);
		store_free(store);
	}
	return good;
}

/* ---- looking at states ---- */

struct tally {
	unsigned int states, lost, broken;
	char why[TESTHISTORY_WHY_MAX];	/* of the first that was not as it should be */
};

/* The daemon starts again after the cut, and goes on. */
static bool starts_again(struct testdisk *disk, const struct ack *ack, char *why)
{
	struct store *store = open_at(cut_path);
	struct ack now = *ack;
	bool good = store != NULL;

	snprintf(why, TESTHISTORY_WHY_MAX, "the store does not go on");
	for (unsigned int vm = 0; vm < TESTHISTORY_VMS && good; vm++)
		now.reached[vm] = testhistory_reached(&history, store, vm);
	good = good && commit_some(store, disk, &now);
	store_free(store);
	return good && testhistory_holds(&history, cut_path, now.reached, why);
}

static void look(struct testdisk *disk, const struct testdisk_cut *cut, struct tally *tally)
{
	static const struct ack nothing;
	const struct ack *ack = cut->mark ? cut->mark : &nothing;
	char why[TESTHISTORY_WHY_MAX] = "the store does not open";
	struct store *store;
	bool good;

	tally->states++;
	if (testdisk_write(disk, cut, cut_path) < 0) {
		snprintf(tally->why, sizeof(tally->why), "the state cannot be written");
		tally->broken++;
		return;
	}
	store = open_at(cut_path);
	good = store != NULL;
	store_free(store);
	good = good && testhistory_holds(&history, cut_path, ack->reached, why);
	if (good && testdisk_random(disk, 4) == 0)
		good = starts_again(disk, ack, why);
	if (good)
		return;
	if (tally->lost + tally->broken == 0)
		snprintf(tally->why, sizeof(tally->why), "%.200s (at event %zu)", why, cut->at);
	if (strstr(why, "acknowledged"))
		tally->lost++;
	else
		tally->broken++;
}

/* States around each sync, and @more at random moments. */
static struct tally look_at_all(struct testdisk *disk, unsigned int a_sync, unsigned int more)
{
	struct tally tally = { 0 };
	size_t first = testdisk_first(disk), end = testdisk_end_of(disk);

	for (size_t i = first; i < end; i++) {
		if (!testdisk_is_sync(disk, i))
			continue;
		for (unsigned int n = 0; n < 2 * a_sync; n++) {
			struct testdisk_cut cut = testdisk_cut(disk, i + n % 2);

			look(disk, &cut, &tally);
		}
	}
	for (unsigned int n = 0; n < more; n++) {
		struct testdisk_cut cut = testdisk_cut(
			disk, first + testdisk_random(disk, end - first + 1));

		look(disk, &cut, &tally);
	}
	return tally;
}

static void begin(struct testdisk *disk)
{
	testdisk_remove(path);
	testdisk_begin(disk, path);
}

static void test_cuts(struct testdisk *disk)
{
	struct testdisk_counts counts;
	struct tally tally;
	bool good;

	begin(disk);
	good = record(disk, "", is_long ? 80 : 20);
	testdisk_end(disk);
	counts = testdisk_count(disk);
	ok(good && counts.syncs > 40 && counts.checkpoints > 4,
	   "a database's life: %u writes, %u syncs, %u times the database in a checkpoint",
	   counts.writes, counts.syncs, counts.checkpoints);
	ok(counts.growing > 10 && counts.overwriting > 10,
	   "writes to the WAL that make it longer (%u) and that do not (%u)", counts.growing,
	   counts.overwriting);
	tally = look_at_all(disk, is_long ? 2 : 1, is_long ? 2000 : 100);
	ok(tally.lost == 0 && tally.broken == 0,
	   "%u power cuts: nothing that was acknowledged is lost, all is sound, and goes on%s%s",
	   tally.states, *tally.why ? ": " : "", tally.why);
}

/* That it is seen when too little is synced. */
static void test_losses(struct testdisk *disk, const char *how, bool breaks)
{
	struct tally tally;
	char pragma[64];
	bool good;

	snprintf(pragma, sizeof(pragma), "PRAGMA synchronous = %s", how);
	begin(disk);
	good = record(disk, pragma, 24);
	testdisk_end(disk);
	tally = look_at_all(disk, 0, 40);
	ok(good && tally.lost + tally.broken > 0 && (tally.broken > 0) == breaks,
	   "with synchronous=%s it is seen: %u of %u states lost what was acknowledged, %u are broken",
	   how, tally.lost, tally.states, tally.broken);
}

/* ---- a database of version 1 that is taken over ---- */

static bool copy_file(const char *from, const char *to)
{
	char buf[65536];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	bool good = in && out;
	size_t len;

	while (good && (len = fread(buf, 1, sizeof(buf), in)) > 0)
		good = fwrite(buf, 1, len, out) == len;
	if (in)
		fclose(in);
	return (!out || fclose(out) == 0) && good;
}

/* Tests are run from the source's top or from daemon/. */
static bool copy_old(const char *to)
{
	static const char old[] = "../tests/data/schema-1/vmexit.db";

	return copy_file(old + 3, to) || copy_file(old, to);
}

/* What is in the samples, whichever version they are of. */
struct sums {
	uint64_t samples, exits, sequences;
};

static bool sum_old(const char *file, struct sums *ret_sums)
{
	static const char *const sql[] = { "SELECT count(*) FROM sample",
					   "SELECT sum(exits) FROM sample",
					   "SELECT sum(sequence) FROM sample" };
	int64_t values[3] = { 0 };
	sqlite3 *db;
	bool good = db_open_reader(file, &db) == 0;

	for (int i = 0; i < 3 && good; i++)
		good = db_number(db, sql[i], &values[i]) == 0;
	if (good)
		sqlite3_close(db);
	*ret_sums = (struct sums){ values[0], values[1], values[2] };
	return good && ret_sums->samples > 0;
}

struct sum_rows {
	struct query *query;
	struct sums *sums;
};

static int sum_vm(void *ctx, const struct query_vm *vm)
{
	struct sum_rows *s = ctx;
	struct query_filter filter = { .vm_id = vm->id };
	const struct row_pair *pair;
	struct cursor *cursor;
	int r = cursor_new(s->query, &filter, false, &cursor);

	while (r >= 0 && (r = cursor_next(cursor, &pair)) > 0) {
		s->sums->samples++;
		s->sums->exits += pair->row.sample.exits;
		s->sums->sequences += pair->row.sample.sequence;
	}
	if (r == 0)
		cursor_free(cursor);
	return r;
}

static bool sum_new(const char *file, struct sums *ret_sums)
{
	struct sum_rows rows = { .sums = ret_sums };
	struct store *store = open_at(file);
	int64_t sound = 0;
	int r;

	*ret_sums = (struct sums){ 0 };
	r = store ? db_number(store->db,
			      "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'",
			      &sound)
		  : -EIO;
	if (r == 0)
		r = query_open(file, &rows.query);
	if (r == 0)
		r = query_vms(rows.query, sum_vm, &rows);
	query_free(rows.query);
	store_free(store);
	return r == 0 && sound == 1;
}

static void test_migration(struct testdisk *disk)
{
	unsigned int states = 0, bad = 0;
	struct sums old, new;
	struct store *store;
	bool good;

	testdisk_remove(path);
	testdisk_remove(cut_path);
	good = copy_old(cut_path) && sum_old(cut_path, &old) && copy_old(path);
	testdisk_begin(disk, path);
	store = open_at(path);
	good = good && store && work_off(store, INT64_MAX / 2) == 0;
	store_free(store);
	testdisk_end(disk);
	ok(good && testdisk_count(disk).syncs > 3,
	   "a database of version 1 is taken over (%" PRIu64 " samples)", old.samples);
	for (size_t i = testdisk_first(disk); i <= testdisk_end_of(disk) && good; i++) {
		/* Before and behind each sync, and some between. */
		bool beside = testdisk_is_sync(disk, i) || testdisk_is_sync(disk, i - 1);

		for (int n = 0; n < (beside ? is_long ? 30 : 4 : testdisk_random(disk, 3) == 0); n++) {
			struct testdisk_cut cut = testdisk_cut(disk, i);

			states++;
			if (testdisk_write(disk, &cut, cut_path) < 0 || !sum_new(cut_path, &new) ||
			    memcmp(&old, &new, sizeof(old)) != 0)
				bad++;
		}
	}
	ok(states > 30 && bad == 0, "%u power cuts meanwhile: it is taken over afterwards, whole", states);
}

int main(void)
{
	const char *seed = getenv("SEED");
	struct testdisk *disk;

	log_init("powercut_test", LOG_ERROR - 1);
	is_long = getenv("VMEXIT_LONG") != NULL;
	disk = testdisk_new(seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) ^ getpid());
	if (!disk || !mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/v.db", dir);
	snprintf(cut_path, sizeof(cut_path), "%s/cut.db", dir);
	test_cuts(disk);
	test_losses(disk, "OFF", true);
	test_losses(disk, "NORMAL", false);
	test_migration(disk);
	testdisk_remove(path);
	testdisk_remove(cut_path);
	rmdir(dir);
	testdisk_free(disk);
	return done_testing();
}
