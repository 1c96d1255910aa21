/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Curves, and the spans that they are made of, from random histories in a real store, beside
 * what their samples say one by one.
 */
#include "daemon/query/series.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/query/spans.h"
#include "daemon/query/testhistory.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

static const struct key tested[] = {
	{ .kind = KEY_FIELD, .id = FIELD_EXITS },
	{ .kind = KEY_FIELD, .id = FIELD_HANDLING },
	{ .kind = KEY_REASON_COUNT, .id = 1 },
	{ .kind = KEY_REASON_AWAY, .id = 40 },
	{ .kind = KEY_WORKLOAD, .id = WORKLOAD_forks },
	{ .kind = KEY_WORKLOAD, .id = WORKLOAD_tasks_runnable },
	{ .kind = KEY_UNIT, .name = "u", .name_len = 1 },
	{ .kind = KEY_PROCESS, .id = 7, .name = "p", .name_len = 1 },
};

#define TESTED (sizeof(tested) / sizeof(tested[0]))

/* All that spans say of a series in a range. */
struct total {
	uint64_t sum, ns, weight, spans;
	double min, max;		/* rates a second, or levels */
	int64_t from_ns, to_ns;
};

static int add_total(void *ctx, size_t want, const struct key *key, const struct span *spans,
		     size_t count)
{
	struct total *t = (struct total *)ctx + want;
	bool counter = key_type(key) == KEY_TYPE_COUNTER;
	bool amount = key_type(key) == KEY_TYPE_AMOUNT;

	for (size_t i = 0; i < count; i++) {
		const struct rollup_point *p = &spans[i].point;
		double v = spans[i].ns ? p->sum * 1e9 / spans[i].ns : 0;
		double min = p->has_rate ? p->min / (counter ? 1000.0 : 1) : v;
		double max = p->has_rate ? p->max / (counter ? 1000.0 : 1) : v;

		t->spans++;
		t->sum += p->sum;
		t->ns += counter || amount ? spans[i].ns : 0;
		t->weight += counter ? 0 : p->weight;
		if (amount)
			continue;
		if (counter && (spans[i].no_rate ||
				spans[i].ns < (spans[i].from_opening ? 500000000u : 1000000u)))
			continue;
		t->min = min < t->min ? min : t->min;
		t->max = max > t->max ? max : t->max;
	}
	return 0;
}

/* The same from the history's samples. */
static struct total slow_total(const struct history *h, const struct key *key, int64_t from_ns,
			       int64_t to_ns)
{
	struct total t = { .min = INFINITY, .max = -INFINITY };

	for (size_t i = 0; i < h->count; i++) {
		int64_t t_ns = h->samples[i].sample.t_wall_ns;
		struct history_step step = history_step(h, i, key);
		double rate;

		if (t_ns < from_ns || t_ns > to_ns)
			continue;
		if (key_type(key) == KEY_TYPE_AMOUNT) {
			t.sum += step.has ? step.value : 0;
			t.ns += step.ns;
			continue;
		}
		if (key_type(key) != KEY_TYPE_COUNTER) {
			uint64_t value = step.value;

			t.sum += step.has ? value : 0;
			t.weight += step.has;
			t.min = step.has && value < t.min ? value : t.min;
			t.max = step.has && value > t.max ? value : t.max;
			continue;
		}
		if (!step.known)
			continue;
		t.sum += step.increase;
		t.ns += step.ns;
		rate = step.increase * 1e9 / step.ns;
		if (step.ns < (step.opening ? 500000000u : 1000000u))
			continue;
		t.min = rate < t.min ? rate : t.min;
		t.max = rate > t.max ? rate : t.max;
	}
	return t;
}

/* Lowest and highest contain the true ones, and are near. */
static bool is_around(const struct total *t, const struct total *slow)
{
	if (slow->min > slow->max)
		return true;
	return t->min <= slow->min && t->max >= slow->max && t->min >= slow->min * 0.992 - 0.002 &&
	       t->max <= slow->max * 1.008 + 0.002;
}

/* Numbers of wrong answers over all tiers and some ranges. */
struct wrong {
	int sums, times, extremes, reads;
};

static void compare(struct query *query, const struct history *h, const struct boot *boot,
		    int64_t from_ns, int64_t to_ns, struct wrong *wrong)
{
	struct spans_of of = { boot, SOURCE_GUEST, from_ns, to_ns };
	struct spans_want wants[TESTED] = { 0 };

	for (size_t k = 0; k < TESTED; k++)
		wants[k].key = tested[k];
	for (int tier = 0; tier < ROLLUP_TIERS; tier++) {
		struct total totals[TESTED];

		for (size_t k = 0; k < TESTED; k++)
			totals[k] = (struct total){ .min = INFINITY, .max = -INFINITY };
		wrong->reads += spans_read(query, &of, tier, wants, TESTED, add_total, totals) != 0;
		for (size_t k = 0; k < TESTED; k++) {
			struct total slow = slow_total(h, &tested[k], from_ns, to_ns);

			wrong->sums += totals[k].sum != slow.sum || totals[k].weight != slow.weight;
			wrong->times += totals[k].ns != slow.ns;
			wrong->extremes += !is_around(&totals[k], &slow);
		}
	}
}

/* Count the chunks of each tier. */
static void count_tiers(const struct history *h, int *tiers)
{
	sqlite3_stmt *stmt;
	sqlite3 *db;

	if (sqlite3_open(h->path, &db) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, "SELECT tier FROM chunk", -1, &stmt, NULL) != SQLITE_OK)
		abort();
	while (sqlite3_step(stmt) == SQLITE_ROW)
		tiers[sqlite3_column_int(stmt, 0)]++;
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

static void test_histories(void)
{
	struct wrong wrong = { 0 };
	struct history h;
	int ranges = 0, tiers[ROLLUP_TIERS] = { 0 };

	for (unsigned int seed = 1; seed <= (getenv("VMEXIT_LONG") ? 200 : 11); seed++) {
		struct query *query;
		struct boot boot;

		history_make(&h, seed, 3500);
		if (query_open(h.path, &query) < 0)
			abort();
		count_tiers(&h, tiers);
		(void)query_boot(query, h.vm_id, 0, &boot);
		compare(query, &h, &boot, INT64_MIN, INT64_MAX, &wrong);
		for (int i = 0; i < 30; i++, ranges++) {
			int64_t from_ns = history_time(&h), to_ns = history_time(&h);

			compare(query, &h, &boot, from_ns < to_ns ? from_ns : to_ns,
				from_ns < to_ns ? to_ns : from_ns, &wrong);
		}
		query_free(query);
		history_done(&h);
	}
	ok(wrong.reads == 0, "%d ranges of random histories are read", ranges);
	ok(tiers[1] && tiers[2] && tiers[3] && tiers[4], "of which there are rollups of each tier");
	ok(wrong.sums == 0, "sums are exact from every tier, also where a range cuts buckets");
	ok(wrong.times == 0, "so is the time that they are of: no gap is in it");
	ok(wrong.extremes == 0, "min and max contain the extremes, and no more than 0.8 %%");
}

/* Whether an interval is merged with others, or is of the opening. */
static bool is_short(const struct history *h, size_t i, const struct history_step *step)
{
	int64_t t_ns = h->samples[i].sample.t_wall_ns;

	return step->ns < 1000000 || (h->from_zero && t_ns < h->opened_ns + 700000000);
}

static double short_sum_of(const struct history *h, const struct key *key)
{
	double sum = 0;

	for (size_t i = 0; i < h->count; i++) {
		struct history_step step = history_step(h, i, key);

		sum += step.known && is_short(h, i, &step) ? step.increase : 0;
	}
	return sum;
}

/* The point of a curve that ends at @t, or somewhat later for what was merged, from @n on. */
static size_t find_point(const struct series *s, size_t n, double t, double increase)
{
	while (n < s->count &&
	       (fabs(s->t[n] - t) > 3e-3 || s->v[n] * s->dt[n] < increase * (1 - 1e-6)))
		n++;
	return n;
}

/* Raw, a curve is the samples' own intervals; merged, their sums. */
static void test_curves(void)
{
	const struct spans_want want = { .key = tested[0] };
	struct series_options all = { .points = 10000 }, few = { .points = 50 };
	struct series_options sums = { .points = 10000, .cumulative = true };
	int wrong = 0, merged = 0, many = 0, totals = 0;

	for (unsigned int seed = 20; seed < 24; seed++) {
		struct query_filter filter = { .sources = 1 << SOURCE_GUEST };
		struct series *s = NULL;
		double sum = 0, short_sum;
		struct query *query;
		struct history h;
		size_t n = 0;

		history_make(&h, seed, 2500);
		if (query_open(h.path, &query) < 0)
			abort();
		short_sum = short_sum_of(&h, &want.key);
		filter.vm_id = h.vm_id;
		filter.boot = h.boot_number;
		wrong += series_read(query, &filter, &want, 1, &all, &s) != 0 || !s;
		for (size_t i = 0; i < h.count && s; i++) {
			struct history_step step = history_step(&h, i, &want.key);
			double t = h.samples[i].sample.t_wall_ns / 1e9;

			if (!step.known)
				continue;
			sum += step.increase;
			if (is_short(&h, i, &step))
				continue;
			n = find_point(s, n, t, step.increase);
			wrong += n == s->count ||
				 s->v[n] * s->dt[n] > (step.increase + short_sum) * (1 + 1e-6) + 1e-3;
		}
		series_free(s);
		s = NULL;
		wrong += series_read(query, &filter, &want, 1, &few, &s) != 0 || !s;
		for (size_t i = 0; s && i < s->count; i++)
			sum -= s->v[i] * s->dt[i];
		many += s && s->count > few.points;
		merged += sum < -1 || sum > short_sum + 1;
		series_free(s);
		s = NULL;
		wrong += series_read(query, &filter, &want, 1, &sums, &s) != 0 || !s;
		totals += s && fabs(s->v[s->count - 1] - history_exits(&h)) > 0.5;
		series_free(s);
		query_free(query);
		history_done(&h);
	}
	ok(wrong == 0, "sample by sample a curve has every interval and none over a gap");
	ok(many == 0, "merged it has no more points than were asked for");
	ok(merged == 0, "and the same sum");
	ok(totals == 0, "a cumulative one ends with what was counted since the boot began");
}

/* What a counter shows at the end, since the boot began; by its definition. */
static double slow_sum(const struct history *h, const struct key *key)
{
	bool any = h->from_zero, had_list = false;
	uint64_t base = 0, last = 0, value;

	for (size_t i = 0; i < h->count; i++) {
		if (history_value(&h->samples[i], key, &value)) {
			/* A reason that was in no list before had no exits. */
			if (!any && !(had_list && key->kind == KEY_REASON_COUNT))
				base = value;
			any = true;
			last = value;
		}
		had_list = h->samples[i].has_reasons;
	}
	return last - base;
}

/* Sums begin where the boot did, known or not, also where the range does not. */
static void test_sums(void)
{
	static const struct key keys[] = {
		{ .kind = KEY_FIELD, .id = FIELD_EXITS },
		{ .kind = KEY_REASON_COUNT, .id = 1 },
		{ .kind = KEY_REASON_COUNT, .id = 40 },
	};
	struct series_options sums = { .points = 200, .cumulative = true };
	struct spans_want wants[2] = {
		{ .key = keys[0] },
		{ .key = { .kind = KEY_REASON_COUNT }, .any = true },
	};
	int wrong = 0, curves = 0;

	for (unsigned int seed = 30; seed < 34; seed++) {
		struct query_filter filter = { .sources = 1 << SOURCE_GUEST };
		struct series *list = NULL;
		struct query *query;
		struct history h;

		history_make(&h, seed, 2000);
		if (query_open(h.path, &query) < 0)
			abort();
		filter.vm_id = h.vm_id;
		filter.boot = h.boot_number;
		filter.from_ns = h.samples[h.count / 2].sample.t_wall_ns;
		wrong += series_read(query, &filter, wants, 2, &sums, &list) != 0;
		for (const struct series *s = list; s; s = s->next) {
			for (size_t k = 0; k < 3; k++) {
				if (!key_equal(&s->key, &keys[k]))
					continue;
				curves++;
				wrong += fabs(s->v[s->count - 1] - slow_sum(&h, &keys[k])) > 0.5;
			}
			for (size_t i = 0; i < s->count; i++)
				wrong += s->min[i] > s->max[i] || s->v[i] < s->max[i];
		}
		series_free(list);
		query_free(query);
		history_done(&h);
	}
	ok(wrong == 0 && curves >= 8, "sums since the boot began, of half of it (%d curves)", curves);
}

/* A boot's curve has nothing of the one before, nor of the time between them. */
static void test_boots(void)
{
	struct spans_want want = { .key = tested[0] };
	struct series_options options = { .points = 300 };
	struct query_filter filter = { 0 };
	struct series *s = NULL;
	struct query *query;
	struct history h;
	double sum = 0;

	history_make(&h, 50, 1200);
	if (query_open(h.path, &query) < 0)
		abort();
	filter.vm_id = h.vm_id;
	ok(series_read(query, &filter, &want, 1, &options, &s) == 0 && s && s->next &&
		   !s->next->next && s->boot.number == 1 && s->next->boot.number == 2,
	   "each boot has a curve of its own");
	for (size_t i = 0; s && s->next && i < s->next->count; i++)
		sum += s->next->v[i] * s->next->dt[i];
	ok(s && s->next && s->next->t[0] - s->next->dt[0] > h.opened_ns / 1e9 - 1e-5 &&
		   sum < history_exits(&h) + 1,
	   "which begins not before it, and has no exits but its own");
	series_free(s);
	query_free(query);
	history_done(&h);
}

static void drop(const struct history *h, int tier, int64_t before_ns)
{
	char sql[256];
	sqlite3 *db;

	/* Nothing goes that has not been rolled up. */
	snprintf(sql, sizeof(sql),
		 "DELETE FROM chunk AS c WHERE tier = %d AND to_ns < %lld AND to_sequence <="
		 " (SELECT max(to_sequence) FROM chunk AS d WHERE d.boot = c.boot"
		 " AND d.source = c.source AND d.tier = c.tier + 1)", tier, (long long)before_ns);
	if (sqlite3_open(h->path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		abort();
	sqlite3_close(db);
}

/* Retention dropped the old part of the finer tiers, the finest most. */
static void test_dropped(void)
{
	int wrong = 0, outside = 0;

	for (unsigned int seed = 40; seed < 44; seed++) {
		struct spans_want want = { .key = tested[0] };
		struct query *query;
		struct boot boot;
		struct history h;
		int64_t length_ns;

		history_make(&h, seed, 3500);
		length_ns = h.samples[h.count - 1].sample.t_wall_ns - h.samples[0].sample.t_wall_ns;
		for (int tier = 0; tier < 3; tier++)
			drop(&h, tier, h.samples[0].sample.t_wall_ns + length_ns * (3 - tier) / 5);
		if (query_open(h.path, &query) < 0)
			abort();
		(void)query_boot(query, h.vm_id, 0, &boot);
		for (int i = 0; i < 60; i++) {
			int64_t a = i ? history_time(&h) : INT64_MIN + 3600000000000LL;
			int64_t b = i ? history_time(&h) : INT64_MAX - 3600000000000LL;
			struct spans_of of = { &boot, SOURCE_GUEST, a < b ? a : b, a < b ? b : a };
			struct total total = { .min = INFINITY, .max = -INFINITY };
			/* The clock was set back by up to two seconds. */
			struct total least = slow_total(&h, &want.key,
							of.from_ns + (i ? 2000000000 : 0),
							of.to_ns - (i ? 2000000000 : 0));
			struct total most = slow_total(&h, &want.key, of.from_ns - 3600000000000LL,
						       of.to_ns + 3600000000000LL);

			wrong += spans_read(query, &of, i % ROLLUP_TIERS, &want, 1, add_total,
					    &total) != 0;
			wrong += i == 0 && total.sum != least.sum;
			outside += total.sum < least.sum || total.sum > most.sum;
		}
		query_free(query);
		history_done(&h);
	}
	ok(wrong == 0, "where finer tiers are gone the coarser ones have all of it");
	ok(outside == 0, "and a range that cuts their buckets gets these as a whole");
}

static int count_calls(void *ctx, size_t want, const struct key *key, const struct span *spans,
		       size_t count)
{
	(void)want;
	(void)key;
	(void)spans;
	(void)count;
	return ++*(int *)ctx;
}

static void test_stops(void)
{
	struct spans_want wants[2] = { { .key = tested[0] }, { .key = tested[1] } };
	struct spans_of of = { .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	struct query *query;
	struct history h;
	struct boot boot;
	int calls = 0;

	history_make(&h, 60, 1500);
	if (query_open(h.path, &query) < 0)
		abort();
	(void)query_boot(query, h.vm_id, 0, &boot);
	of.boot = &boot;
	ok(spans_read(query, &of, 0, wants, 2, count_calls, &calls) == 1 && calls == 1,
	   "who reads may stop, and is told what he said");
	of.source = SOURCE_HOST;
	calls = 0;
	ok(spans_read(query, &of, 2, wants, 2, count_calls, &calls) == 0 && calls == 0,
	   "of a source without samples there is nothing");
	query_free(query);
	history_done(&h);
}

int main(void)
{
	log_init("series_test", LOG_ERROR - 1);
	ok(spans_tier(9999999999) == 0 && spans_tier(10000000000) == 1 &&
		   spans_tier(3599999999999) == 3 && spans_tier(INT64_MAX) == 4,
	   "the tier is the coarsest one that is fine enough");
	test_histories();
	test_curves();
	test_sums();
	test_boots();
	test_dropped();
	test_stops();
	return done_testing();
}
