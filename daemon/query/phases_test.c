/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sums by phase of random histories beside those of their samples; and of what retention left. */
#include "daemon/query/phases.h"

#include <errno.h>
#include <math.h>

#include "daemon/query/eventquery.h"
#include "daemon/query/testhistory.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

static const char *const labels[] = { "kernel", "initramfs", "userspace", "finished" };

/* Give the history's boot its marks; @drop_tiers tiers keep nothing then. */
static void finish_history(const struct history *h, const int64_t marks_ns[4], int drop_tiers)
{
	const struct history_sample *last = &h->samples[h->count - 1];
	int64_t later_ns = last->sample.t_wall_ns + 1000LL * 86400 * 1000000000;
	struct expire_limits limits = { 0 };
	struct store *store;
	struct boot *boot;

	for (int tier = 0; tier < drop_tiers; tier++)
		limits.tier[tier].age_ns = 1;
	if (store_open(h->path, &store) < 0 || store_set_limits(store, &limits, later_ns) < 0)
		abort();
	boot = store_vm(store, "uuid", "vm")->boot;
	for (int i = 0; i < 4; i++) {
		struct mark mark = { .sequence = last->sample.sequence + 1 + i,
				     .t_ns = marks_ns[i],
				     .kind = PROTO_MARK_PHASE };

		snprintf(mark.label, sizeof(mark.label), "%s", labels[i]);
		if (store_add_mark(store, boot, &mark) < 0)
			abort();
	}
	/* Some of a journal is sealed only when it is old. */
	for (int i = 0; i < 3; i++)
		history_flush(store, later_ns + i * 86400LL * 1000000000);
	store_free(store);
}

/* What the samples say of a key in a phase: a part of each interval that lies in it. */
struct slow {
	double sum, seconds;
	uint64_t crossing;		/* intervals of which a part lies elsewhere */
	uint64_t all;			/* the increase of all intervals that end in it */
};

static struct slow slow_part(const struct history *h, const struct key *key, int64_t from_ns,
			     int64_t to_ns)
{
	struct slow slow = { 0 };

	for (size_t i = 0; i < h->count; i++) {
		struct history_step step = history_step(h, i, key);
		int64_t t_ns = h->samples[i].sample.t_wall_ns, begin_ns = t_ns - (int64_t)step.ns;
		int64_t a = begin_ns > from_ns ? begin_ns : from_ns, b = t_ns < to_ns ? t_ns : to_ns;

		if (!step.known)
			continue;
		slow.all += t_ns > from_ns && t_ns <= to_ns ? step.increase : 0;
		if (b <= a)
			continue;
		slow.sum += (double)step.increase * (b - a) / step.ns;
		slow.seconds += (b - a) / 1e9;
		slow.crossing += b - a < (int64_t)step.ns;
	}
	return slow;
}

static const struct totals_reason *reason_of(const struct phases_part *part, uint32_t number)
{
	static const struct totals_reason none;

	for (size_t i = 0; i < part->totals.count; i++) {
		if (part->totals.reasons[i].number == number)
			return &part->totals.reasons[i];
	}
	return &none;
}

static uint64_t sum_of(const struct phases_part *part, const struct key *key)
{
	const struct totals_reason *reason = reason_of(part, key->id);

	switch (key->kind) {
	case KEY_FIELD:
		return key->id == FIELD_EXITS ? part->exits.sum : part->handling.sum;
	case KEY_REASON_COUNT:
		return reason->count;
	case KEY_REASON_HANDLING:
		return reason->handling_cycles;
	default:
		return reason->away_cycles;
	}
}

static const struct key keys[] = {
	{ .kind = KEY_FIELD, .id = FIELD_EXITS },
	{ .kind = KEY_FIELD, .id = FIELD_HANDLING },
	{ .kind = KEY_REASON_COUNT, .id = 1 },
	{ .kind = KEY_REASON_COUNT, .id = 40 },
	{ .kind = KEY_REASON_HANDLING, .id = 12 },
	{ .kind = KEY_REASON_AWAY, .id = 12 },
};

/* How often the whole is not what the samples say, exactly. */
static int wrong_totals(const struct history *h, const struct phases *p)
{
	int wrong = 0;

	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		uint64_t all = slow_part(h, &keys[k], INT64_MIN, INT64_MAX).all, parts = 0;

		for (size_t i = 0; i < p->count; i++)
			parts += sum_of(&p->parts[i], &keys[k]);
		wrong += parts != all || sum_of(&p->total, &keys[k]) != all;
	}
	return wrong;
}

/* How often a part is not; rounding at an edge costs less than one. */
static int wrong_parts(const struct history *h, const struct phases *p, uint64_t *crossing)
{
	int wrong = 0;

	for (size_t i = 0; i < p->count; i++) {
		const struct phases_part *part = &p->parts[i];
		int64_t from_ns = i ? part->from_ns : INT64_MIN;
		int64_t to_ns = i + 1 < p->count ? part->to_ns : INT64_MAX;

		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			struct slow slow = slow_part(h, &keys[k], from_ns, to_ns);

			/* A double has 53 bits, sums of cycles have more. */
			wrong += fabs(slow.sum - (double)sum_of(part, &keys[k])) >
				 slow.crossing + 1e-9 * slow.sum;
			wrong += k == 0 && fabs(slow.seconds - part->exits.ns / 1e9) > 1e-6;
			wrong += k == 0 && (slow.crossing == 0) && part->shared != 0;
			*crossing += k == 0 ? slow.crossing : 0;
		}
	}
	return wrong;
}

static void read_history(const struct history *h, struct phases *ret_phases)
{
	struct query *query;
	struct boot boot;

	if (query_open(h->path, &query) < 0 ||
	    query_boot(query, h->vm_id, h->boot_number, &boot) < 0 ||
	    phases_read(query, &boot, SOURCE_GUEST, ret_phases) < 0)
		abort();
	query_free(query);
}

static void random_marks(struct history *h, int64_t marks_ns[4])
{
	for (int i = 0; i < 4; i++) {
		int64_t t_ns = history_time(h);
		int at = i;

		for (; at > 0 && marks_ns[at - 1] > t_ns; at--)
			marks_ns[at] = marks_ns[at - 1];
		marks_ns[at] = t_ns;
	}
}

static void test_samples(void)
{
	int totals = 0, parts = 0, several = 0, edges = 0;
	uint64_t crossing = 0;

	for (unsigned int seed = 100; seed < 115; seed++) {
		struct phases phases;
		int64_t marks_ns[4];
		struct history h;

		history_make(&h, seed, 1500);
		random_marks(&h, marks_ns);
		/* An edge where a sample is is over no interval. */
		if (seed % 2)
			marks_ns[1] = h.samples[h.count / 2].sample.t_wall_ns;
		finish_history(&h, marks_ns, 0);
		read_history(&h, &phases);
		totals += wrong_totals(&h, &phases);
		parts += wrong_parts(&h, &phases, &crossing);
		several += phases.count > 3;
		edges += phases.count - 1;
		phases_done(&phases);
		history_done(&h);
	}
	ok(totals == 0, "all phases together have what the samples have, exactly");
	ok(parts == 0, "each has its part of each interval");
	ok(several > 10 && edges > 40 && crossing > 40, "of %d edges, over %d intervals", edges,
	   (int)crossing);
}

static void test_rollups(void)
{
	int totals = 0, seen = 0;

	for (unsigned int seed = 200; seed < 212; seed++) {
		struct phases phases;
		int64_t marks_ns[4];
		struct history h;

		history_make(&h, seed, 1500);
		random_marks(&h, marks_ns);
		finish_history(&h, marks_ns, 1 + seed % (ROLLUP_TIERS - 1));
		read_history(&h, &phases);
		totals += wrong_totals(&h, &phases);
		seen += phases.count > 3;
		phases_done(&phases);
		history_done(&h);
	}
	ok(totals == 0 && seen > 8,
	   "so they have when samples, and fine rollups, are gone: no bucket comes twice");
}

static void add_phase(struct store *store, struct boot *boot, uint64_t sequence, const char *label,
		      int64_t after_ns)
{
	struct mark mark = { .sequence = sequence, .kind = PROTO_MARK_PHASE,
			     .t_ns = HISTORY_T0 + after_ns };

	snprintf(mark.label, sizeof(mark.label), "%s", label);
	if (store_add_mark(store, boot, &mark) < 0)
		abort();
}

/* A boot of one sample a second, of 100 exits and once 101, with a gap in its 16th second. */
static void make_known(struct history *h)
{
	struct range gap = { 155, 155, HISTORY_T0 + 15000000000LL, HISTORY_T0 + 16000000000LL, 1,
			     GAP_FULL };
	struct store *store;
	struct boot *boot;

	*h = (struct history){ .dir = "/tmp/vmexit-history-XXXXXX" };
	if (!mkdtemp(h->dir))
		abort();
	snprintf(h->path, sizeof(h->path), "%s/v.db", h->dir);
	if (store_open(h->path, &store) < 0)
		abort();
	boot = store_boot(store, store_vm(store, "uuid", "vm"), BOOT_CREATED, "1", HISTORY_T0);
	boot->vcpus = 2;
	boot->tsc_khz = 1000000;
	store_boot_changed(store, boot);
	for (uint64_t i = 1; i <= 20; i++) {
		struct sample sample = testsample(i * 10, 100 * i + (i > 10 ? 1 : 0));

		if (i == 16 && store_add_gap(store, boot, SOURCE_GUEST, &gap) < 0)
			abort();
		sample.t_wall_ns = HISTORY_T0 + i * 1000000000;
		sample.has |= SAMPLE_HAS_HANDLING;
		sample.handling_cycles = i * 500000000;
		if (store_add(store, boot, SOURCE_GUEST, &sample) < 0)
			abort();
	}
	add_phase(store, boot, 1000, "kernel", 4000000000);
	add_phase(store, boot, 1001, "userspace", 10250000000);
	store_free(store);
}

static void test_known(void)
{
	struct phases phases;
	struct query *query;
	struct history h;
	struct boot boot;
	double value = 0;

	make_known(&h);
	if (query_open(h.path, &query) < 0 || query_boot(query, 1, 0, &boot) < 0)
		abort();
	ok(phases_read(query, &boot, SOURCE_HOST, &phases) == -ENOENT,
	   "a source without samples has no phases");
	if (phases_read(query, &boot, SOURCE_GUEST, &phases) < 0)
		abort();
	ok(phases.count == 3 && phases.parts[0].name == BOOTPHASE_FIRMWARE &&
		   phases.parts[1].name == BOOTPHASE_KERNEL &&
		   phases.parts[2].name == BOOTPHASE_USERSPACE && phases.parts[2].is_on &&
		   !phases.parts[1].is_on,
	   "three phases, of which the last is on");
	ok(phases.parts[0].exits.sum == 400 && phases.parts[0].shared == 0,
	   "an edge at a sample shares nothing out");
	ok(phases.parts[1].exits.sum == 625 && phases.parts[1].shared == 25 &&
		   phases.parts[2].shared == 76,
	   "of 101 exits over an edge after a quarter of their second 25 are before it");
	ok(phases.total.exits.sum == 1901 && phases.has_gap_exits && phases.gap_exits == 100,
	   "what happened in a gap is in no phase, and told");
	ok(phases.parts[0].complete && phases.parts[1].complete && !phases.parts[2].complete &&
		   !phases.complete && !phases.total.complete,
	   "which makes its phase, and the boot, incomplete");
	ok(phases_rate(&phases.parts[0], &value) && fabs(value - 100) < 1e-9 &&
		   phases_rate(&phases.parts[2], &value) && fabs(value - 876 / 8.75) < 1e-9,
	   "rates are of the time that is known");
	ok(phases_share(&phases.boot, &phases.parts[1].handling, &value) && fabs(value - 0.25) < 1e-9,
	   "and so are shares, of both vCPUs");
	ok(!phases_share(&phases.boot, &phases.parts[1].away, &value) &&
		   !phases.parts[1].has_reason_away && phases.parts[1].totals.count == 0,
	   "what is in no sample is not known");
	ok(fabs(phases_seconds(&phases.parts[2]) - 9.75) < 1e-9 &&
		   fabs(phases_seconds(&phases.total) - 20) < 1e-9,
	   "one that is on lasts until the last sample");
	phases_done(&phases);
	query_free(query);
	history_done(&h);
}

static void test_limit(struct query *query, const struct boot *boot)
{
	const struct query_filter any = { 0 };
	struct query_span span;
	atomic_bool cancelled = false;
	struct phases phases;

	query_limit(query, 60000, &cancelled);
	if (ok(phases_read(query, boot, SOURCE_GUEST, &phases) == 0, "what does not take long is read"))
		phases_done(&phases);
	cancelled = true;
	ok(phases_read(query, boot, SOURCE_GUEST, &phases) == -ECANCELED, "unless it is cancelled");
	cancelled = false;
	query_limit(query, 0, &cancelled);
	ok(phases_read(query, boot, SOURCE_GUEST, &phases) == -ETIMEDOUT, "or takes longer than it may");
	ok(query_span(query, boot, SOURCE_GUEST, &span) == -ETIMEDOUT &&
		   eventquery_marks(query, boot, &any, NULL, NULL) == -ETIMEDOUT &&
		   eventquery_ranges(query, boot, RANGE_GAP, &any, NULL, NULL) == -ETIMEDOUT,
	   "so it is with a boot's span, and what is stored beside samples");
}

/* A guest that makes up reasons, other ones in each sample. */
static void test_many_reasons(void)
{
	struct history h = { .dir = "/tmp/vmexit-history-XXXXXX" };
	struct testsample_reason reasons[400];
	struct query_filter filter = { .vm_id = 1 };
	struct totals totals;
	struct phases phases;
	struct store *store;
	struct query *query;
	struct boot *boot;
	struct boot of;

	if (!mkdtemp(h.dir))
		abort();
	snprintf(h.path, sizeof(h.path), "%s/v.db", h.dir);
	if (store_open(h.path, &store) < 0)
		abort();
	boot = store_boot(store, store_vm(store, "uuid", "vm"), BOOT_CREATED, "1", HISTORY_T0);
	for (uint64_t i = 0; i < 5; i++) {
		struct sample sample = testsample(i + 1, 400 * (i + 1));

		for (uint32_t n = 0; n < 400; n++)
			reasons[n] = (struct testsample_reason){ 400 * i + n, 1, 7, 0 };
		testsample_reasons(&sample, reasons, 400);
		sample.t_wall_ns = HISTORY_T0 + (i + 1) * 1000000000;
		if (store_add(store, boot, SOURCE_GUEST, &sample) < 0)
			abort();
	}
	add_phase(store, boot, 1000, "kernel", 2000000000);
	add_phase(store, boot, 1001, "userspace", 3000000000);
	store_free(store);
	if (query_open(h.path, &query) < 0 || query_boot(query, 1, 0, &of) < 0 ||
	    phases_read(query, &of, SOURCE_GUEST, &phases) < 0)
		abort();
	ok(phases.count == 3 && phases.total.exits.sum == 2000 &&
		   phases.parts[0].totals.count == TOTALS_REASONS_MAX &&
		   phases.parts[1].totals.count == 400 &&
		   phases.total.totals.count == TOTALS_REASONS_MAX,
	   "of reasons without end only so many are listed, in a phase and in all");
	ok(phases.parts[0].totals.reasons[TOTALS_REASONS_MAX - 1].handling_cycles == 7 &&
		   phases.total.totals.reasons[0].handling_cycles == 7,
	   "and of these all is known");
	phases_done(&phases);
	ok(totals_read(query, &filter, SOURCE_GUEST, &totals) == 0 &&
		   totals.count == TOTALS_REASONS_MAX,
	   "nor in a range");
	totals_done(&totals);
	test_limit(query, &of);
	query_free(query);
	history_done(&h);
}

int main(void)
{
	log_init("phases_test", LOG_ERROR - 1);
	test_known();
	test_samples();
	test_rollups();
	test_many_reasons();
	return done_testing();
}
