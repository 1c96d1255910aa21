/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Correlations beside their definitions, of made-up curves with holes, ties and lags. */
#include "daemon/stats/correlation.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/tap.h"

#define CELLS 400

static uint32_t state = 1;

static double chance(void)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) / (double)(1 << 24);
}

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-9;
}

static struct correlation correlate(const double *x, const double *y, size_t count,
				    const struct correlation_part *parts, size_t parts_count,
				    int lag_max)
{
	struct correlation_part whole = { 0, count };
	struct correlation_curve *a = correlation_curve_new(x, count);
	struct correlation_curve *b = correlation_curve_new(y, count);
	struct correlation c = { .why = CORRELATION_NONE };

	if (!a || !b || correlation_of(a, b, parts ? parts : &whole, parts ? parts_count : 1,
				       lag_max, &c) < 0)
		c.n = SIZE_MAX;
	correlation_curve_free(a);
	correlation_curve_free(b);
	return c;
}

/* By the book: the mean products of deviations. */
static double plain_pearson(const double *x, const double *y, size_t n)
{
	double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;

	for (size_t i = 0; i < n; i++) {
		mx += x[i] / n;
		my += y[i] / n;
	}
	for (size_t i = 0; i < n; i++) {
		xx += (x[i] - mx) * (x[i] - mx);
		yy += (y[i] - my) * (y[i] - my);
		xy += (x[i] - mx) * (y[i] - my);
	}
	return xy / sqrt(xx * yy);
}

/* How many are below, and half of those that are equal. */
static void plain_ranks(const double *v, size_t n, double *ranks)
{
	for (size_t i = 0; i < n; i++) {
		double below = 0, equal = 0;

		for (size_t k = 0; k < n; k++) {
			below += v[k] < v[i];
			equal += v[k] == v[i];
		}
		ranks[i] = below + (equal + 1) / 2;
	}
}

static double plain_spearman(const double *x, const double *y, size_t n)
{
	double a[CELLS], b[CELLS];

	plain_ranks(x, n, a);
	plain_ranks(y, n, b);
	return plain_pearson(a, b, n);
}

/* The pairs of a lag within each part. */
static size_t plain_pairs(const double *x, const double *y, const struct correlation_part *parts,
			  size_t parts_count, int lag, double *a, double *b)
{
	size_t n = 0;

	for (size_t p = 0; p < parts_count; p++) {
		for (size_t i = parts[p].begin; i < parts[p].end; i++) {
			ssize_t k = (ssize_t)i - lag;

			if (k < (ssize_t)parts[p].begin || k >= (ssize_t)parts[p].end ||
			    isnan(x[k]) || isnan(y[i]))
				continue;
			a[n] = x[k];
			b[n++] = y[i];
		}
	}
	return n;
}

static void test_definitions(void)
{
	int wrong = 0, ranks = 0, lags = 0;

	for (int round = 0; round < 200; round++) {
		double x[CELLS], y[CELLS], a[CELLS], b[CELLS], best = 0;
		size_t count = 40 + chance() * (CELLS - 40), n;
		struct correlation_part parts[2] = { { 0, count / 3 }, { count / 3, count } };
		/* Few different values make ties; an offset is what rates have. */
		double levels = 2 + chance() * 30, offset = chance() < 0.5 ? 0 : 1e4;
		struct correlation c;

		for (size_t i = 0; i < count; i++) {
			x[i] = chance() < 0.1 ? NAN : offset + floor(chance() * levels);
			y[i] = chance() < 0.1 ? NAN : floor(chance() * levels) - (x[i] > offset + 1);
		}
		c = correlate(x, y, count, parts, 2, 3);
		n = plain_pairs(x, y, parts, 2, c.lag, a, b);
		wrong += c.why != CORRELATION_KNOWN || c.n != n || !near(c.pearson, plain_pearson(a, b, n));
		ranks += !near(c.spearman, plain_spearman(a, b, n));
		for (int lag = -3; lag <= 3; lag++) {
			n = plain_pairs(x, y, parts, 2, lag, a, b);
			best = fmax(best, fabs(plain_pearson(a, b, n)));
		}
		lags += !near(fabs(c.pearson), best);
	}
	ok(wrong == 0, "Pearson's r is that of the pairs that both have, none over two boots");
	ok(ranks == 0, "Spearman's is that of their ranks, with ties");
	ok(lags == 0, "the lag is the one where |r| is greatest");
}

static void test_lag(void)
{
	double x[CELLS], y[CELLS];
	struct correlation c;

	for (size_t i = 0; i < CELLS; i++)
		x[i] = chance();
	for (size_t i = 0; i < CELLS; i++)
		y[i] = i < 4 ? NAN : 5 - 2 * x[i - 4];
	c = correlate(x, y, CELLS, NULL, 0, 10);
	ok(c.lag == 4 && near(c.pearson, -1) && near(c.spearman, -1),
	   "the lag is positive where y follows x");
	c = correlate(y, x, CELLS, NULL, 0, 10);
	ok(c.lag == -4 && near(c.pearson, -1), "and negative where it goes ahead");
	c = correlate(x, y, CELLS, NULL, 0, 3);
	ok(fabs(c.pearson) < 0.5 && c.lag >= -3 && c.lag <= 3, "no further than was asked for");
	for (size_t i = 0; i < CELLS; i++)
		x[i] = y[i] = i % 2;
	c = correlate(x, y, CELLS, NULL, 0, 10);
	ok(c.lag == 0, "of equal ones the shortest");
}

static void test_unknown(void)
{
	double x[CELLS], y[CELLS], flat[CELLS], none[CELLS];
	struct correlation_part parts[40];
	struct correlation c;

	for (size_t i = 0; i < CELLS; i++) {
		x[i] = chance();
		y[i] = i % 45 ? NAN : chance();
		flat[i] = 0.3 + (i % 2 ? 1e-16 : 0);
		none[i] = NAN;
	}
	c = correlate(x, y, CELLS, NULL, 0, 0);
	ok(c.why == CORRELATION_FEW && c.n == 9, "9 pairs are too few");
	y[1] = chance();
	c = correlate(x, y, CELLS, NULL, 0, 0);
	ok(c.why == CORRELATION_KNOWN && c.n == 10, "10 are enough");
	ok(correlate(flat, x, CELLS, NULL, 0, 5).why == CORRELATION_X_CONSTANT,
	   "x is constant, but for rounding");
	ok(correlate(x, flat, CELLS, NULL, 0, 5).why == CORRELATION_Y_CONSTANT, "so is y");
	/* Constant where both are known, while the curve is not. */
	for (size_t i = 0; i < CELLS; i++) {
		flat[i] = i < CELLS / 2 ? 1e6 * chance() : 0;
		y[i] = i < CELLS / 2 ? NAN : chance();
	}
	c = correlate(flat, y, CELLS, NULL, 0, 5);
	ok(c.why == CORRELATION_KNOWN && c.lag > 0, "or is where the other is known, at some lags");
	c = correlate(flat, y, CELLS, NULL, 0, 0);
	ok(c.why == CORRELATION_X_CONSTANT, "and at others not");
	ok(correlate(x, none, CELLS, NULL, 0, 5).why == CORRELATION_NONE, "y has no value");
	ok(correlate(x, x, 0, NULL, 0, 5).why == CORRELATION_NONE, "nor has a grid without cells");
	for (size_t i = 0; i < 40; i++)
		parts[i] = (struct correlation_part){ i, i + 1 };
	c = correlate(x, x, 40, parts, 40, 5);
	ok(c.why == CORRELATION_KNOWN && c.n == 40 && c.lag == 0, "lags longer than a part are none");
}

static void test_chance(void)
{
	static const int rounds = 2000;
	int independent = 0, naive = 0, corrected = 0;
	double even = 0, slow = 0;

	/* Known of tables: r at 5 %, two-sided, 30 pairs. */
	ok(fabs(correlation_threshold(30, 1) - 0.361) < 0.0005, "the threshold is that of tables");
	ok(correlation_threshold(30, 100) > 0.5 && correlation_threshold(300, 100) < 0.25,
	   "greater with more tests, less with more pairs");
	ok(correlation_threshold(9, 1) == 1 && correlation_threshold(NAN, 1) == 1, "1 where nothing is known");
	for (int round = 0; round < rounds; round++) {
		double x[100], y[100], a[100], b[100];
		struct correlation c;

		for (int i = 0; i < 100; i++) {
			x[i] = chance() + chance() + chance() - 1.5;
			y[i] = chance() + chance() + chance() - 1.5;
			a[i] = x[i] + (i ? 0.8 * a[i - 1] : 0);
			b[i] = y[i] + (i ? 0.8 * b[i - 1] : 0);
		}
		c = correlate(x, y, 100, NULL, 0, 0);
		independent += fabs(c.pearson) > correlation_threshold(c.n_effective, 1);
		even += c.n_effective / rounds;
		c = correlate(a, b, 100, NULL, 0, 0);
		naive += fabs(c.pearson) > correlation_threshold(c.n, 1);
		corrected += fabs(c.pearson) > correlation_threshold(c.n_effective, 1);
		slow += c.n_effective / rounds;
	}
	ok(independent > 60 && independent < 140, "chance exceeds it in 5 %% of tests (%d of %d)", independent, rounds);
	ok(naive > 500, "of curves that change slowly more often (%d)", naive);
	ok(corrected < 200, "but not with the pairs that are independent (%d)", corrected);
	ok(even > 95 && slow > 15 && slow < 35, "of which these have fewer (%.0f and %.0f)", even, slow);
}

int main(void)
{
	test_definitions();
	test_lag();
	test_unknown();
	test_chance();
	return done_testing();
}
