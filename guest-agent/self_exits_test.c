/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In a guest of the test's own, in which every exit is known to be the agent's or not. */
#include "guest-agent/self_exits.h"

#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/tap.h"

#define MS 1000000ULL
#define S (1000 * MS)
#define HOST_ANSWERS (470 * MS)		/* after a tick */

/* What the guest's exits are made of. */
static struct {
	unsigned int wake, written, answer, work, work_ms;
	unsigned int others_per_s;	/* nothing to do with the agent */
	unsigned int sometimes;		/* every third time waking costs so many more */
	bool silent_host;
} guest;

static uint64_t own, others, now_ns;
static unsigned int questions, capabilities;
static struct leaf leaf;
static struct leaf_cpu cpu;
static struct self_exits self;

static void answer(void *context, uint32_t number, uint32_t index, uint32_t regs[4])
{
	uint64_t exits = ++own + others;

	(void)context;
	(void)index;
	questions++;
	memset(regs, 0, 16);
	if (number == VMEXIT_CPUID_TOTAL || number == VMEXIT_CPUID_VCPU) {
		regs[0] = exits;
		regs[3] = exits >> 32;
	} else if (number == VMEXIT_CPUID_CAPABILITIES) {
		capabilities++;
		regs[1] = 1;
	}
}

static void others_during(uint64_t ns)
{
	/* In bursts of five, as a guest's timers do. */
	for (uint64_t t = now_ns; t < now_ns + ns; t += MS) {
		if (guest.others_per_s && (uint64_t)rand() % 5000 < guest.others_per_s)
			others += 5;
		if (guest.others_per_s > 5000)
			others += guest.others_per_s / 1000;
	}
	now_ns += ns;
}

static bool wrote;

static void wait_until(uint64_t until_ns, unsigned int cost)
{
	others_during(until_ns - now_ns);
	own += cost + (wrote ? guest.written : 0);
	if (guest.sometimes && rand() % 3 == 0)
		own += guest.sometimes;
	wrote = false;
}

static void work(enum self_exits_why why)
{
	uint32_t regs[4];

	self_exits_begin(&self, why, now_ns);
	if (why == SELF_EXITS_TICK) {
		for (int i = 0; i < 37; i++)
			leaf_ask(&cpu, VMEXIT_CPUID_REASON, i, regs);
		own += guest.work;
		now_ns += guest.work_ms * MS;
	}
	wrote = why == SELF_EXITS_TICK;
	self_exits_end(&self, wrote, now_ns);
}

/* One tick a second, as main does it. */
static void run_for(unsigned int seconds)
{
	for (unsigned int i = 0; i < seconds; i++) {
		uint64_t tick_ns = (now_ns / S + 1) * S;
		uint64_t answer_ns = tick_ns + HOST_ANSWERS;

		while (self_exits_nap_ms(&self) >= 0 && now_ns + 20 * MS < tick_ns) {
			wait_until(now_ns + 20 * MS, guest.wake);
			work(SELF_EXITS_NAP);
		}
		wait_until(tick_ns, guest.wake);
		work(SELF_EXITS_TICK);
		while (self_exits_nap_ms(&self) >= 0 && now_ns + 20 * MS < answer_ns) {
			wait_until(now_ns + 20 * MS, guest.wake);
			work(SELF_EXITS_NAP);
		}
		if (guest.silent_host)
			continue;
		wait_until(answer_ns, guest.answer);
		work(SELF_EXITS_OTHER);
	}
}

static void make(unsigned int wake, unsigned int written, unsigned int answers,
		 unsigned int others_per_s)
{
	guest = (typeof(guest)){ wake, written, answers, 1, 1, others_per_s, 0, false };
	own = others = questions = capabilities = 0;
	now_ns = 1000 * S;
	wrote = false;
	leaf = (struct leaf){ .state = LEAF_PRESENT, .features = 0xfb, .vcpus = 1 };
	cpu = (struct leaf_cpu){ .cpuid = answer };
	self_exits_init(&self, &cpu, &leaf);
}

static uint64_t marked_count, marked_own;

static void mark(void)
{
	marked_own = own;
	marked_count = 0;
	(void)self_exits_count(&self, &marked_count);
}

/* What was reported of what was caused since the mark, in percent. */
static double explained(void)
{
	uint64_t count = 0;

	if (!self_exits_count(&self, &count))
		return 0;
	return 100.0 * (count - marked_count) / (own - marked_own);
}

static void test_idle(void)
{
	static const unsigned int costs[][3] = { { 7, 4, 5 }, { 2, 0, 2 }, { 12, 9, 3 } };

	for (size_t i = 0; i < 3; i++) {
		double all, later;
		unsigned int before;

		make(costs[i][0], costs[i][1], costs[i][2], 18);
		mark();
		run_for(60);
		all = explained();
		run_for(1000);
		mark();
		before = questions;
		run_for(1200);
		later = explained();
		ok(all > 90 && all < 110, "the first minute: %.1f %% explained", all);
		ok(later > 99 && later < 101, "and then: %.2f %%", later);
		ok((questions - before) / 1200 <= 39, "at few exits (%.2f a second more)",
		   (questions - before) / 1200.0 - 37);
	}
	ok(capabilities == 1, "which vCPU a CPU is, is asked once");
}

static void test_varying(void)
{
	double percent;

	make(7, 4, 5, 18);
	guest.sometimes = 2;
	run_for(600);
	mark();
	run_for(2400);
	percent = explained();
	ok(percent > 99 && percent < 101, "what varies counts with its mean (%.2f %%)", percent);
}

static void test_changes(void)
{
	double percent;

	make(7, 4, 5, 18);
	run_for(600);
	guest.wake = 3;
	run_for(900);
	mark();
	run_for(600);
	percent = explained();
	ok(percent > 98 && percent < 103, "waking became cheaper: noticed (%.1f %%)", percent);
	guest.silent_host = true;
	run_for(1);
	mark();
	run_for(600);
	percent = explained();
	ok(percent > 98 && percent < 104, "no host that answers (%.1f %%)", percent);
}

static void test_slow(void)
{
	double percent;

	make(7, 4, 5, 18);
	guest.work = 30;
	guest.work_ms = 40;
	run_for(600);
	mark();
	run_for(600);
	percent = explained();
	ok(percent > 99 && percent < 101, "clocks that tick while it works are its own (%.1f %%)",
	   percent);
	guest.work = 200;
	mark();
	run_for(600);
	ok(explained() < 80, "more than those are not believed to be");
}

static void test_busy(void)
{
	double percent;

	make(7, 4, 5, 18);
	run_for(600);
	mark();
	guest.others_per_s = 20000;
	run_for(1200);
	percent = explained();
	ok(percent > 97 && percent < 103,
	   "of a guest that becomes busy nothing is learned (%.1f %%)", percent);
	make(7, 4, 5, 20000);
	run_for(600);
	ok(self.wake.count == 0 && self.answer.count == 0, "nor of one that always was");
}

static void test_refused(void)
{
	uint64_t count;

	make(7, 4, 5, 18);
	run_for(100);
	leaf.state = LEAF_ABSENT;
	ok(!self_exits_count(&self, &count), "without a leaf nobody knows");
	questions = 0;
	self_exits_begin(&self, SELF_EXITS_TICK, now_ns);
	self_exits_end(&self, true, now_ns);
	ok(questions == 0 && self_exits_nap_ms(&self) < 0, "and it is not asked");
	leaf.state = LEAF_PRESENT;
	leaf.features = VMEXIT_FEATURE_TOTAL;
	self_exits_begin(&self, SELF_EXITS_TICK, now_ns + S);
	self_exits_end(&self, true, now_ns + S);
	ok(questions == 0 && self_exits_count(&self, &count) && count > 0,
	   "with a total alone only CPUIDs and usual values count");
	self_exits_moved(&self);
	ok(self.wake.count == 0 && self_exits_count(&self, &count) && count > 0,
	   "after a move it learns anew, and goes on counting");
}

int main(void)
{
	srand(1);
	test_idle();
	test_varying();
	test_changes();
	test_slow();
	test_busy();
	test_refused();
	return done_testing();
}
