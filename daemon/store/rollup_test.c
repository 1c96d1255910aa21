/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rollups of random histories beside what the samples say, worked out one interval after the
 * other without any cleverness.
 */
#include "daemon/store/rollup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/store/testplain.h"
#include "guest-agent/shared/tap.h"

/*
 * The interval that ends with sample @i: the sample with which it begins, -1 for the boot's
 * opening, and nanoseconds, 0 if they are not known.
 */
static int step_of(size_t i, int series, int64_t *ret_ns)
{
	bool gap = plain[i].gap;
	int j = (int)i - 1;
	int64_t ns;

	while (j >= 0 && !has_list(j, series))
		gap |= plain[j--].gap;
	/* Agents begin to look at processes with the first sample. */
	j = j < 0 && i > 0 && series >= PROCESS ? 0 : j;
	ns = plain[i].t_ns - (j < 0 ? origin.opened_ns : plain[j].t_ns);
	*ret_ns = gap || ns < 0 || (j < 0 && (!origin.from_zero || series >= PROCESS)) ||
				  (j + 1 < (int)i && ns > LISTSTEP_FAR_NS)
			  ? 0
			  : ns;
	return j;
}

/* What a counter's sample @i was before; false where that is not known. */
static bool before_of(size_t i, int series, uint64_t *ret_value, int64_t *ret_ns)
{
	int j = step_of(i, series, ret_ns);

	*ret_value = 0;
	if (j < 0)
		return origin.from_zero && !(series >= UNIT && series < PROCESS);
	if (value_of(&plain[j], series, ret_value))
		return true;
	*ret_value = 0;
	return series >= REASON && series < UNIT;
}

static int64_t bucket_of(int64_t t_ns, int tier)
{
	int64_t width = rollup_width_ns[tier];

	return t_ns / width * width;
}

/* What one row of a tier says, from samples @from to @to of which it consists. */
struct expected {
	struct rollup_point point;
	double least, most;		/* rates in thousandths a second */
};

static void expect_counter(struct expected *e, size_t i, int series, uint64_t value)
{
	struct rollup_point *p = &e->point;
	uint64_t before;
	int64_t ns, unused;
	bool known = before_of(i, series, &before, &ns);
	double rate;

	if (!p->present)
		p->first = known ? before : value;
	if (!known || ns == 0 || value < before)
		return;
	p->sum += value - before;
	p->weight += ns;
	if (ns < (step_of(i, series, &unused) < 0 ? S / 2 : 1000000))
		return;
	rate = (double)(value - before) * 1e12 / ns;
	rate = rate < 0x1p64 ? rate : 0x1p64;
	e->least = p->has_rate && e->least < rate ? e->least : rate;
	e->most = p->has_rate && e->most > rate ? e->most : rate;
	p->has_rate = true;
}

static struct expected expect(size_t from, size_t to, int series)
{
	enum key_type type = key_type(&(struct key){ .kind = key_of(series).kind, .id = key_of(series).id });
	struct expected e = { 0 };

	for (size_t i = from; i <= to; i++) {
		uint64_t value;

		if (!value_of(&plain[i], series, &value))
			continue;
		if (type == KEY_TYPE_COUNTER) {
			expect_counter(&e, i, series, value);
		} else {
			e.point.first = e.point.present ? e.point.first : value;
			e.point.min = e.point.present && e.point.min < value ? e.point.min : value;
			e.point.max = e.point.present && e.point.max > value ? e.point.max : value;
			e.point.sum += value;
			e.point.weight++;
		}
		e.point.present = true;
		e.point.last = value;
	}
	return e;
}

/* Outwards of what it is, by at most 0.8 %, and a thousandth more for whole numbers. */
static bool is_lowest(double stated, double real)
{
	return stated <= real * (1 + 1e-12) && stated >= real * (1 - 0.008) - 1;
}

static bool is_highest(double stated, double real)
{
	return stated >= real * (1 - 1e-12) && stated <= real * (1 + 0.008) + 1;
}

static bool is_same(const struct rollup_point *got, const struct expected *want, int series)
{
	const struct rollup_point *w = &want->point;

	if (got->present != w->present)
		return false;
	if (!w->present)
		return true;
	if (got->sum != w->sum)
		return false;
	if (series >= PROCESS)
		return true;
	if (got->first != w->first || got->last != w->last || got->weight != w->weight)
		return false;
	if (series == GAUGE)
		return got->min == w->min && got->max == w->max;
	if (w->weight == 0 || !w->has_rate)
		return !got->has_rate;
	return got->has_rate && is_lowest(got->min, want->least) && is_highest(got->max, want->most);
}

/* The sample of a sequence. */
static size_t index_of(uint64_t sequence)
{
	size_t i = 0;

	while (i < count && plain[i].sequence != sequence)
		i++;
	return i;
}

/* What a row says of itself. */
static bool is_bucket(const uint64_t *v, size_t from, size_t to, int tier)
{
	static const int series[] = { REASON, UNIT, PROCESS };
	uint64_t covered = 0, gap = 0, listed[3] = { 0 };

	for (size_t i = from; i <= to; i++) {
		int64_t listed_ns;
		int64_t ns = i ? plain[i].t_ns - plain[i - 1].t_ns
			       : origin.from_zero ? plain[0].t_ns - origin.opened_ns : 0;

		*(plain[i].gap ? &gap : &covered) += ns > 0 ? ns : 0;
		for (int k = 0; k < 3; k++) {
			(void)step_of(i, series[k], &listed_ns);
			listed[k] += has_list(i, series[k]) ? listed_ns : 0;
		}
		if (bucket_of(plain[i].t_ns, tier) != (int64_t)v[BUCKET_START_NS])
			return false;
	}
	return v[BUCKET_FROM_SEQUENCE] == plain[from].sequence &&
	       (int64_t)v[BUCKET_FROM_NS] == plain[from].t_ns &&
	       (int64_t)v[BUCKET_TO_NS] == plain[to].t_ns && v[BUCKET_SAMPLES] == to - from + 1 &&
	       v[BUCKET_COVERED_NS] == covered && v[BUCKET_GAP_NS] == gap &&
	       v[BUCKET_LIST_NS + DETAIL_REASONS - DETAIL_FIRST] == listed[0] &&
	       v[BUCKET_LIST_NS + DETAIL_UNITS - DETAIL_FIRST] == listed[1] &&
	       v[BUCKET_LIST_NS + DETAIL_PROCESSES - DETAIL_FIRST] == listed[2];
}

/* Each row of a tier beside the samples; all samples are in one. Returns what is wrong. */
static size_t compare(struct chunk *chunk, int tier)
{
	struct rollup_point *points = calloc(chunk_rows(chunk) + 1, sizeof(*points));
	struct rollup_bucket *buckets;
	size_t bad = 0;

	if (rollup_read_buckets(chunk, &buckets) < 0)
		abort();
	for (int series = 0; series < SERIES; series++) {
		struct key key = key_of(series);
		int r = rollup_read(chunk, &key, buckets, points);
		size_t from = 0, to;

		if (r == -ENOENT)
			memset(points, 0, chunk_rows(chunk) * sizeof(*points));
		for (size_t row = 0; row < chunk_rows(chunk); row++, from = to + 1) {
			const uint64_t *v = buckets[row].value;
			struct expected want;

			to = index_of(v[BUCKET_TO_SEQUENCE]);
			if (to == count || to < from || (series == 0 && !is_bucket(v, from, to, tier))) {
				free(points);
				free(buckets);
				return bad + 1;
			}
			want = expect(from, to, series);
			bad += !is_same(&points[row], &want, series);
		}
		bad += from != count;
	}
	free(points);
	free(buckets);
	return bad;
}

static struct chunk *through_blob(struct chunk *chunk)
{
	struct chunk *again = NULL;
	uint8_t *blob;
	size_t len;

	if (chunk_encode(chunk, &blob, &len) < 0 || chunk_decode(blob, len, &again) < 0)
		abort();
	free(blob);
	chunk_free(chunk);
	return again;
}

/* What there is of lists up to sample @at, in a chunk of all samples. */
static struct listleads leads_of(struct chunk *all, size_t at)
{
	static const int series[LISTSTEP_LISTS] = {
		[DETAIL_REASONS - DETAIL_FIRST] = REASON, [DETAIL_VCPUS - DETAIL_FIRST] = -1,
		[DETAIL_INTERRUPTS - DETAIL_FIRST] = -1, [DETAIL_PROCESSES - DETAIL_FIRST] = PROCESS,
		[DETAIL_UNITS - DETAIL_FIRST] = UNIT,
	};
	struct listleads leads = { 0 };

	for (int list = 0; list < LISTSTEP_LISTS; list++) {
		int j = at;

		for (; series[list] >= 0 && j >= 0 && !has_list(j, series[list]); j--)
			leads.over_gap |= (unsigned int)plain[j].gap << list;
		if (series[list] < 0)
			continue;
		j = j < 0 && series[list] == PROCESS ? 0 : j;
		if (j < 0) {
			leads.zero |= (unsigned int)origin.from_zero << list;
			continue;
		}
		leads.of[list].chunk = all;
		leads.of[list].row = j;
		leads.of[list].t_ns = plain[j].t_ns;
	}
	return leads;
}

/* The history in pieces, each behind the sample before it; some rows may be there already. */
static struct chunk *roll_up_samples(void)
{
	struct chunk *into = chunk_new(), *all = chunk_new();

	for (size_t i = 0; i < count; i++)
		add_plain(all, &plain[i]);
	for (size_t at = 0; at < count;) {
		size_t n = 1 + testrandom_below(testrandom_one_in(2) ? count : 20);
		size_t from = at > 0 ? at - 1 : 0;
		uint64_t after = at > 0 ? plain[at - 1].sequence : 0;
		struct chunk *chunk = chunk_new();
		struct listleads leads;

		if (at > 0 && testrandom_one_in(3))
			from = testrandom_below(at);
		for (size_t i = from; i < count && i < at + n; i++)
			add_plain(chunk, &plain[i]);
		chunk = through_blob(chunk);
		leads = leads_of(all, from);
		origin.leads = at > 0 ? &leads : NULL;
		if (rollup_samples(chunk, after, &origin, into) < 0)
			abort();
		if (testrandom_one_in(3))
			into = through_blob(into);
		chunk_free(chunk);
		at += n;
	}
	chunk_free(all);
	return into;
}

/* Rows of a tier, from @from on, up to @to. */
static struct chunk *slice(struct chunk *chunk, size_t from, size_t to)
{
	struct chunk *into = chunk_new();

	for (size_t row = from; row < to; row++)
		chunk_add_row(into);
	for (size_t i = 0; i < chunk_columns(chunk); i++) {
		const struct chunk_column *c = chunk_column(chunk, i);

		for (size_t n = 0; n < c->count; n++) {
			if (c->rows[n] >= from && c->rows[n] < to)
				chunk_set_at(into, &c->key, c->rows[n] - from, c->values[n]);
		}
	}
	return into;
}

/* The tier below as the store gives it: a chunk that grows, and what is new in it. */
static struct chunk *roll_up_buckets(struct chunk *below, int tier)
{
	struct chunk *into = chunk_new();
	uint64_t after = 0;

	for (size_t to = 0; to < chunk_rows(below);) {
		struct rollup_bucket *buckets;
		struct chunk *part;

		to += 1 + testrandom_below(chunk_rows(below));
		to = to < chunk_rows(below) ? to : chunk_rows(below);
		part = slice(below, 0, to);
		if (rollup_buckets(part, after, rollup_width_ns[tier], into) < 0 ||
		    rollup_read_buckets(part, &buckets) < 0)
			abort();
		after = buckets[to - 1].value[BUCKET_TO_SEQUENCE];
		if (rollup_buckets(part, after, rollup_width_ns[tier], into) != -ENOENT)
			abort();
		free(buckets);
		chunk_free(part);
	}
	return through_blob(into);
}

static void test_tiers(void)
{
	size_t bad[ROLLUP_TIERS] = { 0 }, rows[ROLLUP_TIERS] = { 0 }, histories = 0;

	for (; histories < (testrandom_is_long() ? 10000 : 400); histories++) {
		struct chunk *tiers[ROLLUP_TIERS] = { NULL };

		make_history();
		tiers[1] = roll_up_samples();
		for (int tier = 2; tier < ROLLUP_TIERS; tier++)
			tiers[tier] = roll_up_buckets(tiers[tier - 1], tier);
		for (int tier = 1; tier < ROLLUP_TIERS; tier++) {
			rows[tier] += chunk_rows(tiers[tier]);
			bad[tier] += compare(tiers[tier], tier);
			chunk_free(tiers[tier]);
		}
	}
	for (int tier = 1; tier < ROLLUP_TIERS; tier++)
		ok(bad[tier] == 0, "tier %d: %zu rows of %zu histories say what the samples say", tier,
		   rows[tier], histories);
}

/* Rates that 64 bits just hold are as near as any. */
static void test_highest_rate(void)
{
	struct chunk *chunk;

	count = 1;
	origin = (struct rollup_origin){ .from_zero = true, .opened_ns = T0 };
	plain[0] = (struct plain){
		.sequence = 1,
		.t_ns = T0 + 86 * S,
		.has_exits = true,
		.exits = 1564500000000000000,
	};
	chunk = roll_up_samples();
	ok(compare(chunk, 1) == 0, "a rate just below 2^64 thousandths is what it is");
	chunk_free(chunk);
}

static void test_rate_code(void)
{
	uint64_t bad = 0;
	uint32_t last = 0;

	for (int i = 0; i < 300000; i++) {
		uint64_t v = i < 100000 ? (uint64_t)i : testrandom_any();
		uint32_t down = rollup_rate_code(v, false), up = rollup_rate_code(v, true);
		uint64_t low = rollup_rate_value(down), high = rollup_rate_value(up);

		bad += low > v || high < v || up - down > 1;
		bad += v - low > v / 128 || (high != UINT64_MAX && high - v > v / 128);
		bad += (v < 256 && low != v) || (v < 256 && high != v);
		bad += rollup_rate_code(low, true) != down || rollup_rate_code(low, false) != down;
		bad += high != UINT64_MAX && rollup_rate_code(high, false) != up;
		if (i > 0 && i < 100000)
			bad += down < last;
		last = down;
	}
	ok(bad == 0, "codes of rates are within 0.8 %% of them, on the right side");
	ok(rollup_rate_value(rollup_rate_code(UINT64_MAX, true)) == UINT64_MAX &&
		   rollup_rate_value(UINT32_MAX) == UINT64_MAX,
	   "and end at the highest number");
	bad = 0;
	for (uint32_t code = 0; code < 7424; code++)
		bad += rollup_rate_value(code) >= rollup_rate_value(code + 1);
	ok(bad == 0, "they ascend");
}

/* A reason that one list leaves out and a later one has again did not begin anew. */
static void test_left_out(void)
{
	struct chunk *chunk = chunk_new(), *into = chunk_new();
	struct key key = { .kind = KEY_REASON_COUNT, .id = 1 };
	struct rollup_bucket *buckets;
	struct rollup_point point;

	memset(plain, 0, 3 * sizeof(plain[0]));
	for (int i = 0; i < 3; i++) {
		plain[i] = (struct plain){ .sequence = i + 1, .t_ns = T0 + i * S, .has_reasons = true };
		plain[i].reason[1] = 1000 + i;
		plain[i].reason_there[1] = i != 1;
		add_plain(chunk, &plain[i]);
	}
	origin = (struct rollup_origin){ 0 };
	if (rollup_samples(chunk, 0, &origin, into) < 0 || rollup_read_buckets(into, &buckets) < 0 ||
	    rollup_read(into, &key, buckets, &point) < 0)
		abort();
	ok(point.sum == 0 && point.first == 1000 && point.last == 1002,
	   "a reason that a list leaves out did not begin anew behind it");
	free(buckets);
	chunk_free(chunk);
	chunk_free(into);
}

/* Chunks that are none of samples, or of buckets. */
static void test_refused(void)
{
	struct chunk *empty = chunk_new(), *odd = chunk_new(), *into = chunk_new();
	struct key key = { .kind = KEY_FIELD, .id = FIELD_T_NS };
	struct rollup_bucket *buckets;

	ok(rollup_samples(empty, 0, &origin, into) < 0 && rollup_buckets(empty, 0, 10 * S, into) < 0,
	   "an empty chunk");
	chunk_add_row(odd);
	chunk_add_row(odd);
	chunk_set(odd, &key, 1);
	ok(rollup_samples(odd, 0, &origin, into) == -EBADMSG, "samples without sequences or times");
	ok(rollup_buckets(odd, 0, 10 * S, into) == -EBADMSG &&
		   rollup_read_buckets(odd, &buckets) == -EBADMSG,
	   "no buckets");
	ok(chunk_rows(into) == 0, "nothing was made of them");
	chunk_free(empty);
	chunk_free(odd);
	chunk_free(into);
}

int main(void)
{
	test_tiers();
	test_highest_rate();
	test_rate_code();
	test_left_out();
	test_refused();
	return done_testing();
}
