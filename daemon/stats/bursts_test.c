/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bursts put into noise are found, noise has none, and the path is the best of all paths. */
#include "daemon/stats/bursts.c"

#include <stdint.h>

#include "guest-agent/shared/tap.h"

#define N 500

static uint64_t state;

/* xorshift64* (S. Vigna, 2016), above 0 and below 1. */
static double uniform(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return ((state * 2685821657736338717ULL >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

/* Arrivals of a Poisson process within one unit of time; of many the normal one is near enough. */
static double poisson(double mean)
{
	double n = 0;

	if (mean > 200)
		return fmax(0, round(mean + sqrt(mean) * normal()));
	for (double t = -log(uniform()); t < mean; t -= log(uniform()))
		n++;
	return n;
}

static void fill_noise(struct bursts_interval *x, size_t count, double rate)
{
	for (size_t i = 0; i < count; i++)
		x[i] = (struct bursts_interval){ i, i + 1, poisson(rate), false };
}

static struct bursts find(const struct bursts_interval *x, size_t count)
{
	struct bursts bursts = { 0 };

	if (bursts_find(x, count, &bursts) < 0)
		abort();
	return bursts;
}

static void test_noise(void)
{
	static const double rates[] = { 0.3, 1, 5, 40, 1000, 1e6 };
	static struct bursts_interval x[N];
	int found = 0, off = 0;

	for (size_t i = 0; i < 6 * 100; i++) {
		double rate = rates[i % 6], sum = 0;
		struct bursts b;

		fill_noise(x, N, rate);
		b = find(x, N);
		for (size_t k = 0; k < N; k++)
			sum += x[k].count;
		found += b.count > 0;
		off += b.count == 0 && (b.base < sum / N * 0.999999 || b.base > sum / N * 1.01 + 1);
		bursts_done(&b);
	}
	/* 1.2 are expected at most. */
	ok(found <= 1, "Poisson noise has bursts in %d of 600 runs", found);
	/* The median of few events may be above. */
	ok(off == 0, "its base is its mean, or hardly more");
}

/* Counts by a rate that itself wanders: more than Poisson scatter, and no burst. */
static void test_wandering(void)
{
	static struct bursts_interval x[N];
	int found = 0, dispersed = 0;

	for (int run = 0; run < 200; run++) {
		double level = 0;
		struct bursts b;

		for (size_t i = 0; i < N; i++) {
			level = 0.3 * level + 0.2 * normal();
			x[i] = (struct bursts_interval){ i, i + 1, poisson(1000 * exp(level)), false };
		}
		b = find(x, N);
		found += b.count > 0;
		dispersed += b.dispersion > 10;
		bursts_done(&b);
	}
	ok(dispersed == 200, "a rate that wanders has a dispersion");
	ok(found <= 4, "but bursts in %d of 200 runs only", found);
}

static void test_planted(void)
{
	static struct bursts_interval x[N];
	int wrong = 0;

	for (int run = 0; run < 100; run++) {
		struct bursts b;
		double sum = 0;

		fill_noise(x, N, 100);
		for (size_t i = 0; i < N; i++) {
			if ((i >= 50 && i < 60) || (i >= 200 && i < 203))
				x[i].count = poisson(400);
			if (i >= 50 && i < 60)
				sum += x[i].count;
		}
		b = find(x, N);
		wrong += b.count != 2 || b.list[0].first != 50 || b.list[0].last != 59 ||
			 b.list[0].from != 50 || b.list[0].to != 60 || b.list[0].seconds != 10 ||
			 b.list[0].count != sum || b.list[1].first != 200 || b.list[1].last != 202 ||
			 fabs(b.base - 100) > 3 || b.list[0].excess != sum - 10 * b.base ||
			 b.seconds != 13 || b.list[0].peak < sum / 10;
		bursts_done(&b);
	}
	ok(wrong == 0, "bursts in Poisson noise are found as they are (%d of 100 not)", wrong);
}

/* What surrounds it: dips, holes, another boot, intervals of any length. */
static void test_edges(void)
{
	static struct bursts_interval x[N], y[N];
	size_t n = 0;
	struct bursts b;

	fill_noise(x, N, 100);
	for (size_t i = 100; i < 120; i++)
		x[i].count = 400;
	x[110].count = 130;
	b = find(x, N);
	ok(b.count == 1 && b.list[0].first == 100 && b.list[0].last == 119, "a slight dip ends none");
	bursts_done(&b);
	x[112].apart = true;
	b = find(x, N);
	ok(b.count == 2 && b.list[0].last == 111 && b.list[1].first == 112, "another boot ends one");
	bursts_done(&b);
	x[112].apart = false;
	for (size_t i = 115; i < N; i++) {
		x[i].begin += 1000;
		x[i].end += 1000;
	}
	b = find(x, N);
	ok(b.count == 1 && b.list[0].to == 1120 && b.list[0].seconds == 20,
	   "a hole has no time of its own");
	bursts_done(&b);
	fill_noise(x, N, 100);
	for (size_t i = 100; i < 120; i++)
		x[i].count = 400;
	for (size_t i = 0; i < N; i += i % 3 + 1) {
		y[n] = x[i];
		for (size_t k = i + 1; k < N && k < i + i % 3 + 1; k++) {
			y[n].end = x[k].end;
			y[n].count += x[k].count;
		}
		n++;
	}
	b = find(y, n);
	ok(b.count == 1 && fabs(b.list[0].from - 100) <= 2 && fabs(b.list[0].to - 120) <= 2,
	   "intervals may differ in length");
	bursts_done(&b);
}

/* What is usual is no burst, however little there is else. */
static void test_usual(void)
{
	static struct bursts_interval x[N];
	struct bursts b;

	for (size_t i = 0; i < N; i++)
		x[i] = (struct bursts_interval){ i, i + 1, poisson(i % 5 < 3 ? 500 : 50), false };
	b = find(x, N);
	ok(b.count == 0 && b.base >= 450, "what goes on for most of the time is no burst");
	bursts_done(&b);
}

static void test_nothing(void)
{
	struct bursts_interval x[N] = { 0 };
	struct bursts b;

	b = find(x, 0);
	ok(!b.enough && b.count == 0, "no intervals");
	b = find(x, BURSTS_INTERVALS_MIN - 1);
	ok(!b.enough && b.count == 0, "too few");
	bursts_done(&b);
	for (size_t i = 0; i < N; i++)
		x[i] = (struct bursts_interval){ i, i + 1, 0, false };
	b = find(x, N);
	ok(b.enough && b.count == 0 && b.base == 0, "nothing counted");
	bursts_done(&b);
	for (size_t i = 0; i < N; i++)
		x[i].count = 1e12;
	b = find(x, N);
	ok(b.enough && b.count == 0 && b.base == 1e12 && b.dispersion == 1, "always the same");
	bursts_done(&b);
	for (size_t i = 0; i < N; i++)
		x[i] = (struct bursts_interval){ 5, 5, i, false };
	b = find(x, N);
	ok(b.count == 0, "intervals without a length");
	bursts_done(&b);
}

#define SMALL 12

static double sum_of(const struct walk *w, unsigned int path)
{
	double sum = 0;

	for (size_t i = 0; i < w->count; i++) {
		bool before = i > 0 && path >> (i - 1) & 1 && !w->intervals[i].apart;

		if (!(path >> i & 1))
			continue;
		sum += (w->intervals[i].count * log(2) - w->base * length(&w->intervals[i])) / w->dispersion;
		sum -= before ? 0 : BURSTS_COST * log(w->count);
	}
	return sum;
}

static void test_best(void)
{
	struct bursts_interval x[SMALL];
	bool path[SMALL] = { 0 }, from[2 * SMALL];
	int wrong = 0, bursts = 0;

	for (int run = 0; run < 300; run++) {
		struct walk w = { .intervals = x, .count = SMALL, .in_burst = path, .came_from = from,
				  .base = 20, .dispersion = 1 + run % 3 };
		double best = 0;
		unsigned int taken = 0;

		fill_noise(x, SMALL, 30);
		for (size_t i = 0; i < SMALL; i++)
			x[i].apart = uniform() < 0.1;
		(void)find_path(&w);
		for (unsigned int p = 0; p < 1U << SMALL; p++)
			best = fmax(best, sum_of(&w, p));
		for (size_t i = 0; i < SMALL; i++)
			taken |= (unsigned int)path[i] << i;
		wrong += fabs(sum_of(&w, taken) - best) > 1e-9;
		bursts += taken != 0;
	}
	ok(wrong == 0 && bursts > 30, "the path is the best of all 4096, in 300 cases (%d with bursts)",
	   bursts);
}

int main(void)
{
	state = 88172645463325252ULL;
	test_noise();
	test_wandering();
	test_planted();
	test_edges();
	test_usual();
	test_nothing();
	test_best();
	return done_testing();
}
