/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bootstrap's intervals hold what they promise, of values whose mean is known. */
#include "daemon/stats/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/tap.h"

static uint32_t state = 7;

static double normal(void)
{
	double sum = -6;

	for (int i = 0; i < 12; i++) {
		state = state * 1664525 + 1013904223;
		sum += (state >> 8) / (double)(1 << 24);
	}
	return sum;
}

/* An autoregressive process about @mean. */
static void make(double *v, size_t n, double mean, double slowness)
{
	double x = normal() / sqrt(1 - slowness * slowness);

	for (size_t i = 0; i < n; i++) {
		v[i] = mean + x;
		x = slowness * x + normal();
	}
}

static void test_coverage(void)
{
	static const struct {
		double slowness;
		size_t n;
		int least, most;	/* of 1000 */
		const char *what;
	} cases[] = {
		{ 0, 100, 920, 970, "independent values" },
		{ 0.5, 200, 890, 970, "values that depend on those before" },
		{ 0.8, 500, 880, 970, "values that change slowly" },
	};

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		int covered = 0, differences = 0, apart = 0;

		for (int round = 0; round < 1000; round++) {
			struct bootstrap_interval i, d;
			struct bootstrap a, b;
			double v[500], w[500];

			make(v, cases[c].n, 10, cases[c].slowness);
			make(w, cases[c].n / 2, 7, cases[c].slowness);
			if (bootstrap_draw(v, cases[c].n, 1, &a) < 0 ||
			    bootstrap_draw(w, cases[c].n / 2, 2, &b) < 0)
				break;
			i = bootstrap_mean(&a);
			d = bootstrap_difference(&a, &b);
			covered += i.low <= 10 && i.high >= 10;
			differences += d.low <= 3 && d.high >= 3;
			apart += fabs(d.value - (a.mean - b.mean)) < 1e-12;
		}
		ok(covered >= cases[c].least && covered <= cases[c].most,
		   "%s: the interval has the mean in %d of 1000", cases[c].what, covered);
		ok(differences >= cases[c].least - 30 && differences <= cases[c].most && apart == 1000,
		   "that of a difference in %d", differences);
	}
}

static void test_block(void)
{
	static double v[20000];
	double lengths[3] = { 0 }, slowness[3] = { 0, 0.5, 0.9 };

	for (int k = 0; k < 3; k++) {
		for (int round = 0; round < 20; round++) {
			make(v, 1000, 0, slowness[k]);
			lengths[k] += bootstrap_block(v, 1000) / 20.0;
		}
	}
	ok(lengths[0] < lengths[1] && lengths[1] < lengths[2],
	   "blocks are longer of slower values (%.1f, %.1f, %.1f)", lengths[0], lengths[1],
	   lengths[2]);
	/* For this process the best is known: (2 s / (1 - s^2))^(2/3) (3 n / 2)^(1/3) */
	ok(fabs(lengths[1] - 13.9) < 3, "near what is best for one that is known");
	make(v, 20000, 0, 0);
	ok(bootstrap_block(v, 20000) >= 79, "and not more than 256 are drawn of many");
	for (size_t i = 0; i < 1000; i++)
		v[i] = 5;
	ok(bootstrap_block(v, 1000) == 4, "constant values need none");
	ok(bootstrap_block(v, 3) == 1 && bootstrap_block(v, 10) <= 4, "few values have short ones");
}

static void test_same(void)
{
	struct bootstrap_interval i, again, flat, one;
	struct bootstrap a, b, c;
	double v[50];

	make(v, 50, 100, 0.3);
	if (bootstrap_draw(v, 50, 1, &a) < 0 || bootstrap_draw(v, 50, 1, &b) < 0 ||
	    bootstrap_draw(v, 50, 2, &c) < 0) {
		ok(false, "memory");
		return;
	}
	i = bootstrap_mean(&a);
	again = bootstrap_mean(&b);
	ok(i.low == again.low && i.high == again.high, "the same values have the same interval");
	ok(i.low < i.value && i.value < i.high, "with the mean inside");
	ok(memcmp(a.deviation, c.deviation, sizeof(a.deviation)) != 0, "another seed draws others");
	for (size_t k = 0; k < 50; k++)
		v[k] = 3;
	(void)bootstrap_draw(v, 50, 1, &a);
	flat = bootstrap_mean(&a);
	ok(flat.low == 3 && flat.high == 3, "constant values have an interval without length");
	(void)bootstrap_draw(v, 1, 1, &a);
	one = bootstrap_mean(&a);
	ok(one.value == 3 && one.low == 3 && one.high == 3, "one value is no fault");
}

int main(void)
{
	test_coverage();
	test_block();
	test_same();
	return done_testing();
}
