/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/oracle.h"

#include <stdlib.h>

#include "guest-agent/shared/tap.h"

#define MS 1000000LL
#define S (1000 * MS)

static struct oracle_count at(int64_t t_ms, uint64_t exits)
{
	return (struct oracle_count){ .t_ns = 1000 * S + t_ms * MS, .error_ns = 5 * MS,
				      .exits = exits };
}

static bool admits(const struct oracle *oracle, int64_t t_ms, uint64_t exits)
{
	struct oracle_count guest = at(t_ms, exits);

	return oracle_admits(oracle, &guest, true);
}

static enum oracle_verdict reading(struct oracle *oracle, int64_t t_ms, uint64_t exits)
{
	struct oracle_count host = at(t_ms, exits);

	return oracle_reading(oracle, &host);
}

static void claim(struct oracle *oracle, uint64_t sequence, int64_t t_ms, uint64_t exits)
{
	struct oracle_count guest = at(t_ms, exits);

	oracle_claim(oracle, sequence, &guest);
}

static void test_between(void)
{
	struct oracle o = { 0 };
	struct oracle_count guest = at(2000, 500);

	ok(admits(&o, 0, 1) && admits(&o, 0, UINT64_MAX), "without readings everything may be");
	reading(&o, 0, 1000);
	reading(&o, 1000, 2000);
	reading(&o, 2000, 3000);
	ok(admits(&o, 500, 1500), "between the readings around it");
	ok(!admits(&o, 500, 999), "less than before");
	ok(!admits(&o, 500, 2001), "more than after");
	ok(admits(&o, 1005, 1999) && admits(&o, 995, 2001), "within the errors of both times");
	ok(!admits(&o, 1011, 1999) && !admits(&o, 989, 2001), "and not beyond");
	ok(admits(&o, 3000, 9000), "above the last reading nobody knows yet");
	ok(!admits(&o, 3000, 2999), "below it one knows");
	ok(oracle_admits(&o, &guest, false), "but not of a time that may be too late");
	guest.exits = 5000;
	guest.t_ns -= 500 * MS;
	ok(!oracle_admits(&o, &guest, false), "which still is a limit from above");
}

static void test_claims(void)
{
	struct oracle o = { 0 };

	reading(&o, 0, 1000);
	claim(&o, 1, 100, 1100);
	claim(&o, 2, 200, 1200);
	ok(reading(&o, 1000, 2000) == ORACLE_HOLDS && o.vouched == 1, "an honest claim holds");
	ok(reading(&o, 2000, 3000) == ORACLE_HOLDS && o.vouched == 2, "then the latest of them");
	ok(reading(&o, 3000, 4000) == ORACLE_SILENT, "without a new one there is nothing to say");
	claim(&o, 3, 3100, 9999);
	ok(reading(&o, 3050, 4050) == ORACLE_SILENT, "a reading from before says nothing");
	/* Claims that keep coming must not put the first one off. */
	claim(&o, 4, 3900, 10000);
	claim(&o, 5, 3999, 10001);
	ok(reading(&o, 4000, 5000) == ORACLE_LIE && o.vouched == 2, "the next one exposes a lie");
	claim(&o, 6, 4500, 5500);
	ok(reading(&o, 5000, 6000) == ORACLE_HOLDS && o.vouched == 6, "the truth holds again");
	oracle_next_boot(&o);
	ok(o.vouched == 0 && reading(&o, 6000, 7000) == ORACLE_SILENT, "another boot: no claims");
	ok(!admits(&o, 7000, 6999), "but the host's counts go on");
}

static void test_zeroed(void)
{
	struct oracle o = { 0 };

	reading(&o, 0, 100000);
	reading(&o, 1000, 5);
	claim(&o, 1, 1100, 100500);
	ok(reading(&o, 2000, 600) == ORACLE_SILENT && admits(&o, 2500, 101000),
	   "a host's count that fell (root set it to zero) judges nobody");
}

/* An honest guest is never accused, whatever the errors of the times. */
static void test_honest(void)
{
	struct oracle o = { 0 };
	bool accused = false;
	uint64_t exits = 0;
	int64_t t_ms = 0;

	srand(11);
	for (int i = 0; i < 200000 && !accused; i++) {
		t_ms += rand() % 20;
		exits += rand() % 2000;
		if (rand() % 4) {
			int64_t late_ms = rand() % 5 - 2;

			accused = !admits(&o, t_ms + late_ms, exits);
			claim(&o, i + 1, t_ms + late_ms, exits);
		} else {
			accused = reading(&o, t_ms + rand() % 5 - 2, exits) == ORACLE_LIE;
		}
	}
	ok(!accused && o.vouched > 100000, "200000 honest samples and readings: none accused");
}

int main(void)
{
	test_between();
	test_claims();
	test_zeroed();
	test_honest();
	return done_testing();
}
