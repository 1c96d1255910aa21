/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/testhistory.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/query/cursor.h"
#include "daemon/query/eventquery.h"
#include "daemon/store/blocks.h"
#include "daemon/store/db.h"
#include "daemon/store/testsample.h"

/* Step i has the sequence i * SPREAD; a gap reaches some sequences back from there. */
#define SPREAD 10
#define GAP_BACK 5
#define GAP_COUNT 3

#define EXITS_A_STEP 1000

enum kind { KIND_SAMPLE, KIND_MARK, KIND_GAP };

static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9ULL;
	v = (v ^ v >> 27) * 0x94d049bb133111ebULL;
	return v ^ v >> 31;
}

static uint64_t chance(const struct testhistory *h, unsigned int vm, int source, uint64_t step,
		       int what)
{
	return mix(h->seed + 0x9e3779b97f4a7c15ULL * (step * 64 + vm * 16 + source * 8 + what + 1));
}

static enum kind kind_of(const struct testhistory *h, unsigned int vm, int source, uint64_t step)
{
	uint64_t of_100 = chance(h, vm, source, step, 0) % 100;

	if (source == SOURCE_HOST)
		return of_100 < 3 ? KIND_GAP : KIND_SAMPLE;
	return of_100 < 5 ? KIND_MARK : of_100 < 12 ? KIND_GAP : KIND_SAMPLE;
}

static uint64_t boot_of(const struct testhistory *h, uint64_t step)
{
	return (step - 1) / h->boot_steps + 1;
}

static uint64_t first_of(const struct testhistory *h, uint64_t boot)
{
	return (boot - 1) * h->boot_steps + 1;
}

static uint64_t exits_of(const struct testhistory *h, unsigned int vm, int source, uint64_t step)
{
	return step * EXITS_A_STEP + chance(h, vm, source, step, 1) % EXITS_A_STEP;
}

static void set_lists(const struct testhistory *h, unsigned int vm, int source, uint64_t step,
		      struct sample *sample)
{
	uint64_t third = sample->exits / 3;
	const struct testsample_reason reasons[] = {
		{ 1, third, third * 700, third * 900 },
		{ 12, third + step, third * 1500, third * 4000 },
		{ 48 + chance(h, vm, source, step, 3) % 3, step, step * 900, step * 1000 },
	};

	testsample_reasons(sample, reasons, 3);
}

static struct sample sample_of(const struct testhistory *h, unsigned int vm, int source,
			       uint64_t step)
{
	struct sample sample = testsample(step * SPREAD, exits_of(h, vm, source, step));

	sample.t_boot_ns = source == SOURCE_GUEST ? step * h->step_ns : 0;
	sample.t_wall_ns = testhistory_ns(h, step);
	sample.has |= SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY | SAMPLE_HAS_CLOCK_ERROR;
	sample.handling_cycles = sample.exits * 1200;
	sample.away_cycles = sample.exits * 2000 + step;
	sample.idle_cycles = step * 1000000;
	sample.clock_error_ns = chance(h, vm, source, step, 2) % 5000;
	if (source == SOURCE_GUEST) {
		sample.workload.mask = 1ULL << WORKLOAD_forks | 1ULL << WORKLOAD_net_sent_bytes;
		sample.workload.value[WORKLOAD_forks] = step * 2;
		sample.workload.value[WORKLOAD_net_sent_bytes] = chance(h, vm, source, step, 4);
	}
	if (chance(h, vm, source, step, 5) % 4)
		set_lists(h, vm, source, step, &sample);
	return sample;
}

static struct range gap_of(const struct testhistory *h, uint64_t step)
{
	int64_t t_ns = testhistory_ns(h, step);

	return (struct range){
		.from = step * SPREAD - GAP_BACK,
		.to = step * SPREAD,
		.from_ns = t_ns - h->step_ns / 2,
		.to_ns = t_ns,
		.count = GAP_COUNT,
		.cause = GAP_FULL,
	};
}

static struct mark mark_of(const struct testhistory *h, unsigned int vm, uint64_t step)
{
	struct mark mark = {
		.sequence = step * SPREAD,
		.t_ns = testhistory_ns(h, step),
		.t_boot_ns = step * h->step_ns,
		.kind = PROTO_MARK_INSTANT,
		.uid = chance(h, vm, SOURCE_GUEST, step, 6) % 70000,
	};

	snprintf(mark.label, sizeof(mark.label), "step %" PRIu64 " of %u", step, vm);
	return mark;
}

static struct vm *vm_of(struct store *store, unsigned int vm)
{
	char key[16];

	snprintf(key, sizeof(key), "vm-%u", vm);
	return store_vm(store, key, key);
}

uint64_t testhistory_reached(const struct testhistory *h, struct store *store, unsigned int vm)
{
	const struct vm *record = vm_of(store, vm);
	const struct boot *boots[] = { record ? record->boot : NULL, record ? record->earlier : NULL };
	uint64_t sequence = 0;

	(void)h;
	for (size_t i = 0; i < 2; i++) {
		if (boots[i] && boots[i]->last_sequence[SOURCE_GUEST] > sequence)
			sequence = boots[i]->last_sequence[SOURCE_GUEST];
	}
	return sequence / SPREAD;
}

/* The boot that @step belongs to, opened with its first. */
static struct boot *enter_boot(const struct testhistory *h, struct store *store, struct vm *vm,
			       uint64_t step)
{
	uint64_t number = boot_of(h, step);
	struct boot *boot = vm->boot;

	if (boot && boot->number == number)
		return boot;
	if (boot) {
		boot->closed_ns = testhistory_ns(h, step);
		store_boot_changed(store, boot);
	}
	boot = store_boot(store, vm, number == 1 ? BOOT_CREATED : BOOT_REBOOT, "life",
			  testhistory_ns(h, step - 1));
	if (!boot)
		return NULL;
	boot->vcpus = 2;
	boot->tsc_khz = 2000000;
	store_boot_changed(store, boot);
	return boot;
}

int testhistory_add(const struct testhistory *h, struct store *store, unsigned int vm,
		    uint64_t step)
{
	struct vm *record = vm_of(store, vm);
	struct boot *boot = record ? enter_boot(h, store, record, step) : NULL;
	struct range gap = gap_of(h, step);
	struct mark mark = mark_of(h, vm, step);
	int r = boot ? 0 : -ENOMEM;

	for (int source = 0; source < SOURCES && r == 0; source++) {
		struct sample sample = sample_of(h, vm, source, step);

		switch (kind_of(h, vm, source, step)) {
		case KIND_SAMPLE:
			r = store_add(store, boot, source, &sample);
			break;
		case KIND_MARK:
			r = store_add_mark(store, boot, &mark);
			break;
		case KIND_GAP:
			r = store_add_gap(store, boot, source, &gap);
			break;
		}
	}
	return r;
}

/* ---- what is there ---- */

struct check {
	const struct testhistory *h;
	struct query *query;
	struct blocks blocks;		/* on a connection of its own */
	sqlite3 *db;
	char *why;
	unsigned int vm;
	struct query_vm record;
	uint64_t boot, boots;		/* the one looked at, and how many there are */
	uint64_t reached;		/* steps that are there */
	uint64_t at[3];			/* by kind: the last step seen */
};

static bool __attribute__((format(printf, 2, 3))) fail(struct check *c, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(c->why, TESTHISTORY_WHY_MAX,
		 "VM %u, boot %" PRIu64 " of %" PRIu64 ", reached %" PRIu64 ": %s", c->vm, c->boot,
		 c->boots, c->reached, text);
	return false;
}

/* The first step behind @after that has a record of @kind, up to the last one reached; else 0. */
static uint64_t next_of(const struct check *c, int source, enum kind kind, uint64_t after)
{
	uint64_t end = first_of(c->h, c->boot + 1) - 1;

	for (uint64_t step = after + 1; step <= c->reached && step <= end; step++) {
		if (kind_of(c->h, c->vm, source, step) == kind)
			return step;
	}
	return 0;
}

static bool same_sample(const struct sample *a, const struct sample *b)
{
	return a->sequence == b->sequence && a->t_boot_ns == b->t_boot_ns &&
	       a->t_wall_ns == b->t_wall_ns &&
	       (a->has & ~(uint32_t)SAMPLE_AFTER_GAP) == (b->has & ~(uint32_t)SAMPLE_AFTER_GAP) &&
	       a->exits == b->exits && a->handling_cycles == b->handling_cycles &&
	       a->away_cycles == b->away_cycles && a->idle_cycles == b->idle_cycles &&
	       a->clock_error_ns == b->clock_error_ns && a->workload.mask == b->workload.mask &&
	       a->workload.value[WORKLOAD_forks] == b->workload.value[WORKLOAD_forks] &&
	       a->workload.value[WORKLOAD_net_sent_bytes] ==
		       b->workload.value[WORKLOAD_net_sent_bytes] &&
	       a->detail_len == b->detail_len &&
	       (a->detail_len == 0 || memcmp(a->detail, b->detail, a->detail_len) == 0);
}

/* The exits that the boot had before its counting begins. */
static uint64_t base_of(const struct check *c, int source)
{
	if (c->boot == 1)
		return 0;
	return exits_of(c->h, c->vm, source,
			next_of(c, source, KIND_SAMPLE, first_of(c->h, c->boot) - 1));
}

/* Each sample once, in order, as it was given; increases add up to the last value. */
static bool check_samples(struct check *c, int source)
{
	struct query_filter filter = { c->record.id, c->boot, 1U << source, 0, 0 };
	uint64_t step = first_of(c->h, c->boot) - 1, sum = 0, exits = 0;
	const struct row_pair *pair;
	struct cursor *cursor;
	bool good = true;
	int r = cursor_new(c->query, &filter, true, &cursor);

	if (r < 0)
		return fail(c, "no cursor: %s", strerror(-r));
	while (good && (r = cursor_next(cursor, &pair)) > 0) {
		struct sample want;

		step = next_of(c, source, KIND_SAMPLE, step);
		want = sample_of(c->h, c->vm, source, step ? step : c->reached + 1);
		if (!same_sample(&pair->row.sample, &want)) {
			good = fail(c, "sample %" PRIu64 " of source %d is not that of step %" PRIu64,
				    pair->row.sample.sequence, source, step);
			break;
		}
		sum += pair->has_before ? pair->row.sample.exits - pair->before.exits
					: pair->row.sample.exits - base_of(c, source);
		exits = pair->row.sample.exits;
		if (pair->exits != exits - base_of(c, source))
			good = fail(c, "the count at step %" PRIu64 " of source %d is wrong", step, source);
	}
	cursor_free(cursor);
	if (r < 0)
		return fail(c, "cannot read: %s", strerror(-r));
	if (good && next_of(c, source, KIND_SAMPLE, step))
		return fail(c, "source %d: samples end at step %" PRIu64, source, step);
	if (good && exits && sum + base_of(c, source) != exits)
		return fail(c, "source %d: increases do not add up", source);
	return good;
}

static int check_mark(void *ctx, const struct mark *mark)
{
	struct check *c = ctx;
	uint64_t step = next_of(c, SOURCE_GUEST, KIND_MARK, c->at[KIND_MARK]);
	struct mark want = mark_of(c->h, c->vm, step);

	c->at[KIND_MARK] = step;
	return step && mark->sequence == want.sequence && mark->t_ns == want.t_ns &&
			       mark->uid == want.uid && strcmp(mark->label, want.label) == 0
		       ? 0
		       : -EBADMSG;
}

struct check_gaps {
	struct check *c;
	int source;
};

/* A range holds one step's gap or, of the guest, those of successive steps. */
static int check_gap(void *ctx, enum sample_source source, const struct range *range)
{
	struct check_gaps *g = ctx;
	struct check *c = g->c;
	int64_t count = 0;

	if ((int)source != g->source)
		return 0;
	do {
		uint64_t step = next_of(c, source, KIND_GAP, c->at[KIND_GAP]);
		struct range want = gap_of(c->h, step);

		if (!step || want.from < range->from || want.to > range->to)
			return -EBADMSG;
		c->at[KIND_GAP] = step;
		count += want.count;
	} while (c->at[KIND_GAP] * SPREAD < range->to);
	return count == range->count && range->cause == GAP_FULL ? 0 : -EBADMSG;
}

static bool check_events(struct check *c, const struct boot *boot)
{
	struct query_filter filter = { .vm_id = c->record.id };
	uint64_t begin = first_of(c->h, c->boot) - 1;
	int r;

	c->at[KIND_MARK] = begin;
	r = eventquery_marks(c->query, boot, &filter, check_mark, c);
	if (r < 0 && r != -EBADMSG)
		return fail(c, "cannot read marks: %s", strerror(-r));
	if (r < 0 || next_of(c, SOURCE_GUEST, KIND_MARK, c->at[KIND_MARK]))
		return fail(c, "marks are wrong behind step %" PRIu64, c->at[KIND_MARK]);
	for (int source = 0; source < SOURCES; source++) {
		struct check_gaps gaps = { c, source };

		c->at[KIND_GAP] = begin;
		r = eventquery_ranges(c->query, boot, RANGE_GAP, &filter, check_gap, &gaps);
		if (r < 0 && r != -EBADMSG)
			return fail(c, "cannot read gaps: %s", strerror(-r));
		if (r < 0 || next_of(c, source, KIND_GAP, c->at[KIND_GAP]))
			return fail(c, "source %d: gaps are wrong behind step %" PRIu64, source,
				    c->at[KIND_GAP]);
	}
	return true;
}

/* What rollups say of a boot and source, added up. */
struct total {
	uint64_t samples, sum, last, to_sequence;
};

static int add_chunk(struct chunk *chunk, const struct archive_entry *entry, struct total *total)
{
	const struct key exits = { .kind = KEY_FIELD, .id = FIELD_EXITS };
	struct rollup_bucket *buckets = NULL;
	struct rollup_point *points = calloc(chunk_rows(chunk) + 1, sizeof(*points));
	int r = points ? rollup_read_buckets(chunk, &buckets) : -ENOMEM;

	if (r == 0)
		r = rollup_read(chunk, &exits, buckets, points);
	for (size_t i = 0; i < chunk_rows(chunk) && r == 0; i++) {
		if (buckets[i].value[BUCKET_FROM_SEQUENCE] <= total->to_sequence)
			r = -EEXIST;
		total->to_sequence = buckets[i].value[BUCKET_TO_SEQUENCE];
		total->samples += buckets[i].value[BUCKET_SAMPLES];
		total->sum += points[i].sum;
		total->last = points[i].last;
	}
	if (r == 0 && total->to_sequence != entry->to_sequence)
		r = -EBADMSG;
	free(buckets);
	free(points);
	return r;
}

static int add_up(struct check *c, const struct archive_of *of, struct total *ret_total)
{
	struct archive_entry entry;
	uint64_t after = 0;
	int r;

	while ((r = archive_next(c->blocks.archive, of, after, INT64_MIN, INT64_MAX, &entry)) == 0) {
		struct chunk *chunk = NULL;

		r = archive_load(c->blocks.archive, entry.id, &chunk);
		if (r == 0)
			r = add_chunk(chunk, &entry, ret_total);
		chunk_free(chunk);
		if (r < 0)
			return r;
		after = entry.to_sequence;
	}
	return r == -ENOENT ? 0 : r;
}

/* What they should say up to the sequence @to. */
static struct total total_of(const struct check *c, int source, uint64_t to)
{
	uint64_t before = 0, step = first_of(c->h, c->boot) - 1;
	struct total total = { 0 };

	while ((step = next_of(c, source, KIND_SAMPLE, step)) && step * SPREAD <= to) {
		uint64_t exits = exits_of(c->h, c->vm, source, step), gap;

		gap = before ? next_of(c, source, KIND_GAP, before) : 0;
		if (!before)
			total.sum += c->boot == 1 ? exits : 0;
		else if (!gap || gap > step)
			total.sum += exits - total.last;
		total.samples++;
		total.last = exits;
		total.to_sequence = step * SPREAD;
		before = step;
	}
	return total;
}

static bool check_tiers(struct check *c, const struct boot *boot, int source)
{
	struct stream stream;
	bool good = true;

	if (stream_get(c->blocks.streams, boot->id, source, &stream) < 0)
		return fail(c, "source %d has no stream", source);
	for (int tier = 1; tier < ROLLUP_TIERS && good; tier++) {
		struct archive_of of = { boot->id, source, tier };
		struct total is = { 0 }, want = total_of(c, source, stream.sealed[tier]);
		int r = add_up(c, &of, &is);

		if (r < 0 || stream.sealed[tier] > stream.sealed[tier - 1] ||
		    is.samples != want.samples || is.sum != want.sum || is.last != want.last ||
		    is.to_sequence != want.to_sequence)
			good = fail(c, "source %d, tier %d (%s): %" PRIu64 " samples to %" PRIu64
				       ", sum %" PRIu64 "; should be %" PRIu64 ", %" PRIu64 ", %" PRIu64,
				    source, tier, r < 0 ? strerror(-r) : "read", is.samples,
				    is.to_sequence, is.sum, want.samples, want.to_sequence, want.sum);
	}
	stream_done(&stream);
	return good;
}

static bool check_boot(struct check *c, uint64_t number)
{
	struct boot boot;

	c->boot = number;
	if (query_boot(c->query, c->record.id, number, &boot) < 0)
		return fail(c, "the boot is not there");
	for (int source = 0; source < SOURCES; source++) {
		if (!check_samples(c, source) || !check_tiers(c, &boot, source))
			return false;
	}
	return check_events(c, &boot);
}

/* The last step of which the guest's part is there. */
static int find_reached(struct check *c)
{
	char sql[512];
	int64_t sequence;
	int r;

	snprintf(sql, sizeof(sql),
		 "SELECT coalesce(max(s), 0) FROM (SELECT max(sequence) AS s FROM mark JOIN boot b"
		 " ON b.id = boot WHERE vm = %1$lld UNION ALL SELECT max(to_sequence) FROM gap JOIN"
		 " boot b ON b.id = boot WHERE vm = %1$lld AND source = 0 UNION ALL SELECT max(to_sequence)"
		 " FROM journal_end e JOIN boot b ON e.id = b.id * 2 WHERE vm = %1$lld UNION ALL"
		 " SELECT max(sealed_0) FROM stream JOIN boot b ON b.id = boot WHERE vm = %1$lld"
		 " AND source = 0)", (long long)c->record.id);
	r = db_number(c->db, sql, &sequence);
	c->reached = sequence / SPREAD;
	return r;
}

static bool check_vm(struct check *c, uint64_t least)
{
	char key[16];
	int r;

	c->boot = c->boots = c->reached = 0;
	snprintf(key, sizeof(key), "vm-%u", c->vm);
	r = query_vm(c->query, key, &c->record);
	if (r == -ENOENT && least == 0)
		return true;
	if (r == 0)
		r = find_reached(c);
	if (r == -ENOENT)
		return fail(c, "not there; %" PRIu64 " steps were acknowledged", least);
	if (r < 0)
		return fail(c, "cannot read: %s", strerror(-r));
	c->boots = c->reached ? boot_of(c->h, c->reached) : 0;
	if (c->reached < least)
		return fail(c, "%" PRIu64 " steps were acknowledged", least);
	for (uint64_t number = 1; number <= c->boots; number++) {
		if (!check_boot(c, number))
			return false;
	}
	return true;
}

static bool is_sound(struct check *c)
{
	sqlite3_stmt *stmt = NULL;
	bool sound = sqlite3_prepare_v2(c->db, "PRAGMA integrity_check", -1, &stmt, NULL) == SQLITE_OK &&
		     sqlite3_step(stmt) == SQLITE_ROW;

	if (!sound || strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0) {
		snprintf(c->why, TESTHISTORY_WHY_MAX, "integrity_check: %s",
			 sound ? (const char *)sqlite3_column_text(stmt, 0) : sqlite3_errmsg(c->db));
		sound = false;
	}
	sqlite3_finalize(stmt);
	return sound;
}

bool testhistory_holds(const struct testhistory *h, const char *path,
		       const uint64_t least[TESTHISTORY_VMS], char ret_why[TESTHISTORY_WHY_MAX])
{
	struct check c = { .h = h, .why = ret_why };
	bool good = true;

	if (db_open_reader(path, &c.db) < 0 || blocks_open(c.db, &c.blocks) < 0 ||
	    query_open(path, &c.query) < 0) {
		snprintf(ret_why, TESTHISTORY_WHY_MAX, "the database does not open");
		good = false;
	}
	good = good && is_sound(&c);
	for (; good && c.vm < TESTHISTORY_VMS; c.vm++)
		good = check_vm(&c, least[c.vm]);
	query_free(c.query);
	blocks_close(&c.blocks);
	(void)sqlite3_close(c.db);
	return good;
}
