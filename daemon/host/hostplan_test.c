/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When is read, when a QEMU is stuck, and what a reading costs. */
#include "daemon/host/hostplan.h"

#include "daemon/host/pollcost.h"
#include "daemon/host/tsc.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define MS 1000000LL

static void test_rate(void)
{
	const struct hostplan_rates rates = { S, 200 * MS, 120 * S };
	const struct hostplan_rates slow = { 100 * MS, 200 * MS, 120 * S };

	ok(hostplan_interval(&rates, 1000 * S, 1000 * S) == 200 * MS, "a VM that boots: faster");
	ok(hostplan_interval(&rates, 1000 * S, 1119 * S) == 200 * MS &&
		   hostplan_interval(&rates, 1000 * S, 1120 * S) == S,
	   "until its time is over");
	ok(hostplan_interval(&rates, 0, 1000 * S) == S, "a VM whose boot nobody saw");
	ok(hostplan_interval(&rates, 1000 * S, 999 * S) == S, "a clock that was set back");
	ok(hostplan_interval(&slow, 1000 * S, 1000 * S) == 100 * MS, "never slower than usual");
}

static void test_next(void)
{
	ok(hostplan_next(10 * S, 10 * S + 3 * MS, S) == 11 * S, "the next is an interval later");
	ok(hostplan_next(10 * S, 11 * S, S) == 12 * S, "one that would be now is left out");
	ok(hostplan_next(10 * S, 14 * S + 1, S) == 15 * S, "as those that were missed are");
	ok(hostplan_next(0, 1000 * S + 1, 300 * MS) > 1000 * S &&
		   hostplan_next(0, 1000 * S + 1, 300 * MS) <= 1000 * S + 300 * MS,
	   "the first is soon");
	ok(hostplan_next(100 * S, 10 * S, 200 * MS) == 10 * S + 200 * MS,
	   "a rate that got faster holds at once");
}

static void test_late(void)
{
	int64_t usual = 0;

	ok(!hostplan_is_late(0, 1 * S, usual) && hostplan_is_late(0, 1 * S + 1, usual),
	   "a call is late after a second");
	usual = hostplan_usual(usual, 3 * S);
	ok(usual == 3 * S && !hostplan_is_late(0, 7 * S, usual), "where they take long, later");
	usual = hostplan_usual(usual, 3600 * S);
	ok(usual < 3 * S, "one that was stuck does not count as slow");
	for (int i = 0; i < 100; i++)
		usual = hostplan_usual(usual, 2 * MS);
	ok(usual == 2 * MS, "and slowness is forgotten");
}

static void test_stuck(void)
{
	int64_t since = hostplan_stuck(0, VIRTSTATS_OCCUPIED, 4999, 1000 * S);

	ok(since == 0, "a QEMU that is asked and has not answered for 4.999 s is busy");
	since = hostplan_stuck(since, VIRTSTATS_OCCUPIED, 5000, 1000 * S);
	ok(since == 995 * S, "after 5 s it is stuck, since it was asked");
	since = hostplan_stuck(since, VIRTSTATS_OCCUPIED, 3600 * 1000, 4595 * S + 7);
	ok(since == 995 * S, "and stays so since then");
	ok(hostplan_stuck(since, VIRTSTATS_UNKNOWN, 0, 5000 * S) == 995 * S,
	   "if nobody knows, it is as before");
	ok(hostplan_stuck(since, VIRTSTATS_ANSWERS, 0, 5000 * S) == 0, "until it answers");
	ok(hostplan_stuck(since, VIRTSTATS_OCCUPIED, 10, 5000 * S) == 0,
	   "or is asked something new, so it has");
	ok(hostplan_stuck(0, VIRTSTATS_BROKEN, 0, 5000 * S) == 5000 * S, "a monitor that is lost");
}

static void test_halted(void)
{
	int64_t halted = 0, since = 0;

	for (int t = 100; t < 105; t++)
		since = hostplan_halted(since, 'T', &halted, t * S);
	ok(since == 0, "a process stopped for 4 s is not yet stuck");
	ok(hostplan_halted(since, 'S', &halted, 105 * S) == 0 && halted == 0, "then it goes on");
	since = hostplan_halted(0, 'T', &halted, 200 * S);
	since = hostplan_halted(since, 'D', &halted, 205 * S);
	ok(since == 200 * S, "after 5 s it is stuck, since it stopped");
	ok(hostplan_halted(since, 'T', &halted, 300 * S) == 200 * S &&
		   hostplan_halted(since, 'R', &halted, 301 * S) == 0,
	   "until it goes on");
}

/* A VM with @rate exits/s of its own that pays @cost for each reading. */
static struct pollcost_step step(double rate, double cost, int64_t ns)
{
	return (struct pollcost_step){ rate * ns / S + cost + 0.5, ns };
}

static bool costs(double rate, double cost, double *ret)
{
	struct pollcost c = { .count = 0 };

	for (int i = 0; i < 9; i++) {
		struct pollcost_step one = step(rate, cost, 2 * MS), whole = step(rate, cost, S);

		pollcost_add(&c, &one, &whole);
	}
	return pollcost_get(&c, ret);
}

static void test_cost(void)
{
	struct pollcost_step one = { 7, 2 * MS }, whole = { 500, S }, alike = { 9, 3 * MS };
	struct pollcost c = { .count = 0 };
	double result = -1;

	pollcost_add(&c, &one, &whole);
	pollcost_add(&c, &one, &whole);
	ok(!pollcost_get(&c, &result) && result == -1, "two results are too few");
	pollcost_add(&c, &one, &alike);
	ok(c.count == 2, "steps of about the same length tell nothing");
	one.ns = 0;
	pollcost_add(&c, &one, &whole);
	ok(c.count == 2, "nor does one without a length");
	ok(costs(500, 4, &result) && result > 3 && result < 5, "4 exits of 500/s: %.2f", result);
	ok(costs(50000, 16, &result) && result > 15 && result < 17, "16 of 50,000/s: %.2f",
	   result);
	ok(costs(10, 0, &result) && result >= 0 && result < 1, "none of 10/s: %.2f", result);
	one = (struct pollcost_step){ 0, 2 * MS };
	whole = (struct pollcost_step){ 100000, S };
	for (int i = 0; i < 3; i++)
		pollcost_add(&c, &one, &whole);
	ok(pollcost_get(&c, &result) && result == 0, "a VM that fell silent does not gain by it");
	one = (struct pollcost_step){ 3, 2 * MS };
	whole = (struct pollcost_step){ 3, S };
	for (int i = 0; i < 9; i++)
		pollcost_add(&c, &one, &whole);
	one.exits = 100000;
	for (int i = 0; i < 4; i++)
		pollcost_add(&c, &one, &whole);
	ok(pollcost_get(&c, &result) && result > 2.9 && result < 3.1, "outliers do not count: %.2f",
	   result);
}

static void test_tsc(void)
{
	const struct tsc begin = { 1000, 0 };
	const struct tsc end = { 1000 + 2999999ULL * 10000, 10 * S };
	const struct tsc early = { 5000, S - 1 };
	struct tsc now;

	ok(tsc_khz_between(&begin, &end) == 2999999, "the TSC's rate");
	ok(tsc_khz_between(&begin, &early) == 0, "is not known within a second");
	tsc_begin(&now);
	ok(now.tsc > 0 && now.raw_ns > 0 && tsc_khz(&now) == 0, "it is read");
}

int main(void)
{
	test_rate();
	test_next();
	test_late();
	test_stuck();
	test_halted();
	test_cost();
	test_tsc();
	return done_testing();
}
