/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Samples of several VMs, added, sealed, retracted and read again at random moments: what is
 * read is what was added, once, in order; and rollups say what these samples say.
 */
#include <errno.h>
#include <sqlite3.h>

#include "daemon/store/samplechunk.h"
#include "daemon/store/seal.h"
#include "daemon/store/store.c"
#include "daemon/store/testdb.h"
#include "daemon/store/testrandom.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define T0 (1763874000 * S)
#define VMS 3
#define STREAMS (VMS * SOURCES)
#define MOST 6000
#define LISTS 16			/* different ones */

/* A sample that was added; its lists are one of a few. */
struct added {
	struct sample sample;
	bool parted;			/* something that is missing is before it */
};

/* What a boot and source should hold. */
struct expected {
	struct boot *boot;
	enum sample_source source;
	struct added *samples;
	size_t count;
	uint64_t exits;
	int64_t t_ns, pace_ns;
	bool parted;			/* what comes next will be */
};

static char path[512];
static struct store *store;
static struct expected streams[STREAMS];
static uint8_t lists[LISTS][TESTRANDOM_DETAIL];
static struct sample drawn[LISTS];
static size_t wrong_samples, wrong_rollups, failures, reads, retracts;

static void draw(void)
{
	for (size_t i = 0; i < LISTS; i++) {
		drawn[i] = testrandom_sample(lists[i]);
		/* Many lists, most of them new, take long and show nothing more. */
		if (i > 3)
			drawn[i].detail_len = 0;
	}
}

static void new_boot(size_t vm)
{
	static unsigned int life;
	struct vm *of = store_vm(store, (char[]){ 'v', '0' + vm, '\0' }, "vm");
	struct boot *boot;
	char text[32];

	snprintf(text, sizeof(text), "life/%u", life++);
	boot = store_boot(store, of, testrandom_one_in(2) ? BOOT_CREATED : BOOT_FOUND, text,
			  streams[vm * SOURCES].t_ns);
	for (int source = 0; source < SOURCES; source++) {
		struct expected *e = &streams[vm * SOURCES + source];

		e->boot = boot;
		e->source = source;
		e->count = 0;
		e->parted = false;
		e->exits = testrandom_below(1 << 20);
		e->pace_ns = testrandom_one_in(2) ? S : testrandom_one_in(2) ? 20 * S : 300 * S;
	}
}

static void add_sample(struct expected *e)
{
	struct added *a = &e->samples[e->count];
	struct sample *s = &a->sample;

	*s = drawn[testrandom_below(LISTS)];
	e->t_ns += testrandom_one_in(100) ? -(int64_t)testrandom_below(20 * S)
					  : (int64_t)testrandom_below(2 * e->pace_ns);
	e->exits += testrandom_below(5000);
	s->sequence = e->boot->last_sequence[e->source] + 1 + testrandom_one_in(10);
	s->t_wall_ns = e->t_ns;
	s->has |= SAMPLE_HAS_CLOCK_ERROR;
	s->has &= ~SAMPLE_HAS_EXITS;
	s->exits = 0;
	if (!testrandom_one_in(30)) {
		s->has |= SAMPLE_HAS_EXITS;
		s->exits = e->exits;
	}
	failures += store_add(store, e->boot, e->source, s) != 0;
	/* Once more, or an older one: no more than said. */
	if (testrandom_one_in(20))
		failures += store_add(store, e->boot, e->source, s) != 0;
	a->parted = e->parted && e->count > 0;
	e->parted = false;
	e->count++;
}

static void add_gap(struct expected *e)
{
	uint64_t last = e->boot->last_sequence[e->source];
	struct range gap = { last + 1, last + 1 + testrandom_below(3), e->t_ns, e->t_ns, 1, GAP_FULL };

	failures += store_add_gap(store, e->boot, e->source, &gap) != 0;
	e->parted = true;
}

static void add_mark(struct expected *e)
{
	struct mark mark = {
		.sequence = e->boot->last_sequence[SOURCE_GUEST] + 1,
		.t_ns = e->t_ns,
		.kind = PROTO_MARK_INSTANT,
		.label = "m",
	};

	if (e->source == SOURCE_GUEST)
		failures += store_add_mark(store, e->boot, &mark) != 0;
}

static void add_some(struct expected *e)
{
	size_t n = testrandom_one_in(12) ? testrandom_below(1500) : testrandom_below(60);

	for (size_t i = 0; i < n && e->count < MOST; i++) {
		if (testrandom_one_in(100))
			add_gap(e);
		if (testrandom_one_in(100))
			add_mark(e);
		add_sample(e);
	}
}

static void retract(struct expected *e)
{
	size_t keep;

	if (e->source != SOURCE_GUEST || e->count == 0)
		return;
	keep = testrandom_one_in(10) ? testrandom_below(e->count)
				     : e->count - 1 - testrandom_below(e->count < 200 ? e->count : 200);
	failures += store_retract(store, e->boot,
				  keep ? e->samples[keep - 1].sample.sequence : 0,
				  QUARANTINE_FELL) != 0;
	e->parted = true;
	e->count = keep;
	retracts++;
}

/* What stands in the block before @from is the sample before. */
static bool is_sample(const struct expected *e, size_t i, const struct sample *got, bool before)
{
	struct sample want;

	if (i >= e->count)
		return false;
	want = e->samples[i].sample;
	if (e->samples[i].parted)
		want.has |= SAMPLE_AFTER_GAP;
	/* That one's own past does not matter. */
	if (before)
		want.has = (want.has & ~SAMPLE_AFTER_GAP) | (got->has & SAMPLE_AFTER_GAP);
	return testrandom_same(&want, got);
}

/* Read one block, whose first sample is @next; what is wrong. */
static size_t read_block(const struct expected *e, struct block *block, size_t *next)
{
	struct samplechunk_reader *reader;
	struct sample sample;
	size_t bad = 0;
	bool any_before = false;

	if (samplechunk_open(block->chunk, true, &reader) < 0)
		return 1;
	while (samplechunk_next(reader, &sample)) {
		if (sample.sequence >= block->from_sequence) {
			/* The one before is known if there is one. */
			bad += !any_before && *next > 0;
			bad += !is_sample(e, (*next)++, &sample, false);
		}
		any_before = true;
	}
	bad += *next == 0 || e->samples[*next - 1].sample.sequence != block->to_sequence;
	samplechunk_close(reader);
	return bad;
}

/* All of a boot and source above a sequence, as @blocks gives it. */
static void read_stream(struct blocks *blocks, const struct expected *e)
{
	size_t next = testrandom_one_in(2) ? 0 : testrandom_below(e->count + 1);
	uint64_t after = next ? e->samples[next - 1].sample.sequence : 0;
	struct block block;
	int r;

	while ((r = blocks_next(blocks, e->boot->id, e->source, after, INT64_MIN, INT64_MAX,
				&block)) == 0) {
		wrong_samples += read_block(e, &block, &next);
		chunk_free(block.chunk);
		after = block.to_sequence;
	}
	wrong_samples += r != -ENOENT || next != e->count;
	reads++;
}

/* Samples of a time are all in the blocks of that time. */
static void read_range(struct blocks *blocks, const struct expected *e)
{
	size_t want = 0, got = 0;
	int64_t from_ns, to_ns;
	uint64_t after = 0;
	struct block block;

	if (e->count == 0)
		return;
	from_ns = e->samples[testrandom_below(e->count)].sample.t_wall_ns;
	to_ns = from_ns + testrandom_below(1000 * S);
	for (size_t i = 0; i < e->count; i++) {
		int64_t t_ns = e->samples[i].sample.t_wall_ns;

		want += t_ns >= from_ns && t_ns <= to_ns;
	}
	while (blocks_next(blocks, e->boot->id, e->source, after, from_ns, to_ns, &block) == 0) {
		struct samplechunk_reader *reader;
		struct sample sample;

		failures += samplechunk_open(block.chunk, false, &reader) < 0;
		while (samplechunk_next(reader, &sample))
			got += sample.sequence >= block.from_sequence &&
			       (int64_t)sample.t_wall_ns >= from_ns &&
			       (int64_t)sample.t_wall_ns <= to_ns;
		samplechunk_close(reader);
		chunk_free(block.chunk);
		after = block.to_sequence;
	}
	wrong_samples += got != want;
}

/* All in all, as far as a tier reaches. */
struct total {
	uint64_t samples, sum, weight;
};

static struct total total_of_samples(const struct expected *e, uint64_t to)
{
	struct total t = { 0 };
	bool zero = e->boot->cause == BOOT_CREATED;

	for (size_t i = 0; i < e->count && e->samples[i].sample.sequence <= to; i++) {
		const struct sample *s = &e->samples[i].sample, *b;
		int64_t ns;

		b = i ? &e->samples[i - 1].sample : NULL;
		ns = (int64_t)s->t_wall_ns - (b ? (int64_t)b->t_wall_ns : e->boot->opened_ns);
		t.samples++;
		if (!(s->has & SAMPLE_HAS_EXITS) || (b ? !(b->has & SAMPLE_HAS_EXITS) : !zero) ||
		    e->samples[i].parted || ns <= 0)
			continue;
		t.sum += s->exits - (b ? b->exits : 0);
		t.weight += ns;
	}
	return t;
}

/* The time of each row is in that of its chunk, though it may have gone back. */
static bool is_within(const struct archive_entry *entry, const struct rollup_bucket *bucket)
{
	int64_t from_ns = bucket->value[BUCKET_FROM_NS], to_ns = bucket->value[BUCKET_TO_NS];

	return from_ns >= entry->from_ns && from_ns <= entry->to_ns && to_ns >= entry->from_ns &&
	       to_ns <= entry->to_ns;
}

static void add_rollups(struct chunk *chunk, const struct archive_entry *entry, struct total *t)
{
	struct key key = { .kind = KEY_FIELD, .id = FIELD_EXITS };
	struct rollup_point *points = calloc(chunk_rows(chunk), sizeof(*points));
	struct rollup_bucket *buckets = NULL;
	int r = rollup_read_buckets(chunk, &buckets);

	if (r == 0)
		r = rollup_read(chunk, &key, buckets, points);
	for (size_t row = 0; row < chunk_rows(chunk) && buckets; row++) {
		wrong_rollups += !is_within(entry, &buckets[row]);
		t->samples += buckets[row].value[BUCKET_SAMPLES];
		t->sum += r == 0 ? points[row].sum : 0;
		t->weight += r == 0 ? points[row].weight : 0;
	}
	failures += r < 0 && r != -ENOENT;
	free(points);
	free(buckets);
}

static void read_rollups(struct blocks *blocks, const struct expected *e)
{
	struct stream stream;

	if (stream_get(blocks->streams, e->boot->id, e->source, &stream) < 0) {
		failures++;
		return;
	}
	for (int tier = 1; tier < ROLLUP_TIERS; tier++) {
		struct archive_of of = { e->boot->id, e->source, tier };
		struct total want = total_of_samples(e, stream.sealed[tier]), got = { 0 };
		struct archive_entry entry = { 0 };

		while (archive_next(blocks->archive, &of, entry.to_sequence, INT64_MIN, INT64_MAX,
				    &entry) == 0) {
			struct chunk *chunk = NULL;

			failures += archive_load(blocks->archive, entry.id, &chunk) < 0;
			add_rollups(chunk, &entry, &got);
			chunk_free(chunk);
		}
		wrong_rollups += got.samples != want.samples || got.sum != want.sum ||
				 got.weight != want.weight;
	}
	stream_done(&stream);
}

static void check(const struct expected *e)
{
	failures += store_flush(store, 0) < 0;
	read_stream(&store->blocks, e);
	read_range(&store->blocks, e);
	read_rollups(&store->blocks, e);
}

static void reopen(void)
{
	store_free(store);
	failures += store_open(path, &store) < 0;
	for (size_t vm = 0; vm < VMS; vm++) {
		struct vm *of = store_vm(store, (char[]){ 'v', '0' + vm, '\0' }, "vm");

		for (int source = 0; source < SOURCES; source++)
			streams[vm * SOURCES + source].boot = of->boot;
	}
}

/* Higher tiers are due after hours; here before that. */
static void roll_up_some(const struct expected *e)
{
	struct stream stream;
	int r;

	failures += store_flush(store, 0) < 0;
	r = db_exec(store->db, "BEGIN IMMEDIATE", "cannot begin");
	failures += r < 0 || stream_get(store->blocks.streams, e->boot->id, e->source, &stream) < 0;
	for (int tier = 2; tier < ROLLUP_TIERS && !testrandom_one_in(3); tier++)
		failures += seal_roll_up(&store->blocks, &stream, tier) < 0;
	failures += stream_put(store->blocks.streams, &stream) < 0;
	failures += db_exec(store->db, "COMMIT", "cannot commit") < 0;
	stream_done(&stream);
}

/* Steps in the background, at a time at which nothing, or all that is there, is due. */
static void work_some(void)
{
	int64_t now_ns = T0;

	for (size_t i = 0; i < STREAMS && testrandom_one_in(2); i++)
		now_ns = streams[i].t_ns > now_ns ? streams[i].t_ns : now_ns;
	now_ns += testrandom_below(2 * SEAL_AGE_NS);
	for (size_t n = testrandom_below(12); n > 0; n--)
		failures += store_work(store, now_ns) < 0;
}

static void act(void)
{
	struct expected *e = &streams[testrandom_below(STREAMS)];

	switch (testrandom_below(12)) {
	default:
		add_some(e);
		break;
	case 5:
		failures += store_flush(store, 0) < 0;
		work_some();
		break;
	case 6:
		roll_up_some(e);
		break;
	case 7:
		work_some();
		break;
	case 8:
		retract(e);
		break;
	case 9:
		check(e);
		break;
	case 10:
		if (testrandom_one_in(5))
			reopen();
		break;
	case 11:
		if (testrandom_one_in(20) || e->count == MOST)
			new_boot((e - streams) / SOURCES);
		break;
	}
}

static int64_t number_of(const char *sql)
{
	int64_t n = -1;

	(void)db_number(store->db, sql, &n);
	return n;
}

/* All that is there, once and for all. */
static void seal_everything(void)
{
	int r;

	failures += store_flush(store, 0) < 0;
	do {
		r = store_work(store, INT64_MAX / 2);
	} while (r > 0);
	failures += r < 0;
}

static void test_random(int histories, int actions)
{
	size_t left = 0;

	for (int history = 0; history < histories; history++) {
		failures += store_open(path, &store) < 0;
		draw();
		for (size_t i = 0; i < STREAMS; i++)
			streams[i].t_ns = T0;
		for (size_t vm = 0; vm < VMS; vm++)
			new_boot(vm);
		for (int i = 0; i < actions; i++)
			act();
		seal_everything();
		for (size_t i = 0; i < STREAMS; i++)
			check(&streams[i]);
		left += number_of("SELECT count(*) > 1 FROM journal");
		left += number_of("SELECT count(*) FROM journal_end");
		reopen();
		for (size_t i = 0; i < STREAMS; i++)
			check(&streams[i]);
		left += number_of("SELECT count(*) FROM pragma_integrity_check"
				  " WHERE integrity_check <> 'ok'");
		store_free(store);
		testdb_remove("seal.db");
	}
	ok(failures == 0, "nothing failed");
	ok(wrong_samples == 0, "%zu reads gave what was added, once and in order", reads);
	ok(wrong_rollups == 0, "rollups are of these samples, also behind %zu retracts", retracts);
	ok(left == 0, "what is sealed leaves the journal");
}

static void roll_up_to(const struct expected *e, int tier)
{
	struct stream stream;
	int r = db_exec(store->db, "BEGIN IMMEDIATE", "cannot begin");

	failures += r < 0 || stream_get(store->blocks.streams, e->boot->id, e->source, &stream) < 0;
	failures += seal_roll_up(&store->blocks, &stream, tier) < 0;
	failures += stream_put(store->blocks.streams, &stream) < 0;
	failures += db_exec(store->db, "COMMIT", "cannot commit") < 0;
	stream_done(&stream);
}

/* Samples @from to @to, one a second, sealed. */
static void seal_samples(struct expected *e, uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i <= to; i++) {
		struct added *a = &e->samples[e->count++];

		a->parted = i == from && i > 1 && e->parted;
		a->sample = (struct sample){ .sequence = i, .t_wall_ns = T0 + i * S,
					     .has = SAMPLE_HAS_EXITS | SAMPLE_HAS_CLOCK_ERROR,
					     .exits = 10 * i };
		failures += store_add(store, e->boot, e->source, &a->sample) != 0;
	}
	e->parted = false;
	seal_everything();
}

/* A higher tier ends within a bucket of the tier below, which is cut behind that. */
static void test_cut(void)
{
	struct expected *e = &streams[0];

	failures += store_open(path, &store) < 0;
	e->t_ns = T0;
	new_boot(0);
	seal_samples(e, 1, 97);
	roll_up_to(e, 2);
	roll_up_to(e, 3);
	seal_samples(e, 98, 150);
	failures += store_retract(store, e->boot, 140, QUARANTINE_FELL) != 0;
	e->parted = true;
	e->count = 140;
	seal_samples(e, 151, 200);
	roll_up_to(e, 2);
	roll_up_to(e, 3);
	check(e);
	ok(failures == 0 && wrong_rollups == 0 && wrong_samples == 0,
	   "what is rolled up anew behind a cut is counted once");
	store_free(store);
	testdb_remove("seal.db");
}

/* A row of the journal that the disk spoiled is a hole, and holds up nothing. */
static void test_damaged(void)
{
	struct expected *e = &streams[0];

	log_init("seal_test", LOG_ERROR - 1);
	failures += store_open(path, &store) < 0;
	e->t_ns = T0;
	new_boot(0);
	for (int i = 0; i < 9; i++)
		add_sample(e);
	failures += store_flush(store, 0) < 0;
	failures += db_exec(store->db, "UPDATE journal SET sample = x'ff' WHERE id IN (4, 5)",
			    "cannot spoil") < 0;
	memmove(&e->samples[3], &e->samples[5], 4 * sizeof(e->samples[0]));
	e->samples[3].parted = true;
	e->count = 7;
	read_stream(&store->blocks, e);
	seal_everything();
	read_stream(&store->blocks, e);
	ok(failures == 0 && wrong_samples == 0, "damaged samples in the journal are a hole");

	add_sample(e);
	failures += store_flush(store, 0) < 0;
	failures += db_exec(store->db, "UPDATE journal SET sample = x'ff' WHERE id = 10",
			    "cannot spoil") < 0;
	seal_everything();
	e->count = 7;
	read_stream(&store->blocks, e);
	ok(failures == 0 && wrong_samples == 0 && number_of("SELECT count(*) FROM journal_end") == 0,
	   "one alone is let go");

	failures += db_exec(store->db, "UPDATE stream SET last = x'ff'", "cannot spoil") < 0;
	add_sample(e);
	e->samples[7].parted = true;
	seal_everything();
	read_stream(&store->blocks, e);
	ok(failures == 0 && wrong_samples == 0, "what follows a last sample that is damaged is apart");
	log_init("seal_test", LOG_ERROR);
	store_free(store);
	testdb_remove("seal.db");
}

int main(void)
{
	log_init("seal_test", LOG_ERROR);
	if (!testdb_make())
		return 1;
	testdb_path(path, sizeof(path), "seal.db");
	for (size_t i = 0; i < STREAMS; i++)
		streams[i].samples = calloc(MOST, sizeof(struct added));
	test_cut();
	test_damaged();
	test_random(testrandom_is_long() ? 200 : 3, 300);
	for (size_t i = 0; i < STREAMS; i++)
		free(streams[i].samples);
	testdb_remove("");
	return done_testing();
}
