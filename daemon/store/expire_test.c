/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which numbers are dropped and which stay, over days that pass at once. */
#include <fcntl.h>

#include "daemon/store/testexpire.h"

/* Read all samples of a boot and source: false if one is missing behind the first, or wrong. */
static bool reads(struct boot *boot, enum sample_source source, uint64_t *ret_from, uint64_t *ret_to)
{
	const struct query_filter filter = {
		.vm_id = boot->vm_id,
		.boot = boot->number,
		.sources = 1 << source,
	};
	uint64_t base = boot->cause == BOOT_CREATED ? 0 : exits_at(1);
	const struct row_pair *pair;
	struct cursor *cursor;
	uint64_t before = 0;
	bool right = true;

	*ret_from = 0;
	if (cursor_new(query, &filter, false, &cursor) < 0)
		return false;
	while (cursor_next(cursor, &pair) > 0) {
		uint64_t i = pair->row.sample.sequence;

		right &= before == 0 || i == before + 1;
		right &= pair->row.sample.exits == exits_at(i) && pair->exits == exits_at(i) - base;
		right &= i == 1 || (pair->has_before && pair->before.sequence == i - 1);
		if (before == 0)
			*ret_from = i;
		before = i;
	}
	cursor_free(cursor);
	*ret_to = before;
	return right;
}

/* The exits in a tier's rollups: their sum, and between which counts; false: it is not right. */
static bool sums(struct boot *boot, enum sample_source source, int tier, uint64_t *ret_first,
		 uint64_t *ret_last)
{
	struct archive_of of = { boot->id, source, tier };
	struct key key = { .kind = KEY_FIELD, .id = FIELD_EXITS };
	struct archive_entry entry = { 0 };
	uint64_t sum = 0;
	bool any = false;

	while (archive_next(store->blocks.archive, &of, entry.to_sequence, INT64_MIN, INT64_MAX,
			    &entry) == 0) {
		struct rollup_bucket *buckets = NULL;
		struct rollup_point *points;
		struct chunk *chunk = NULL;

		if (archive_load(store->blocks.archive, entry.id, &chunk) < 0)
			return false;
		points = calloc(chunk_rows(chunk), sizeof(*points));
		if (rollup_read_buckets(chunk, &buckets) == 0 &&
		    rollup_read(chunk, &key, buckets, points) == 0) {
			for (size_t row = 0; row < chunk_rows(chunk); row++) {
				if (!any)
					*ret_first = points[row].first;
				any = true;
				sum += points[row].sum;
				*ret_last = points[row].last;
			}
		}
		free(points);
		free(buckets);
		chunk_free(chunk);
	}
	return any && sum == *ret_last - *ret_first;
}

/* The usage that is kept is that of the database. */
static bool usage_is_right(void)
{
	const struct usage *u = &store->expire->usage;
	bool right = u->known;

	for (int tier = 0; tier < ROLLUP_TIERS; tier++)
		right &= (int64_t)u->bytes[tier] ==
			 NUMBER("SELECT coalesce(sum(length(columns)), 0) FROM chunk WHERE tier = ?",
				   tier);
	for (size_t i = 0; i < u->count; i++)
		right &= (int64_t)u->vms[i].bytes ==
			 NUMBER("SELECT coalesce(sum(length(columns)), 0) FROM chunk c JOIN boot b"
				   " ON b.id = c.boot WHERE b.vm = ?",
				   u->vms[i].id);
	return right;
}

static void test_age(void)
{
	static const struct expire_limits limits = {
		.tier = { { .age_ns = DAY }, { .age_ns = 2 * DAY } },
	};
	uint64_t all = samples_in(4 * DAY), from, to, first, last;
	struct boot *boots[3];
	struct query_span span;
	char name[8];

	begin_anew(&limits);
	for (int vm = 0; vm < 3; vm++) {
		snprintf(name, sizeof(name), "vm%d", vm);
		boots[vm] = new_boot(name, vm ? BOOT_CREATED : BOOT_FOUND, T0);
		add(boots[vm], SOURCE_HOST, 0, all, true);
	}
	ok(NUMBER("SELECT count(*) FROM chunk WHERE tier = 0 AND to_ns < ?",
		     time_of(all) - DAY) == 0 &&
		   NUMBER("SELECT count(*) FROM chunk WHERE tier = 1 AND to_ns < ?",
			     time_of(all) - 2 * DAY) == 0,
	   "no chunk is older than its tier is kept");
	for (int vm = 0; vm < 3; vm++) {
		struct boot *boot = boots[vm];

		ok(reads(boot, SOURCE_HOST, &from, &to) && to == all &&
			   from <= all - samples_in(DAY) && from + 1024 > all - samples_in(DAY),
		   "a day of samples is left");
		ok(sums(boot, SOURCE_HOST, 1, &first, &last) &&
			   first > exits_at(samples_in(2 * DAY) - 4096) &&
			   first <= exits_at(samples_in(2 * DAY)),
		   "two days of rollups of 10 s, and their sum is right");
		for (int tier = 2; tier < ROLLUP_TIERS; tier++)
			ok(!sums(boot, SOURCE_HOST, tier, &first, &last)
				   ? tier == 4
				   : first == (vm ? 0 : exits_at(1)),
			   "tier %d has all from the boot's begin", tier);
		ok(query_span(query, boot, SOURCE_HOST, &span) == 0 &&
			   span.samples == all - from + 1 && span.from_ns == time_of(from) &&
			   span.to_ns == time_of(all) &&
			   span.exits == exits_at(all) - (vm ? 0 : exits_at(1)),
		   "the boot counts as before and tells what is left");
	}
	ok(usage_is_right(), "what is thought to be stored is");
	end();
}

/* A tier that is dropped when the next one would not be due for long. */
static void test_rolled_up_first(void)
{
	static const struct expire_limits limits = {
		.tier = { { .age_ns = HOUR }, { .age_ns = HOUR }, { .age_ns = HOUR }, { .age_ns = HOUR } },
	};
	uint64_t all = samples_in(20 * HOUR), first = 0, last = 0;
	struct query_span span;
	struct row_pair latest;
	struct boot *boot;

	begin_anew(&limits);
	boot = new_boot("vm", BOOT_FOUND, T0);
	add(boot, SOURCE_GUEST, 0, all, false);
	work_all(time_of(all));
	work_all(time_of(all) + 3 * HOUR);
	ok(number("SELECT count(*) FROM chunk WHERE tier < 4") == 0, "all but the hours is gone");
	ok(sums(boot, SOURCE_GUEST, 4, &first, &last) && first == exits_at(1) &&
		   last == exits_at(all),
	   "and these have every exit");
	ok(query_span(query, boot, SOURCE_GUEST, &span) == 0 && span.samples == 0 &&
		   span.to_ns == time_of(all) && span.exits == exits_at(all) - exits_at(1),
	   "the boot still counts as before");
	ok(query_latest(query, boot, SOURCE_GUEST, &latest) == 0 && !latest.has_before &&
		   latest.row.sample.has & SAMPLE_AFTER_GAP && latest.row.sample.sequence == all,
	   "its last sample is known, and what was before it is not");
	add(boot, SOURCE_GUEST, all, all + 3000, false);
	work_all(time_of(all + 3000));
	ok(sums(boot, SOURCE_GUEST, 4, &first, &last) && first == exits_at(1),
	   "what comes then goes on where it ended");
	ok(query_latest(query, boot, SOURCE_GUEST, &latest) == 0 && latest.has_before &&
		   latest.exits == exits_at(all + 3000) - exits_at(1),
	   "and so does the count");
	end();
	begin();
	(void)store_set_limits(store, &limits, time_of(all + 3000));
	boot = store_vms(store)->boot;
	ok(boot->last_sequence[SOURCE_GUEST] == all + 3000, "after a restart, too");
	end();
}

static void test_size(void)
{
	struct expire_limits limits = { 0 };
	uint64_t all = samples_in(3 * DAY), from, to, first, last;
	int64_t limit, bytes, oldest_left;
	struct boot *a, *b;

	begin_anew(&limits);
	a = new_boot("a", BOOT_FOUND, T0);
	b = new_boot("b", BOOT_FOUND, T0);
	add(a, SOURCE_GUEST, 0, all, false);
	add(b, SOURCE_HOST, 0, all, false);
	work_all(time_of(all) + HOUR);
	limit = number("SELECT sum(bytes) / 2 FROM chunk WHERE tier = 0");
	limits.tier[0].bytes = limit;
	(void)store_set_limits(store, &limits, time_of(all));
	work_all(time_of(all) + HOUR);
	bytes = number("SELECT sum(bytes) FROM chunk WHERE tier = 0");
	ok(bytes <= limit - limit / 20 && bytes > limit - limit / 20 - 10000,
	   "down to 5 %% below the limit: %lld of %lld", (long long)bytes, (long long)limit);
	ok(reads(a, SOURCE_GUEST, &from, &to) && to == all && from > all / 3 && from < all * 2 / 3,
	   "the oldest went of one VM");
	oldest_left = time_of(from);
	ok(reads(b, SOURCE_HOST, &from, &to) && to == all && llabs(time_of(from) - oldest_left) < 3 * HOUR,
	   "and as much of the other");
	ok(sums(a, SOURCE_GUEST, 1, &first, &last) && first == exits_at(1) && last == exits_at(all),
	   "rollups stay");
	add(a, SOURCE_GUEST, all, all + 1200, false);
	work_all(time_of(all) + 6 * HOUR);
	ok(number("SELECT sum(bytes) FROM chunk WHERE tier = 0") > bytes,
	   "the next chunk has room without another's going");
	ok(usage_is_right(), "what is thought to be stored is");
	end();
}

static void test_vm(void)
{
	struct expire_limits limits = { 0 };
	uint64_t all = samples_in(3 * DAY), from, to, first, last;
	struct boot *loud, *quiet;
	int64_t rollups;

	begin_anew(&limits);
	loud = new_boot("loud", BOOT_FOUND, T0);
	quiet = new_boot("quiet", BOOT_FOUND, T0);
	add(loud, SOURCE_GUEST, 0, all, false);
	add(quiet, SOURCE_GUEST, 0, all / 8, false);
	work_all(time_of(all) + HOUR);
	rollups = NUMBER("SELECT sum(bytes) FROM chunk WHERE boot = ? AND tier > 0", loud->id);
	limits.vm_bytes = rollups + NUMBER("SELECT sum(bytes) / 2 FROM chunk WHERE boot = ?"
					      " AND tier = 0", loud->id);
	(void)store_set_limits(store, &limits, time_of(all));
	work_all(time_of(all) + HOUR);
	ok(NUMBER("SELECT sum(bytes) <= ? FROM chunk WHERE boot = ?", limits.vm_bytes,
		     loud->id) == 1 &&
		   NUMBER("SELECT sum(bytes) FROM chunk WHERE boot = ? AND tier > 0", loud->id) == rollups,
	   "a VM over its limit loses samples and no rollups");
	ok(reads(loud, SOURCE_GUEST, &from, &to) && from > 1 && to == all, "the oldest");
	ok(reads(quiet, SOURCE_GUEST, &from, &to) && from == 1 && to == all / 8,
	   "the other VM loses nothing");
	limits.vm_bytes = rollups / 3;
	(void)store_set_limits(store, &limits, time_of(all));
	work_all(time_of(all) + HOUR);
	ok(NUMBER("SELECT sum(bytes) <= ? FROM chunk WHERE boot = ?", limits.vm_bytes,
		     loud->id) == 1 &&
		   NUMBER("SELECT min(tier) FROM chunk WHERE boot = ?", loud->id) > 0,
	   "a small limit takes all samples, then rollups");
	ok(sums(loud, SOURCE_GUEST, 3, &first, &last) && first == exits_at(1) && last > exits_at(all / 2) &&
		   !sums(loud, SOURCE_GUEST, 1, &first, &last),
	   "the coarsest last");
	ok(usage_is_right(), "what is thought to be stored is");
	end();
}

struct touched {
	int pages, frames;
};

static int on_wal(void *ctx, sqlite3 *db, const char *name, int frames)
{
	(void)db;
	(void)name;
	((struct touched *)ctx)->frames = frames;
	return SQLITE_OK;
}

static int pages_touched(void)
{
	int hits = 0, misses = 0, unused;

	sqlite3_db_status(store->db, SQLITE_DBSTATUS_CACHE_HIT, &hits, &unused, 1);
	sqlite3_db_status(store->db, SQLITE_DBSTATUS_CACHE_MISS, &misses, &unused, 1);
	return hits + misses;
}

/* What dropping one chunk touches in a database of @days. */
static struct touched touch(int days)
{
	struct expire_limits limits = { 0 };
	uint64_t all = samples_in(days * DAY);
	struct touched touched = { 0 };
	int64_t chunks;

	begin_anew(&limits);
	add(new_boot("vm", BOOT_FOUND, T0), SOURCE_GUEST, 0, all, true);
	work_all(time_of(all) + HOUR);
	chunks = number("SELECT count(*) FROM chunk");
	/* Just the first chunk of samples is too old. */
	limits.tier[0].age_ns = time_of(all) + HOUR -
				number("SELECT min(to_ns) FROM chunk WHERE tier = 0") - 1;
	expire_set_limits(store->expire, &limits);
	(void)usage_know(&store->expire->usage);
	sqlite3_exec(store->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
	sqlite3_wal_hook(store->db, on_wal, &touched);
	store->upkeep.drops_first = false;
	(void)pages_touched();
	(void)store_work(store, time_of(all) + HOUR);
	touched.pages = pages_touched();
	if (number("SELECT count(*) FROM chunk") != chunks - 1)
		touched.frames = 0;
	printf("# %lld chunks: %d pages touched, %d written\n", (long long)chunks, touched.pages,
	       touched.frames);
	end();
	return touched;
}

static void test_constant(void)
{
	struct touched few = touch(1), many = touch(20);

	ok(few.frames > 0 && many.frames > 0 && many.frames <= few.frames + 6,
	   "a step writes as few pages of a large database");
	ok(many.pages <= few.pages + 25, "and reads as few");
}

static int refuse(void *ctx)
{
	(void)ctx;
	return 1;
}

static void test_failing(void)
{
	struct expire_limits limits = { .tier = { { .age_ns = HOUR } } };
	uint64_t all = samples_in(2 * DAY), from, to;
	struct boot *boot;
	int64_t chunks;

	begin_anew(&(struct expire_limits){ 0 });
	boot = new_boot("vm", BOOT_FOUND, T0);
	add(boot, SOURCE_GUEST, 0, all, true);
	work_all(time_of(all));
	(void)store_set_limits(store, &limits, time_of(all));
	chunks = number("SELECT count(*) FROM chunk");
	sqlite3_commit_hook(store->db, refuse, NULL);
	ok(store_work(store, time_of(all)) < 0 && number("SELECT count(*) FROM chunk") == chunks,
	   "a step that cannot be committed drops nothing");
	sqlite3_commit_hook(store->db, NULL, NULL);
	ok(store_work(store, time_of(all)) == 1 && number("SELECT count(*) FROM chunk") < chunks,
	   "and is done when it can");
	ok(reads(boot, SOURCE_GUEST, &from, &to) && from > 1 && to == all && usage_is_right(),
	   "with the right sums");
	end();
	begin();
	(void)store_set_limits(store, &limits, time_of(all));
	work_all(time_of(all));
	boot = store_vms(store)->boot;
	ok(reads(boot, SOURCE_GUEST, &from, &to) && from + 1024 > all - samples_in(HOUR) &&
		   from <= all - samples_in(HOUR) && usage_is_right(),
	   "a restart amid it goes on with it");
	end();
}

/* The reader is between two blocks when the next ones go. */
static void test_reader(void)
{
	struct expire_limits limits = { .tier = { { .age_ns = 20 * HOUR } } };
	uint64_t all = samples_in(2 * DAY), before = 0;
	const struct row_pair *pair;
	struct query_filter filter = { 0 };
	struct cursor *cursor;
	struct boot *boot;
	int r, holes = 0;
	bool right = true;

	begin_anew(&(struct expire_limits){ 0 });
	boot = new_boot("vm", BOOT_FOUND, T0);
	add(boot, SOURCE_GUEST, 0, all, true);
	work_all(time_of(all));
	filter.vm_id = boot->vm_id;
	if (cursor_new(query, &filter, false, &cursor) < 0)
		exit(1);
	while ((r = cursor_next(cursor, &pair)) > 0) {
		uint64_t i = pair->row.sample.sequence;

		if (i == 10) {
			(void)store_set_limits(store, &limits, time_of(all));
			work_all(time_of(all));
		}
		holes += i != before + 1;
		right &= pair->exits == exits_at(i) - exits_at(1);
		right &= i == 1 || (pair->has_before && pair->before.sequence == i - 1 &&
				    pair->before.exits == exits_at(i - 1));
		before = i;
	}
	cursor_free(cursor);
	ok(r == 0 && before == all, "chunks that go under a reader are no error");
	ok(holes == 1 && right, "but one hole, and no interval over it");
	end();
}

/* Whether the latest sample is @i, counted from the boot's first, and after a gap. */
static bool is_latest(struct boot *boot, uint64_t i)
{
	struct row_pair latest;

	return query_latest(query, boot, SOURCE_GUEST, &latest) == 0 &&
	       latest.row.sample.sequence == i && latest.exits == exits_at(i) - exits_at(1) &&
	       (!latest.has_before || latest.row.sample.has & SAMPLE_AFTER_GAP);
}

/* Samples turn out not to be true, of which others are gone. */
static void test_retracted(void)
{
	const struct expire_limits limits = { .tier = { { .age_ns = HOUR } } };
	uint64_t from, to;
	struct boot *boot;

	begin_anew(&limits);
	boot = new_boot("vm", BOOT_FOUND, T0);
	add(boot, SOURCE_GUEST, 0, 5000, false);
	work_all(time_of(5000) + 2 * HOUR);
	ok(number("SELECT count(*) FROM chunk WHERE tier = 0") == 0, "all samples are gone");
	add(boot, SOURCE_GUEST, 5000, 5100, false);
	store_retract(store, boot, 5050, QUARANTINE_FELL);
	add(boot, SOURCE_GUEST, 5100, 5101, false);
	ok(is_latest(boot, 5101), "the count goes on when later ones are retracted");
	store_retract(store, boot, 2000, QUARANTINE_FELL);
	add(boot, SOURCE_GUEST, 5101, 5102, false);
	ok(is_latest(boot, 5102), "and when those that are gone are, too");
	add(boot, SOURCE_GUEST, 5102, 8000, false);
	work_all(time_of(8000));
	ok(number("SELECT max(to_sequence) FROM chunk WHERE tier = 1 AND from_sequence <= 2000") <= 2000 &&
		   number("SELECT min(from_sequence) FROM chunk WHERE tier = 1 AND to_sequence > 2000") ==
			   5102,
	   "rollups have none of them");
	end();
	begin();
	boot = store_vms(store)->boot;
	ok(boot->last_sequence[SOURCE_GUEST] == 8000 && reads(boot, SOURCE_GUEST, &from, &to) &&
		   to == 8000,
	   "and a restart goes on");
	end();
}

/* The lines that the log has in a file so far. */
static int lines_of(const char *file, const char *with)
{
	char line[512];
	FILE *f = fopen(file, "r");
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, with) != NULL;
	if (f)
		fclose(f);
	return n;
}

/* What goes for want of room is said, once a day; what is old goes in silence. */
static void test_said(void)
{
	struct expire_limits limits = { .tier = { { .age_ns = HOUR } } };
	uint64_t all = samples_in(2 * DAY);
	char file[96];
	int kept = dup(2), log;

	snprintf(file, sizeof(file), "%s/log", dir);
	begin_anew(&limits);
	log = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (log < 0 || dup2(log, 2) < 0)
		exit(1);
	close(log);
	log_init("expire_test", LOG_NOTICE);
	add(new_boot("web", BOOT_FOUND, T0), SOURCE_GUEST, 0, all, true);
	ok(lines_of(file, "") == 0, "what is old goes in silence");
	limits.tier[0] = (struct expire_limit){ .bytes = 1 << 20 };
	limits.tier[1] = (struct expire_limit){ .bytes = 100 };
	limits.vm_bytes = 1000;
	(void)store_set_limits(store, &limits, time_of(all));
	work_all(time_of(all));
	ok(lines_of(file, "keep_10s: more than 0 MB are stored, dropping the oldest") == 1,
	   "a tier's size is said once");
	ok(lines_of(file, "vm_disk_limit: more than 0 MB are of 'web', dropping the oldest") == 1,
	   "so is a VM's");
	add(store_vms(store)->boot, SOURCE_GUEST, all, all + samples_in(2 * DAY), true);
	ok(lines_of(file, "keep_10s") == 2 && lines_of(file, "web") == 2 && lines_of(file, "") == 4,
	   "and once a day as long as it lasts");
	end();
	log_init("expire_test", LOG_ERROR - 1);
	dup2(kept, 2);
	close(kept);
	unlink(file);
}

static int count_pair(void *ctx, const struct query_vm *vm, const struct row_pair *pair)
{
	uint64_t *last = ctx;
	bool right = pair->row.sample.sequence == *last + 1 &&
		     pair->exits == exits_at(*last + 1) - exits_at(1) &&
		     (!pair->has_before || pair->before.sequence == *last);

	(void)vm;
	++*last;
	return right ? 0 : 1;
}

/* A page that is open reads the journal, some time after its rows were sealed. */
static void test_live(void)
{
	const struct expire_limits limits = { .tier = { { .bytes = 1 } } };
	uint64_t last = 0;

	begin_anew(&limits);
	add(new_boot("vm", BOOT_FOUND, T0), SOURCE_GUEST, 0, 3000, false);
	work_all(T0);
	ok(number("SELECT count(*) FROM chunk WHERE tier = 0") == 0 &&
		   number("SELECT count(*) FROM journal") == 3000,
	   "chunks are gone before the journal's rows are");
	ok(query_since(query, 0, 5000, count_pair, &last) == 0 && last == 3000,
	   "who reads these gets every one");
	end();
}

/* Without limits, as in an import, nothing goes. */
static void test_unlimited(void)
{
	uint64_t from, to;
	struct boot *boot;

	remove_files();
	begin();
	boot = new_boot("vm", BOOT_FOUND, T0);
	add(boot, SOURCE_GUEST, 0, 5000, true);
	work_all(T0 + 4000 * DAY);
	ok(reads(boot, SOURCE_GUEST, &from, &to) && from == 1 && to == 5000,
	   "without limits nothing goes");
	end();
}

int main(void)
{
	begin_tests("expire_test");
	test_age();
	test_rolled_up_first();
	test_size();
	test_vm();
	test_constant();
	test_failing();
	test_reader();
	test_live();
	test_said();
	test_retracted();
	test_unlimited();
	return end_tests();
}
