/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each rule with what it refuses, and with the honest sample that looks like it. */
#include "daemon/intake/accept.h"

#include "daemon/store/testsample.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define CREATED (1763874000 * S)
#define NOW (CREATED + 100 * S)
#define GHZ 1000000			/* in kHz */

static const struct accept_facts facts = { .arrived_ns = NOW, .created_ns = CREATED, .vcpus = 2,
					   .tsc_khz = 2 * GHZ };
static const struct accept_facts nothing = { .arrived_ns = NOW };

static void test_cycles(void)
{
	/* 100 s on two vCPUs at 2 GHz. */
	const uint64_t all = 100 * 2 * 2 * (uint64_t)S;
	struct counters none = { 0 };
	struct sample s = testsample(1, 10);

	s.has |= SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY;
	s.handling_cycles = all;
	ok(accept_sample(&facts, &none, &s) == 0, "as many handling cycles as there were");
	s.handling_cycles = all * 11 / 10;
	ok(accept_sample(&facts, &none, &s) == QUARANTINE_CYCLES, "a tenth more");
	ok(accept_sample(&nothing, &none, &s) == 0, "which nobody can say of an unknown VM");
	s.handling_cycles = 0;
	s.away_cycles = all / 2;
	s.idle_cycles = all / 2;
	ok(accept_sample(&facts, &none, &s) == 0, "away and idle all the time");
	s.idle_cycles = all * 6 / 10;
	ok(accept_sample(&facts, &none, &s) == QUARANTINE_CYCLES, "more than all the time");
	s.away_cycles = s.idle_cycles = UINT64_MAX;
	ok(accept_sample(&facts, &none, &s) == QUARANTINE_CYCLES, "a sum that would wrap");
	/* The time of the reading counts, not that of the arrival. */
	s.away_cycles = all / 2;
	s.idle_cycles = 0;
	s.has |= SAMPLE_HAS_CLOCK;
	s.host_ns = CREATED + 10 * S;
	ok(accept_sample(&facts, &none, &s) == QUARANTINE_CYCLES, "more than until the reading");
	/* Booked at re-entry: a sample may hold more than its interval. */
	s.host_ns = CREATED + 60 * S;
	ok(accept_sample(&facts, &none, &s) == 0, "a long time away that ends all at once");
}

static void test_clock(void)
{
	struct accept_facts stepped = facts;
	struct counters none = { 0 };
	struct sample s = testsample(1, 10);

	s.has |= SAMPLE_HAS_CLOCK;
	s.host_ns = NOW;
	ok(accept_sample(&facts, &none, &s) == 0, "read just now");
	s.host_ns = NOW + ACCEPT_FUTURE_NS;
	ok(accept_sample(&facts, &none, &s) == 0, "a little later than its arrival");
	s.host_ns = NOW + 2 * S;
	ok(accept_sample(&facts, &none, &s) == QUARANTINE_CLOCK, "from the future");
	s.host_ns = INT64_MAX;
	ok(accept_sample(&facts, &none, &s) == QUARANTINE_CLOCK, "from the end of time");
	s.host_ns = NOW + 3600 * S;
	stepped.set_back_ns = 3600 * S;
	ok(accept_sample(&stepped, &none, &s) == 0, "unless the host's clock was set back since");
	s.host_ns = CREATED - 2 * S;
	ok(accept_sample(&facts, &none, &s) == 0, "the news of a creation takes its time");
	s.host_ns = CREATED - 10 * S;
	ok(accept_sample(&facts, &none, &s) == QUARANTINE_CLOCK, "before the VM was there");
	s.host_ns = 0;
	ok(accept_sample(&facts, &none, &s) == QUARANTINE_CLOCK &&
		   accept_sample(&nothing, &none, &s) == 0,
	   "1970, if it is known when the VM began");
}

static void test_sums(void)
{
	static const struct testsample_reason less[] = { { 1, 60, 0, 0 }, { 2, 39, 0, 0 } };
	static const struct testsample_reason exact[] = { { 1, 60, 0, 0 }, { 2, 40, 0, 0 } };
	static const struct testsample_reason more[] = { { 1, 60, 0, 0 }, { 2, 50, 0, 0 } };
	struct counters before = { 0 };
	struct sample s = testsample(1, 100);

	testsample_reasons(&s, less, 2);
	ok(accept_sample(&facts, &before, &s) == QUARANTINE_SUM, "reasons that do not make the total");
	testsample_reasons(&s, exact, 2);
	ok(accept_sample(&facts, &before, &s) == 0, "reasons that do");
	testsample_reasons(&s, more, 2);
	ok(accept_sample(&facts, &before, &s) == 0,
	   "more than the total: the VM went on while they were read");
	counters_set(&before, &s);
	s = testsample(2, 109);
	ok(accept_sample(&facts, &before, &s) == QUARANTINE_SUM,
	   "a total below the reasons of the sample before");
	s.exits = 110;
	ok(accept_sample(&facts, &before, &s) == 0, "a total that just holds them");
	counters_done(&before);
}

static void test_fell(void)
{
	struct counters before = { 0 };
	struct sample s = testsample(1, 100);

	counters_set(&before, &s);
	ok(accept_sample(&facts, &before, &s) == 0, "a counter that stands still");
	s.exits = 99;
	ok(accept_sample(&facts, &before, &s) == QUARANTINE_FELL, "a counter that fell");
	counters_done(&before);
}

int main(void)
{
	test_cycles();
	test_clock();
	test_sums();
	test_fell();
	return done_testing();
}
