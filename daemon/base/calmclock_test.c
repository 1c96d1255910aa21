/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/calmclock.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define HOUR (3600 * S)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)
#define T0 (1763874000 * S)

/* Of an hour in minutes from @steady_ns on, with the wall clock ahead by @ahead_ns. */
static bool all_at(struct calmclock *c, int64_t steady_ns, int64_t ahead_ns, int64_t believed_ns)
{
	bool good = true;

	for (int64_t ns = steady_ns; ns < steady_ns + HOUR; ns += 60 * S)
		good &= calmclock_now(c, T0 + ahead_ns + ns, ns) == T0 + believed_ns + ns;
	return good;
}

static void test_leap(void)
{
	struct calmclock c;

	calmclock_init(&c, T0, 0);
	ok(all_at(&c, 0, 0, 0), "a clock that goes as it should is followed");
	ok(all_at(&c, HOUR, YEAR, 0), "one that leaps ahead by a year is not");
	ok(all_at(&c, 2 * HOUR, 0, 0), "set right it is followed");
	ok(all_at(&c, 3 * HOUR, 23 * HOUR, 23 * HOUR), "a step of less than a day is followed at once");
	ok(all_at(&c, 4 * HOUR, -YEAR, -YEAR), "and any step back");
	ok(all_at(&c, 5 * HOUR, 0, -YEAR), "the way back up has to last");
	ok(all_at(&c, 28 * HOUR, 0, -YEAR), "for nearly a day it does not count");
	ok(all_at(&c, 29 * HOUR, 0, 0), "then it does");
}

/* Another leap while one is waited for begins anew. */
static void test_restless(void)
{
	struct calmclock c;
	bool held = true;

	calmclock_init(&c, T0, 0);
	for (int i = 0; i < 60; i++)
		held &= all_at(&c, i * HOUR, (i % 2 + 1) * YEAR, 0);
	ok(held, "a clock that leaps to and fro is never believed");
}

static void test_begin(void)
{
	struct calmclock c;

	calmclock_init(&c, 0, 7 * S);
	ok(all_at(&c, 7 * S, YEAR, YEAR), "where nothing is known any time is believed");
	calmclock_init(&c, T0 + 7 * S, 7 * S);
	ok(all_at(&c, 7 * S, YEAR, 0), "a year behind what is stored is a leap");
	ok(all_at(&c, 7 * S + DAY, YEAR, YEAR), "that is believed in a day");
}

int main(void)
{
	test_leap();
	test_restless();
	test_begin();
	return done_testing();
}
