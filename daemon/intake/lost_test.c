/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Steps in the count of what an agent took. */
#include "daemon/intake/lost.h"

#include "guest-agent/shared/tap.h"

static struct sample taken(uint64_t n)
{
	return (struct sample){ .has = SAMPLE_HAS_TAKEN, .taken = n };
}

static uint64_t before(const struct lost *lost, uint64_t n)
{
	struct sample sample = taken(n);

	return lost_before(lost, &sample);
}

/* How many a gap of 100 sequences behind 1000 has, and it comes. */
static int64_t gap(struct lost *lost, enum proto_gap_cause cause, uint32_t count, uint64_t n)
{
	struct proto_gap gap = { .from = 1001, .to = 1100, .cause = cause, .count = count, .taken = n };
	int64_t in = lost_in(lost, &gap, 1000);

	lost_gap(lost, &gap, in);
	return in;
}

static void came(struct lost *lost, uint64_t n)
{
	struct sample sample = taken(n);

	lost_sample(lost, &sample);
}

static void test_steps(void)
{
	struct sample silent = { .taken = 90 };
	struct lost lost = { 0 };

	ok(before(&lost, 50) == 0, "in front of the first sample nothing is known to be missing");
	came(&lost, 50);
	ok(before(&lost, 51) == 0, "the next is not missing");
	ok(before(&lost, 54) == 3, "a step of four is three lost");
	ok(before(&lost, 50) == 0 && before(&lost, 7) == 0, "a count that falls tells nothing");
	ok(lost_before(&lost, &silent) == 0, "nor does a sample without one");
	lost_sample(&lost, &silent);
	ok(before(&lost, 90) == 0, "behind which all is open");
	came(&lost, 0);
	ok(before(&lost, UINT64_MAX) == 0, "no sample is the none-th");
	came(&lost, UINT64_MAX);
	ok(before(&lost, UINT64_MAX) == 0 && before(&lost, 1) == 0, "no count is too high");
}

static void test_gaps(void)
{
	struct proto_gap part = { .from = 1, .to = 2000, .cause = PROTO_GAP_FULL, .count = 50 };
	struct lost lost = { 0 };

	came(&lost, 10);
	ok(gap(&lost, PROTO_GAP_FULL, 3, 0) == 3 && before(&lost, 14) == 0,
	   "what a gap tells of is not lost");
	ok(gap(&lost, PROTO_GAP_MISSED, 7, 0) == 7 && before(&lost, 19) == 5,
	   "what was not taken in time was not taken");
	ok(gap(&lost, PROTO_GAP_MISSED, 7, 16) == 7 && before(&lost, 19) == 5,
	   "and hides nothing that is missing in front of it");
	ok(gap(&lost, PROTO_GAP_MOVED, 100, 0) == 100 && before(&lost, 19) == 0,
	   "gaps that tell of more are no news");
	came(&lost, 19);
	ok(before(&lost, 21) == 1, "the next sample begins anew");
	ok(gap(&lost, PROTO_GAP_FULL, 0, 30) == 11 && before(&lost, 32) == 1,
	   "a gap that does not know how many it has says how many were taken");
	ok(gap(&lost, PROTO_GAP_FULL, 2, 35) == 5 && before(&lost, 36) == 0,
	   "which tells of what was lost beside it");
	ok(gap(&lost, PROTO_GAP_FULL, 0, 35) == 0, "a gap may hold no sample");
	ok(lost_in(&lost, &part, 1000) == -1, "what a gap has above the last is not known");
	part.taken = 45;
	ok(lost_in(&lost, &part, 1000) == 10, "unless it says what was taken");
	ok(gap(&lost, PROTO_GAP_FULL, 0, 136) == -1 && gap(&lost, PROTO_GAP_FULL, 101, 0) == -1,
	   "more than there are sequences is no number");
	ok(before(&lost, 1000) == 0, "behind which all is open");
	ok(gap(&lost, PROTO_GAP_FULL, 4, 40) == 4 && before(&lost, 42) == 1,
	   "until something says it");
	ok(gap(&lost, PROTO_GAP_FULL, 0, 0) == -1 && before(&lost, 1000) == 0,
	   "a gap that says nothing may be all");
	came(&lost, UINT64_MAX - 1);
	lost_told(&lost, 2);
	ok(before(&lost, UINT64_MAX) == 0, "as one whose number is absurd");
}

static void test_agents(void)
{
	struct boot boot = { .has_taken = true, .taken = 40 };
	struct lost lost = { 0 };

	lost_agent(&lost, 100, 0, &boot);
	ok(before(&lost, 9) == 0, "of a boot without samples nothing is known");
	lost_agent(&lost, 100, 500, &boot);
	ok(before(&lost, 45) == 0, "nor of what was stored by another");
	boot.has_taken = true;
	lost_agent(&lost, 100, 500, &boot);
	ok(before(&lost, 45) == 4, "an agent goes on behind what is stored of it");
	came(&lost, 45);
	boot.has_taken = true;
	lost_agent(&lost, 100, 600, &boot);
	ok(before(&lost, 47) == 1, "or behind what came since");
	lost_agent(&lost, 700, 600, &boot);
	ok(before(&lost, 1) == 0 && before(&lost, 3) == 2, "one that started since begins at none");
	lost_agent(&lost, 0, 600, &boot);
	ok(before(&lost, 30) == 0, "one that does not say when it started is not counted");
}

int main(void)
{
	test_steps();
	test_gaps();
	test_agents();
	return done_testing();
}
