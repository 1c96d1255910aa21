/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/counters.h"

#include "daemon/store/testsample.h"
#include "guest-agent/shared/tap.h"

static void test_totals(void)
{
	struct counters c = { 0 };
	struct sample s = testsample(1, 100);

	ok(!counters_fell(&c, &s), "nothing is known: nothing fell");
	s.has |= SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY;
	s.handling_cycles = 1000;
	s.away_cycles = 2000;
	s.idle_cycles = 3000;
	counters_set(&c, &s);
	ok(!counters_fell(&c, &s), "the same again");
	s.exits = 99;
	ok(counters_fell(&c, &s), "exits that fell");
	s.exits = 101;
	s.handling_cycles = 999;
	ok(counters_fell(&c, &s), "handling cycles that fell");
	s.handling_cycles = 1000;
	s.away_cycles = 1999;
	ok(counters_fell(&c, &s), "away cycles that fell");
	s.away_cycles = 2000;
	s.idle_cycles = 2999;
	ok(counters_fell(&c, &s), "idle cycles that fell");
	s.has = SAMPLE_HAS_EXITS;
	ok(!counters_fell(&c, &s), "what is not said did not fall");
	counters_set(&c, &s);
	ok(c.exits == 101 && c.handling_cycles == 1000, "and stays known");
	counters_done(&c);
}

static void test_lists(void)
{
	static const struct testsample_reason first[] = { { 10, 60, 5, 6 }, { 12, 40, 7, 8 } };
	static const struct testsample_reason more[] = { { 1, 3, 0, 0 }, { 10, 61, 5, 6 },
							 { 12, 40, 7, 8 } };
	static const struct testsample_reason fewer[] = { { 10, 61, 5, 6 }, { 12, 40, 6, 8 } };
	static const struct testsample_reason away[] = { { 10, 60, 5, 5 }, { 12, 60, 7, 8 } };
	struct counters c = { 0 }, copy = { 0 };
	struct sample s = testsample(1, 100);
	uint64_t sum;

	ok(!counters_sum(&s, DETAIL_REASONS, &sum), "no list, no sum");
	testsample_reasons(&s, first, 2);
	ok(counters_sum(&s, DETAIL_REASONS, &sum) && sum == 100, "a list's sum");
	counters_set(&c, &s);
	testsample_reasons(&s, more, 3);
	ok(!counters_fell(&c, &s), "a new reason between the others");
	testsample_reasons(&s, fewer, 2);
	ok(counters_fell(&c, &s), "one reason's cycles fell");
	testsample_reasons(&s, away, 2);
	ok(counters_fell(&c, &s), "one reason's away time fell");
	testsample_reasons(&s, first, 1);
	ok(!counters_fell(&c, &s), "an entry that is missing says nothing here");
	testsample_reasons(&s, more, 3);
	counters_set(&c, &s);
	ok(c.least == 104, "so many exits had happened when the last list had been read");
	counters_copy(&copy, &c);
	counters_done(&c);
	testsample_reasons(&s, first, 2);
	ok(copy.detail && counters_fell(&copy, &s), "a copy has lists of its own");
	counters_done(&copy);
}

static void test_overflow(void)
{
	static const struct testsample_reason huge[] = { { 1, UINT64_MAX, 0, 0 }, { 2, 5, 0, 0 } };
	struct sample s = testsample(1, 100);
	uint64_t sum;

	testsample_reasons(&s, huge, 2);
	ok(counters_sum(&s, DETAIL_REASONS, &sum) && sum == UINT64_MAX, "a sum does not wrap");
}

int main(void)
{
	test_totals();
	test_lists();
	test_overflow();
	return done_testing();
}
