/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random histories of a VM: new lives and boots, samples that are lost, sent twice or in
 * another order, gaps, agents and daemons that begin anew, claims that are taken back. What is
 * read of them is held against what really was: no increase that was not, none twice, none
 * over a hole; in rates, rollups and counts since a boot began.
 */
#include <errno.h>
#include <inttypes.h>

#include "daemon/intake/testmember.h"
#include "daemon/query/cursor.h"
#include "daemon/query/querypart.h"
#include "daemon/query/rate.h"
#include "daemon/query/spans.h"
#include "daemon/store/testdb.h"
#include "daemon/store/testrandom.h"

/* Histories in one database: a restart reads all its VMs. */
#define PER_DATABASE 40
#define MOST 200
#define BOOTS 32

/* A sample as it really was. */
struct truth {
	struct sample sample;
	uint8_t guest;			/* boot id */
	bool retracted;
	bool stored;			/* was found in the database */
	bool has_list;			/* of interrupts; not every sample has one */
	uint64_t interrupts;
	uint8_t detail[32];
};

/* The VM, its guest and its agent. */
static struct {
	bool with_generation;
	uint64_t generation, exits, interrupts;
	int64_t t_ns, guest_ns;		/* now, and when the guest started */
	uint8_t guest;
	uint64_t started, taken;	/* the agent's */
	struct truth all[MOST];
	size_t count, sent;
	size_t first;			/* of this agent's */
} vm;

/* What was found wrong, in words; the first ones are shown. */
static size_t wrong, rates_seen, holes_seen, samples_seen, boots_seen, lists_seen;

static void fault(const char *what, uint64_t number)
{
	if (wrong++ < 10)
		printf("# %s: %s (%" PRIu64 ")\n", m->vm->key, what, number);
}

static uint64_t sequence_now(void)
{
	return (vm.t_ns - vm.guest_ns) / 1000 + 1;
}

static void pass_time(void)
{
	vm.t_ns += testrandom_one_in(10) ? (int64_t)testrandom_below(100 * S)
					 : (int64_t)testrandom_below(2 * S) + 1000;
	vm.interrupts += testrandom_below(1000);
	vm.exits += testrandom_one_in(5) ? testrandom_below(1 << 20) : testrandom_below(300);
}

static void say_hello(void)
{
	struct proto_hello hello = hello_of(vm.guest, vm.generation);
	uint64_t committed;

	if (!vm.with_generation)
		hello.has &= ~PROTO_HELLO_HAS_GENERATION;
	hello.has |= PROTO_HELLO_HAS_AGENT;
	hello.t_boot_ns = vm.t_ns - vm.guest_ns;
	hello.started = vm.started;
	if (!intake_hello(m, &hello, &committed))
		fault("a hello was refused", vm.guest);
}

static void start_agent(void)
{
	pass_time();
	vm.started = sequence_now();
	vm.taken = 0;
	vm.sent = vm.first = vm.count;
	say_hello();
}

static void start_guest(void)
{
	pass_time();
	vm.guest++;
	vm.guest_ns = vm.t_ns;
	vm.interrupts = 0;
	start_agent();
}

static void add_list(struct truth *t)
{
	struct wire_writer w = { .buf = t->detail, .size = sizeof(t->detail) };
	struct detail_entry entry = { .name = "LOC", .name_len = 3, .value = vm.interrupts };
	size_t began = detail_begin(&w, DETAIL_INTERRUPTS);

	detail_put(&w, DETAIL_INTERRUPTS, &entry);
	detail_end(&w, began);
	t->has_list = true;
	t->interrupts = vm.interrupts;
	t->sample.detail = t->detail;
	t->sample.detail_len = w.len;
}

static void take_sample(void)
{
	struct truth *t = &vm.all[vm.count];

	if (vm.count == MOST)
		return;
	pass_time();
	*t = (struct truth){ .sample = testsample(sequence_now(), vm.exits), .guest = vm.guest };
	t->sample.t_boot_ns = vm.t_ns - vm.guest_ns;
	t->sample.has |= SAMPLE_HAS_CLOCK | SAMPLE_HAS_TAKEN;
	t->sample.host_ns = vm.t_ns;
	t->sample.clock_error_ns = 1000;
	t->sample.taken = ++vm.taken;
	if (vm.with_generation) {
		t->sample.has |= SAMPLE_HAS_GENERATION;
		t->sample.generation = vm.generation;
	}
	if (testrandom_one_in(4))
		add_list(t);
	vm.count++;
}

static void send_one(size_t i)
{
	if (intake_sample(m, &vm.all[i].sample, false) < 0)
		fault("a sample was not taken", vm.all[i].sample.sequence);
}

/* What was sent last once more, as after a reconnection. */
static void send_again(void)
{
	for (size_t i = vm.sent > vm.first + 5 ? vm.sent - 5 : vm.first; i < vm.sent; i++)
		send_one(i);
}

/* What the agent has is sent, mostly as it should be. */
static void deliver(void)
{
	for (size_t n = testrandom_below(6); n > 0 && vm.sent < vm.count; n--) {
		size_t i = vm.sent++;

		switch (testrandom_below(16)) {
		case 0:
			break;	/* lost */
		case 1:
			send_one(i);
			send_one(i);
			break;
		case 2:
			if (vm.sent < vm.count)
				send_one(vm.sent++);
			send_one(i);
			break;
		case 3: {
			/* Dropped by the agent, which says so. */
			struct proto_gap gap = {
				.from = vm.all[i].sample.sequence,
				.to = vm.all[i].sample.sequence,
				.from_t_boot_ns = vm.all[i].sample.t_boot_ns,
				.to_t_boot_ns = vm.all[i].sample.t_boot_ns,
				.cause = PROTO_GAP_FULL,
				.count = 1,
			};

			if (intake_gap(m, &gap) < 0)
				fault("a gap was not taken", gap.from);
			break;
		}
		default:
			send_one(i);
		}
	}
	if (testrandom_one_in(20))
		send_again();
}

static void seal(void)
{
	if (store_flush(setting.store, 0) < 0)
		fault("no flush", 0);
	while (store_work(setting.store, INT64_MAX / 2) > 0)
		;
}

static void restart_daemon(void)
{
	restart();
	say_hello();
}

/* Another KVM VM: its counters have nothing to do with those before. */
static void change_life(char life[32])
{
	pass_time();
	vm.generation = testrandom();
	snprintf(life, 32, "host/%" PRIx64, vm.generation);
}

static void create(void)
{
	char life[32];

	change_life(life);
	vm.sent = vm.count;
	boots_open(m, BOOT_CREATED, life, vm.t_ns);
	vm.exits = testrandom_below(100000);
	start_guest();
}

/* The guest goes on in another life, or in several; not all of them are announced. */
static void restore(void)
{
	char life[32];

	do {
		change_life(life);
		vm.exits = testrandom_below(1 << 24);
		if (testrandom_one_in(2))
			continue;
		boots_restored(m, life, vm.t_ns);
		say_hello();
		if (testrandom_one_in(4))
			restart_daemon();
	} while (testrandom_one_in(3));
	if (testrandom_one_in(3))
		send_again();
}

/* The host finds that the guest lied since some sample. */
static void retract(void)
{
	struct boot *boot = m->vm->boot;
	uint64_t after = 0;

	if (vm.count == 0)
		return;
	after = vm.all[vm.count - 1 - testrandom_below(vm.count < 12 ? vm.count : 12)].sample.sequence;
	if (store_retract(setting.store, boot, after, QUARANTINE_HOST) < 0)
		fault("no retract", after);
}

static void act(void)
{
	switch (testrandom_below(32)) {
	default:
		take_sample();
		if (testrandom_one_in(3))
			deliver();
		break;
	case 0:
		start_guest();
		break;
	case 1:
		start_agent();
		break;
	case 2:
		/* Without one, nobody can tell what was taken before a restore and sent after it. */
		if (vm.with_generation && testrandom_one_in(2))
			restore();
		break;
	case 3:
		if (testrandom_one_in(3))
			create();
		break;
	case 4:
		if (testrandom_one_in(2))
			retract();
		break;
	case 5:
		if (testrandom_one_in(4))
			restart_daemon();
		break;
	case 6:
	case 7:
		seal();
		break;
	case 8:
		(void)store_flush(setting.store, 0);
		break;
	}
}

/* ---- what is read of it ---- */

/* One boot as it was read. */
struct seen {
	int64_t id;
	enum boot_cause cause;
	uint64_t generation, samples, sum, first, last;
	/* Of interrupts: the increase, and the list that was last. */
	uint64_t listed;
	const struct truth *list;
	int64_t list_ns;
	bool list_next, list_gap;	/* the sample before had it; there was a gap since */
};

static struct truth *truth_of(const struct row *row)
{
	for (size_t i = 0; i < vm.count; i++) {
		if (vm.all[i].sample.sequence == row->sample.sequence &&
		    vm.all[i].guest == row->boot->guest_boot_id[0])
			return &vm.all[i];
	}
	return NULL;
}

/* Whether the agent took a sample between two that is not there. */
static bool is_hole(const struct truth *before, const struct truth *now)
{
	for (const struct truth *t = before + 1; t < now; t++) {
		if (t->guest == now->guest)
			return true;
	}
	return false;
}

static void check_interval(const struct row_pair *pair, const struct truth *before,
			   const struct truth *now, struct seen *seen)
{
	const struct sample *was = pair->has_before ? &pair->before : NULL;
	double seconds, amount;
	uint64_t increase;

	if (pair->has_before != (before != NULL) ||
	    (before && pair->before.sequence != before->sample.sequence))
		fault("another sample stands before", now->sample.sequence);
	if (!rate_interval(pair->row.boot, was, &pair->row.sample, RATE_COUNT, &seconds, &amount)) {
		holes_seen++;
		return;
	}
	rates_seen++;
	if (before && is_hole(before, now))
		fault("a rate over a hole", now->sample.sequence);
	if (before && before->sample.generation != now->sample.generation)
		fault("a rate over two lives", now->sample.sequence);
	increase = now->sample.exits - (before ? before->sample.exits : 0);
	if ((uint64_t)amount != increase || now->sample.exits < increase)
		fault("an increase that was not", now->sample.sequence);
	seen->sum += increase;
}

/* An increase from list to list, by its definition. */
static void add_list_of(const struct row *row, const struct truth *now, struct seen *seen)
{
	int64_t t_ns = row->sample.t_wall_ns, ns = t_ns - seen->list_ns;

	seen->list_gap |= (row->sample.has & SAMPLE_AFTER_GAP) != 0;
	if (!now->has_list) {
		seen->list_next = false;
		return;
	}
	if (seen->list && !seen->list_gap && ns > 0 && now->interrupts >= seen->list->interrupts &&
	    (seen->list_next || ns <= LISTSTEP_FAR_NS)) {
		for (const struct truth *t = seen->list + 1; t < now; t++) {
			if (!t->stored && t->guest == now->guest)
				fault("a list over a hole", now->sample.sequence);
		}
		seen->listed += now->interrupts - seen->list->interrupts;
		lists_seen++;
	}
	seen->list = now;
	seen->list_ns = t_ns;
	seen->list_next = true;
	seen->list_gap = false;
}

/* Every row of the VM; the boots that it has. Samples may be sealed under the reader's hands. */
static size_t read_rows(struct query *query, struct seen *seen, bool sealed)
{
	struct query_filter filter = { .vm_id = m->vm->id };
	const struct truth *before = NULL;
	const struct row_pair *pair;
	struct cursor *cursor;
	size_t boots = 0;

	if (cursor_new(query, &filter, false, &cursor) < 0)
		return 0;
	while (cursor_next(cursor, &pair) > 0) {
		const struct row *row = &pair->row;
		struct truth *now = truth_of(row);
		struct seen *s;

		if (!sealed && testrandom_one_in(50))
			seal();
		if (!now || now->sample.exits != row->sample.exits) {
			fault("a sample that was not", row->sample.sequence);
			break;
		}
		if (now->stored)
			fault("a sample twice", row->sample.sequence);
		now->stored = true;
		if (boots == 0 || seen[boots - 1].id != row->boot->id) {
			if (boots == BOOTS)
				break;
			seen[boots++] = (struct seen){
				.id = row->boot->id,
				.cause = row->boot->cause,
				.generation = now->sample.generation,
				.first = now->sample.exits,
			};
			before = NULL;
		}
		s = &seen[boots - 1];
		if (s->generation != now->sample.generation)
			fault("two lives in one boot", row->sample.sequence);
		check_interval(pair, before, now, s);
		add_list_of(row, now, s);
		s->samples++;
		s->last = now->sample.exits;
		if (pair->exits != s->last - (s->cause == BOOT_CREATED ? 0 : s->first))
			fault("another count since the boot began", pair->exits);
		before = now;
	}
	cursor_free(cursor);
	return boots;
}

static const struct key exits = { .kind = KEY_FIELD, .id = FIELD_EXITS };
static const struct key interrupts = { .kind = KEY_INTERRUPT, .name = "LOC", .name_len = 3 };

static int add_spans(void *ctx, size_t want, const struct key *key, const struct span *spans,
		     size_t count)
{
	(void)want;
	(void)key;
	for (size_t i = 0; i < count; i++)
		*(uint64_t *)ctx += spans[i].point.sum;
	return 0;
}

/* The increase that samples, or any tiers, tell of. */
static uint64_t increase_of(struct query *query, const struct boot *boot, const struct key *key,
			    int tier)
{
	struct spans_of of = { boot, SOURCE_GUEST, INT64_MIN, INT64_MAX };
	struct spans_want want = { .key = *key };
	uint64_t sum = 0;

	return spans_read(query, &of, tier, &want, 1, add_spans, &sum) < 0 ? UINT64_MAX : sum;
}

/* The increase that a tier tells of, as far as it reaches; -1 if that is not all. */
static uint64_t rolled_up(struct blocks *blocks, const struct seen *seen, const struct key *key,
			  int tier)
{
	struct archive_of of = { seen->id, SOURCE_GUEST, tier };
	struct archive_entry entry = { 0 };
	uint64_t samples = 0, sum = 0;

	while (archive_next(blocks->archive, &of, entry.to_sequence, INT64_MIN, INT64_MAX,
			    &entry) == 0) {
		struct rollup_bucket *buckets = NULL;
		struct rollup_point *points;
		struct chunk *chunk = NULL;

		if (archive_load(blocks->archive, entry.id, &chunk) < 0 ||
		    rollup_read_buckets(chunk, &buckets) < 0)
			return UINT64_MAX;
		points = calloc(chunk_rows(chunk), sizeof(*points));
		if (rollup_read(chunk, key, buckets, points) < 0 && key == &exits)
			fault("no rollup of exits", entry.id);
		for (size_t row = 0; row < chunk_rows(chunk); row++) {
			samples += buckets[row].value[BUCKET_SAMPLES];
			sum += points[row].sum;
		}
		free(points);
		free(buckets);
		chunk_free(chunk);
	}
	return samples == seen->samples ? sum : UINT64_MAX;
}

static void check_boots(struct query *query, const struct seen *seen, size_t boots, bool sealed)
{
	for (size_t i = 0; i < boots; i++) {
		struct boot boot = { .id = seen[i].id, .cause = seen[i].cause };
		struct query_span span;

		samples_seen += seen[i].samples;
		boots_seen++;
		if (sealed &&
		    (rolled_up(query_part_blocks(query), &seen[i], &exits, 1) != seen[i].sum ||
		     rolled_up(query_part_blocks(query), &seen[i], &interrupts, 1) != seen[i].listed))
			fault("a rollup says another increase", seen[i].id);
		for (int tier = 0; tier < ROLLUP_TIERS; tier++) {
			if (increase_of(query, &boot, &interrupts, tier) != seen[i].listed)
				fault("a list says another increase", seen[i].id);
		}
		if (query_span(query, &boot, SOURCE_GUEST, &span) < 0 ||
		    span.samples != seen[i].samples ||
		    span.exits != seen[i].last - (boot.cause == BOOT_CREATED ? 0 : seen[i].first))
			fault("a span says another count", seen[i].id);
	}
}

static void check(struct query *query, bool sealed)
{
	struct seen seen[BOOTS];

	for (size_t i = 0; i < vm.count; i++)
		vm.all[i].stored = false;
	check_boots(query, seen, read_rows(query, seen, sealed), sealed);
}

static void live_one(struct query *query, const char *name)
{
	begin(name);
	memset(&vm, 0, sizeof(vm));
	vm.with_generation = !testrandom_one_in(4);
	vm.t_ns = 1700000000 * S + testrandom_below(1000000) * S;
	vm.generation = testrandom();
	vm.guest = testrandom_below(50);
	if (testrandom_one_in(2))
		create();
	else
		start_guest();
	for (size_t n = 20 + testrandom_below(60); n > 0; n--)
		act();
	deliver();
	(void)store_flush(setting.store, 0);
	check(query, false);
	seal();
	check(query, true);
}

static void live(unsigned int histories)
{
	struct query *query = NULL;

	for (unsigned int i = 0; i < histories; i++) {
		char name[16];

		if (i % PER_DATABASE == 0 &&
		    (store_open(path, &setting.store) < 0 || query_open(path, &query) < 0))
			abort();
		snprintf(name, sizeof(name), "%u", i);
		live_one(query, name);
		if (i % PER_DATABASE == PER_DATABASE - 1 || i + 1 == histories) {
			query_free(query);
			store_free(setting.store);
			testdb_remove("history.db");
		}
	}
}

int main(void)
{
	unsigned int histories = testrandom_is_long() ? 100000 : 1000;

	log_init("history_test", LOG_ERROR);
	if (!testdb_make())
		return 1;
	testdb_path(path, sizeof(path), "history.db");
	live(histories);
	ok(wrong == 0, "%u histories: no increase that was not, in %zu rates of %zu samples",
	   histories, rates_seen, samples_seen);
	ok(lists_seen > histories, "nor in %zu lists of one sample in four", lists_seen);
	ok(rates_seen > 10 * histories && holes_seen > histories && boots_seen > histories,
	   "of %zu boots, with %zu holes", boots_seen, holes_seen);
	testdb_remove("");
	return done_testing();
}
