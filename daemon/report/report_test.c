/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reports of random histories with gaps, clocks set back and missing values, beside what
 * their samples say. Names, marks and phases are in tests/report_test.pl, of recordings.
 */
#include "daemon/report/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "daemon/query/testhistory.h"
#include "daemon/report/reportfacts.h"
#include "daemon/report/story.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

static struct report *read_report(struct query *query, const struct history *h, int64_t from_ns,
				  int64_t to_ns)
{
	struct query_filter filter = { .vm_id = h->vm_id, .boot = h->boot_number, .from_ns = from_ns,
				       .to_ns = to_ns };
	struct report *report;
	struct query_vm vm;
	struct boot boot;

	if (query_vm(query, "vm", &vm) < 0 || query_boot(query, h->vm_id, h->boot_number, &boot) < 0 ||
	    report_read(query, &vm, &boot, &filter, &report) < 0)
		abort();
	return report;
}

struct slow {
	uint64_t exits, forks, reasons;
	double seconds;
};

static struct slow slow_sums(const struct history *h, int64_t from_ns, int64_t to_ns)
{
	static const uint32_t numbers[] = { 1, 12, 40 };
	struct key exits = { .kind = KEY_FIELD, .id = FIELD_EXITS };
	struct key forks = { .kind = KEY_WORKLOAD, .id = WORKLOAD_forks };
	struct slow sum = { 0 };

	for (size_t i = 0; i < h->count; i++) {
		struct history_step e = history_step(h, i, &exits), f = history_step(h, i, &forks);
		int64_t t_ns = h->samples[i].sample.t_wall_ns;

		if (t_ns < from_ns || t_ns > to_ns)
			continue;
		sum.exits += e.known ? e.increase : 0;
		sum.seconds += e.known ? e.ns / 1e9 : 0;
		sum.forks += f.known ? f.increase : 0;
		for (int k = 0; k < 3; k++) {
			struct key key = { .kind = KEY_REASON_COUNT, .id = numbers[k] };
			struct history_step step = history_step(h, i, &key);

			sum.reasons += step.known ? step.increase : 0;
		}
	}
	return sum;
}

static bool near(double a, double b, double part)
{
	return fabs(a - b) <= part * fabs(b) + 1e-6;
}

/* The graph's columns have all that was counted. */
static bool columns_agree(const struct history *h, const struct report *r)
{
	double all = 0, reasons = 0;

	for (size_t i = 0; i < STACK_COLUMNS && r->curve.count; i++) {
		const struct stack_column *c = &r->stack.columns[i];
		double sum = 0;

		for (size_t k = 0; k < r->stack.count; k++)
			sum += c->reasons[k];
		all += c->all * c->seconds;
		reasons += sum * c->seconds;
	}
	/*
	 * What is too short for a rate is left out; and reasons where exits are not known, or in
	 * front of the range, into which lists that are rare reach far.
	 */
	return near(all, r->sums.exits, 0.001) &&
	       (!r->has_reasons || h->rare > 100 || near(reasons, 0.9 * r->totals.exits, 0.12));
}

static bool agrees(const struct history *h, int64_t from_ns, int64_t to_ns, const struct report *r)
{
	struct slow slow = slow_sums(h, from_ns, to_ns);
	struct ratecurve_part part = ratecurve_between(&r->curve, -INFINITY, INFINITY);
	uint64_t workload = r->guest.workload.value[WORKLOAD_forks];

	/* What is under a clock that was set back is left out of the curve, and of nothing else. */
	return r->sums.exits == slow.exits && near(r->sums.covered_s, slow.seconds, 1e-9) &&
	       workload == slow.forks && r->exits >= r->sums.exits &&
	       (!r->has_reasons || r->totals.exits == slow.reasons) && part.events <= slow.exits &&
	       part.events >= 0.6 * slow.exits && columns_agree(h, r) &&
	       (r->curve.count == 0 || (r->from >= h->opened_ns / 1e9 - 1 && r->to >= r->from));
}

static void test_histories(void)
{
	int wrong = 0, wholes = 0, ranges = 0, empty = 0, bursts = 0;

	for (unsigned int seed = 80; seed < 84; seed++) {
		struct query *query;
		struct report *r;
		struct history h;

		history_make(&h, seed, 2500);
		if (query_open(h.path, &query) < 0)
			abort();
		r = read_report(query, &h, 0, 0);
		wrong += !agrees(&h, INT64_MIN, INT64_MAX, r);
		wholes += r->exits != history_exits(&h) || r->is_part || r->limits.gaps == 0;
		bursts += r->bursts.count;
		report_free(r);
		for (int i = 0; i < 12; i++, ranges++) {
			int64_t a = history_time(&h), b = history_time(&h);
			int64_t from_ns = a < b ? a : b, to_ns = a < b ? b : a;

			r = read_report(query, &h, from_ns, to_ns);
			wrong += !agrees(&h, from_ns, to_ns, r) || !r->is_part || r->complete;
			empty += r->curve.count == 0;
			report_free(r);
		}
		query_free(query);
		history_done(&h);
	}
	ok(wrong == 0 && empty < ranges / 2, "%d ranges and 4 boots: what samples say", ranges);
	ok(wholes == 0, "all exits of a boot are in it, those over gaps, too");
	ok(bursts > 0, "there are bursts (%d)", bursts);
}

static void test_edges(void)
{
	static char limits[STORY_LIMITS_MAX][STORY_MAX];
	struct query_filter filter = { .sources = 1 << SOURCE_HOST };
	char text[STORY_MAX];
	struct query_vm vm;
	struct query *query;
	struct report *r;
	struct history h;
	double share;

	history_make(&h, 85, 300);
	if (query_open(h.path, &query) < 0 || query_vm(query, "vm", &vm) < 0)
		abort();
	filter.vm_id = h.vm_id;
	ok(report_read(query, &vm, NULL, &filter, &r) == 0 && !r->has_source && r->curve.count == 0 &&
	   r->findings_count == 0, "a source without samples: nothing");
	story_summary(r, text);
	ok(strncmp(text, "No exits are known", 18) == 0, "which is said");
	ok(!reportfacts_share(r, FIELD_AWAY, &share), "nor are there shares");
	report_free(r);
	filter.sources = 0;
	ok(report_read(query, &vm, NULL, &filter, &r) == 0 && r->boots_all == 2 && !r->has_phases &&
	   r->boots[0].number == 2, "all boots: two");
	ok(story_limits(r, limits) >= 2, "with limits");
	report_free(r);
	r = read_report(query, &h, h.samples[9].sample.t_wall_ns, h.samples[12].sample.t_wall_ns);
	story_stability(r, text);
	ok(r->stability == REPORT_UNKNOWN && strncmp(text, "Too short", 9) == 0, "a few samples: too short to say");
	report_free(r);
	query_free(query);
	history_done(&h);
}

static void add_interval(struct store *store, struct boot *boot, const char *label, int64_t from_ns,
			 int64_t to_ns)
{
	struct mark mark = { .sequence = boot->last_sequence[SOURCE_GUEST] + 1, .t_ns = from_ns,
			     .kind = PROTO_MARK_BEGIN };

	snprintf(mark.label, sizeof(mark.label), "%s", label);
	if (store_add_mark(store, boot, &mark) < 0)
		abort();
	mark.kind = PROTO_MARK_END;
	mark.begin = mark.sequence++;
	mark.t_ns = to_ns;
	if (store_add_mark(store, boot, &mark) < 0)
		abort();
}

/* More marks than are looked at, then one that goes on into the range and one in it. */
static void make_marks(struct history *h)
{
	struct store *store;
	struct boot *boot;

	*h = (struct history){ .dir = "/tmp/vmexit-history-XXXXXX", .vm_id = 1, .boot_number = 1 };
	if (!mkdtemp(h->dir))
		abort();
	snprintf(h->path, sizeof(h->path), "%s/v.db", h->dir);
	if (store_open(h->path, &store) < 0)
		abort();
	boot = store_boot(store, store_vm(store, "uuid", "vm"), BOOT_CREATED, "1", HISTORY_T0);
	for (int i = 0; i < REPORT_MARKS_MAX; i++) {
		if (i == REPORT_MARKS_MAX - 100)
			add_interval(store, boot, "long", HISTORY_T0 + i, HISTORY_T0 + 45000000000);
		add_interval(store, boot, "many", HISTORY_T0 + i, HISTORY_T0 + i + 1);
	}
	for (int i = 1; i <= 60; i++) {
		struct sample sample = testsample(boot->last_sequence[SOURCE_GUEST] + 1, 100 * i);

		sample.t_wall_ns = HISTORY_T0 + i * 1000000000LL;
		if (store_add(store, boot, SOURCE_GUEST, &sample) < 0)
			abort();
		if (i == 40)
			add_interval(store, boot, "late", sample.t_wall_ns,
				     sample.t_wall_ns + 90000000000);
	}
	store_free(store);
}

static void test_marks(void)
{
	struct query *query;
	int open = 0;
	struct report *r;
	struct history h;

	make_marks(&h);
	if (query_open(h.path, &query) < 0)
		abort();
	r = read_report(query, &h, HISTORY_T0 + 30000000000, HISTORY_T0 + 50000000000);
	ok(r->marks_count == 2 && strcmp(r->marks[0].label, "long") == 0 &&
		   strcmp(r->marks[1].label, "late") == 0 && !r->marks[1].is_open,
	   "marks of the range are found behind any number of earlier ones (%zu)", r->marks_count);
	report_free(r);
	r = read_report(query, &h, 0, HISTORY_T0 + 50000000000);
	for (size_t i = 0; i < r->marks_count; i++)
		open += r->marks[i].is_open;
	ok(r->marks_count > 1000 && open == 0, "of more than are read none is said to go on (%d)", open);
	report_free(r);
	query_free(query);
	history_done(&h);
}

int main(void)
{
	log_init("report_test", LOG_ERROR - 1);
	test_histories();
	test_edges();
	test_marks();
	return done_testing();
}
