/* SPDX-License-Identifier: GPL-2.0-or-later */
/* With this machine's /proc and /sys, and a leaf of the test's own. */
#include "guest-agent/sampler.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/tap.h"

static struct {
	bool there;
	uint64_t generation;
	unsigned int changes_after;	/* questions; 0: never */
	unsigned int asked;
} host;

static void answer(void *context, uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	(void)context;
	memset(regs, 0, 16);
	host.asked++;
	if (host.changes_after && --host.changes_after == 0)
		host.generation++;
	if (leaf == 1)
		regs[2] = 1U << 31;
	if (!host.there)
		return;
	if (leaf == VMEXIT_CPUID_IDENTITY) {
		regs[0] = VMEXIT_CPUID_MAX_LEAF;
		memcpy(regs + 1, "KVMExitStats", 12);
	} else if (leaf == VMEXIT_CPUID_CAPABILITIES) {
		regs[0] = index ? 0 : VMEXIT_CPUID_VERSION;
		regs[1] = index ? 1 : 0xfb;
		regs[2] = index ? 0 : VMEXIT_REASONS_VMX;
		regs[3] = index ? 0 : 2000000;
	} else if (leaf == VMEXIT_CPUID_CLOCK && index == 0) {
		regs[0] = host.generation;
		regs[1] = host.generation >> 32;
	} else if (leaf == VMEXIT_CPUID_REASONS_SEEN && index == 0) {
		regs[0] = 1U << 10;
	} else if (leaf == VMEXIT_CPUID_REASON && index == 10) {
		regs[0] = 42;
	}
}

static struct sampler sampler;
static uint8_t detail[SAMPLER_DETAIL_MAX];
static struct sample s;

static const struct sampler_settings everything = {
	.counters = { .reasons = true },
	.workload = true,
	.interrupts = INTERRUPTS_MAX,
	.processes = PROCESSES_MAX,
	.units = UNITS_MAX,
};

static int take(void)
{
	return sampler_take(&sampler, detail, sizeof(detail), &s);
}

/* A sampler whose leaf is the test's, as it is known after the first sample. */
static void start(const struct sampler_settings *settings, bool there)
{
	host = (typeof(host)){ .there = there, .generation = 1000 };
	memset(&sampler, 0, sizeof(sampler));
	sampler_init(&sampler, settings);
	sampler.cpu = (struct leaf_cpu){ .cpuid = answer };
	sampler.leaf.state = LEAF_ABSENT;
	(void)take();
	(void)sampler_check_leaf(&sampler);
}

static bool has(enum detail_list list)
{
	struct detail_iter iter;

	return detail_find(s.detail, s.detail_len, list, &iter);
}

static void test_sample(void)
{
	uint8_t frame[FRAME_MAX];
	uint64_t before_ns = sampler_boot_ns();
	int len;

	start(&everything, true);
	ok(take() == 0 && s.has & SAMPLE_HAS_EXITS && s.exits == 42 && s.generation == 1000,
	   "a sample has the leaf's values");
	ok(s.t_boot_ns > before_ns && s.sequence == s.t_boot_ns / 1000 && s.t_wall_ns > 0,
	   "its times");
	ok(s.workload.mask >> WORKLOAD_cpu_idle_ms & 1 &&
		   s.workload.mask >> WORKLOAD_page_faults & 1,
	   "the workload");
	ok(has(DETAIL_REASONS) && detail_is_valid(s.detail, s.detail_len), "and lists");
	ok(sampler_check_leaf(&sampler), "and nothing has changed");
	len = proto_encode_sample(frame, sizeof(frame), &s, PROTO_VERSION, 0);
	ok(len > 0, "it fits into a frame (%d bytes)", len);
	s.detail_len = SAMPLER_DETAIL_MAX;
	ok(proto_encode_sample(frame, sizeof(frame), &s, PROTO_VERSION, 0) > 0,
	   "also with the longest lists");
	ok(sampler_take(&sampler, detail, 0, &s) == 0 && s.detail_len == 0 && s.exits == 42,
	   "without room for lists there are none");
}

static void test_lists(void)
{
	struct sampler_settings nothing = { 0 };
	unsigned int lists = 0, samples = 0;
	uint64_t until_ns;

	start(&everything, true);
	until_ns = sampler_boot_ns() + 2200000000;
	while (sampler_boot_ns() < until_ns) {
		(void)take();
		samples++;
		lists += has(DETAIL_INTERRUPTS);
		usleep(50000);
	}
	ok(samples > 15 && lists >= 1 && lists <= 2,
	   "%u samples in two seconds: interrupts in %u", samples, lists);
	start(&nothing, true);
	ok(take() == 0 && s.detail_len == 0 && s.workload.mask == 0 && s.exits == 0 &&
		   s.has & SAMPLE_HAS_EXITS,
	   "all switched off: the total alone");
}

static void test_moves(void)
{
	start(&everything, true);
	host.generation = 2000;
	ok(take() == 0 && s.generation == 2000 && s.exits == 42 && sampler.generation == 2000,
	   "another VM since the last sample: read anew");
	ok(!sampler_check_leaf(&sampler) && sampler_check_leaf(&sampler), "and said once");
	host.changes_after = 5;
	ok(take() == -ESTALE && s.sequence > 0 && s.t_boot_ns > 0 && s.exits == 0 &&
		   s.detail_len == 0,
	   "in the middle of one: there is none");
	ok(!sampler_check_leaf(&sampler) && sampler.generation == 2001, "and it is known why");
	ok(take() == 0 && s.generation == 2001 && sampler_check_leaf(&sampler),
	   "the next is as ever");
	host.there = false;
	ok(take() == 0 && !(s.has & SAMPLE_HAS_EXITS) && s.exits == 0 && s.workload.mask,
	   "a host without leaves: the workload alone");
	ok(!sampler_check_leaf(&sampler) && sampler.leaf.state == LEAF_ABSENT &&
		   sampler.generation == 0,
	   "and it is known");
	host.asked = 0;
	ok(take() == 0 && host.asked == 1, "it is looked for with one exit a sample");
	host.there = true;
	ok(take() == 0 && !sampler_check_leaf(&sampler) && sampler.leaf.state == LEAF_PRESENT,
	   "and found when it is there");
	ok(take() == 0 && s.exits == 42 && sampler_check_leaf(&sampler), "and read");
}

static void test_no_vm(void)
{
	start(&everything, false);
	sampler.leaf.state = LEAF_NO_VM;
	host.asked = 0;
	ok(take() == 0 && host.asked == 0 && s.workload.mask, "on bare metal nothing is asked");
}

int main(void)
{
	test_sample();
	test_lists();
	test_moves();
	test_no_vm();
	sampler_done(&sampler);
	return done_testing();
}
