/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Against a KVM of the test's own, which counts how often it is asked. */
#include "guest-agent/leaf/counters.h"

#include <errno.h>
#include <string.h>
#include <x86intrin.h>

#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/tap.h"

#define ALL_FEATURES 0xfb
#define COUNTS_ONLY (VMEXIT_FEATURE_TOTAL | VMEXIT_FEATURE_CLOCK | VMEXIT_FEATURE_REASONS | \
		     VMEXIT_FEATURE_VCPU)
#define GENERATION 0xfedcba9876543210
#define IDLE 0x7000000001

struct row {
	uint32_t reason;
	uint64_t count, handling, away;
};

static const struct row svm_rows[] = {
	{ 0x60, 0x123456789, 10, 20 },	/* interrupt */
	{ 0x72, 5, 0x1000000000, 30 },	/* cpuid */
	{ 0x7f, 1, 1, 1 },		/* the last of the first word */
	{ 0x80, 2, 2, 2 },		/* the first of the second */
	{ 0x400, 7, 8, 0x2000000000 },	/* npf */
	{ 0x401, 3, 4, 5 },
	{ VMEXIT_REASON_OTHER, 9, 11, 13 },
};

static const struct row vmx_rows[] = {
	{ 0, 4, 5, 6 },
	{ 10, 7, 8, 9 },
	{ 12, 1, 2, 3 },
};

static struct {
	const struct row *rows;
	size_t count;
	uint32_t vcpus;
	bool gone;			/* the guest was moved to a host without leaves */
	unsigned int generation_changes_at;	/* question; 0: never */
	bool no_clock;
	uint64_t clock_tsc;		/* 0: now */
	unsigned int asked;
	unsigned int by_leaf[256];
	bool undefined;			/* something was asked that the contract has not */
} kvm;

static void split(uint32_t regs[4], uint64_t count, uint64_t cycles)
{
	regs[0] = count;
	regs[3] = count >> 32;
	regs[2] = cycles;
	regs[1] = cycles >> 32;
}

static void answer_seen(uint32_t index, uint32_t regs[4])
{
	for (size_t i = 0; i < kvm.count; i++) {
		uint32_t reason = kvm.rows[i].reason;

		if (reason / 128 == index)
			regs[reason % 128 / 32] |= 1U << (reason % 32);
	}
}

static void answer_reason(uint32_t reason, bool away, uint32_t regs[4])
{
	if (reason == VMEXIT_REASON_IDLE) {
		split(regs, 0, away ? IDLE : 0);
		return;
	}
	for (size_t i = 0; i < kvm.count; i++) {
		const struct row *row = &kvm.rows[i];

		if (row->reason == reason) {
			split(regs, away ? 0 : row->count, away ? row->away : row->handling);
			return;
		}
	}
	kvm.undefined = true;
	regs[3] = VMEXIT_CPUID_NO_SUCH_INDEX;
}

static void answer_clock(uint32_t index, uint32_t regs[4])
{
	uint64_t generation = GENERATION, tsc = kvm.clock_tsc ? kvm.clock_tsc : __rdtsc();

	if (kvm.generation_changes_at && kvm.asked >= kvm.generation_changes_at)
		generation++;
	if (index == 0) {
		regs[0] = generation;
		regs[1] = generation >> 32;
	} else if (index == 1 && !kvm.no_clock) {
		regs[0] = 0x89abcdef;
		regs[1] = 0x01234567;
		regs[2] = tsc;
		regs[3] = tsc >> 32;
	}
}

static void answer_total(uint32_t regs[4])
{
	uint64_t count = 0, handling = 0;

	for (size_t i = 0; i < kvm.count; i++) {
		count += kvm.rows[i].count;
		handling += kvm.rows[i].handling;
	}
	split(regs, count, handling);
}

static void answer(void *context, uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	(void)context;
	kvm.asked++;
	kvm.by_leaf[leaf & 0xff]++;
	memset(regs, 0, 16);
	if (kvm.gone)
		return;
	switch (leaf) {
	case VMEXIT_CPUID_IDENTITY:
		regs[0] = VMEXIT_CPUID_MAX_LEAF;
		memcpy(regs + 1, "KVMExitStats", 12);
		break;
	case VMEXIT_CPUID_CLOCK:
		answer_clock(index, regs);
		break;
	case VMEXIT_CPUID_REASONS_SEEN:
		answer_seen(index, regs);
		break;
	case VMEXIT_CPUID_REASON:
	case VMEXIT_CPUID_REASON_AWAY:
		answer_reason(index, leaf == VMEXIT_CPUID_REASON_AWAY, regs);
		break;
	case VMEXIT_CPUID_VCPU:
		if (index < kvm.vcpus)
			split(regs, 1000 + index, 2000 + index);
		else
			regs[3] = VMEXIT_CPUID_NO_SUCH_INDEX;
		break;
	case VMEXIT_CPUID_TOTAL:
		answer_total(regs);
		break;
	default:
		kvm.undefined = true;
	}
}

/* A device that has no negative positions. */
static bool asked_negative;

static void answer_kernel(void *context, uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	asked_negative |= index >> 31;
	answer(context, leaf, index, regs);
}

static struct leaf leaf;
static struct leaf_cpu cpu;
static struct sample s;
static uint8_t buf[8192];
static struct wire_writer w;

static void make_host(bool svm, uint32_t features)
{
	memset(&kvm, 0, sizeof(kvm));
	kvm.rows = svm ? svm_rows : vmx_rows;
	kvm.count = svm ? sizeof(svm_rows) / sizeof(svm_rows[0])
			: sizeof(vmx_rows) / sizeof(vmx_rows[0]);
	kvm.vcpus = 2;
	leaf = (struct leaf){
		.state = LEAF_PRESENT,
		.version = VMEXIT_CPUID_VERSION,
		.features = features,
		.reason_namespace = svm ? VMEXIT_REASONS_SVM : VMEXIT_REASONS_VMX,
		.tsc_khz = 2000000,
		.vcpus = 2,
	};
	cpu = (struct leaf_cpu){ .cpuid = answer, .kernel_cpuid = answer_kernel };
	asked_negative = false;
}

static int read_now(bool reasons, bool vcpus, size_t size)
{
	const struct counters_what what = { reasons, vcpus };

	kvm.asked = 0;
	memset(kvm.by_leaf, 0, sizeof(kvm.by_leaf));
	memset(&s, 0, sizeof(s));
	w = (struct wire_writer){ .buf = buf, .size = size };
	return counters_read(&cpu, &leaf, &what, &w, &s);
}

/* Whether the list is the first @count rows, without away time if there is none. */
static bool listed(size_t count, bool away)
{
	struct detail_entry entry;
	struct detail_iter iter;
	size_t i = 0;

	if (w.overflow || !detail_is_valid(buf, w.len) ||
	    !detail_find(buf, w.len, DETAIL_REASONS, &iter))
		return false;
	for (; detail_next(&iter, &entry); i++) {
		if (i == count || entry.id != kvm.rows[i].reason ||
		    entry.value != kvm.rows[i].count ||
		    entry.handling_cycles != kvm.rows[i].handling ||
		    entry.away_cycles != (away ? kvm.rows[i].away : 0))
			return false;
	}
	return i == count;
}

static void test_complete(void)
{
	const unsigned int all = SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_GENERATION |
				 SAMPLE_HAS_AWAY | SAMPLE_HAS_CLOCK;

	make_host(true, ALL_FEATURES);
	ok(read_now(true, false, sizeof(buf)) == 0 && s.has == all, "SVM: everything is there");
	ok(kvm.asked == 9 + 2 * kvm.count && cpu.asked == kvm.asked,
	   "for 9 + 2n exits (%u, n = %zu)", kvm.asked, kvm.count);
	ok(listed(kvm.count, true), "all reasons, in ascending order");
	ok(s.exits == 0x123456789 + 5 + 1 + 2 + 7 + 3 + 9, "exits are their sum");
	ok(s.handling_cycles == 10 + 0x1000000000 + 1 + 2 + 8 + 4 + 11, "so are handling cycles");
	ok(s.away_cycles == 20 + 30 + 1 + 2 + 0x2000000000 + 5 + 13, "and away cycles");
	ok(s.idle_cycles == IDLE, "idle is apart");
	ok(s.generation == GENERATION && s.host_ns == 0x0123456789abcdef, "generation and clock");
	ok(!kvm.undefined, "and nothing was asked that the contract has not");

	make_host(false, ALL_FEATURES);
	ok(read_now(true, false, sizeof(buf)) == 0 && s.has == all && listed(3, true),
	   "VMX: everything is there");
	ok(kvm.asked == 7 + 2 * 3 && !kvm.undefined, "for 7 + 2n exits (%u)", kvm.asked);
	kvm.count = 0;
	ok(read_now(true, false, sizeof(buf)) == 0 && kvm.asked == 7 && listed(0, true) &&
		   s.exits == 0,
	   "no reason seen: 7, and an empty list");
}

static void test_less(void)
{
	make_host(true, COUNTS_ONLY);
	ok(read_now(true, false, sizeof(buf)) == 0 && listed(kvm.count, false) &&
		   s.has == (SAMPLE_HAS_EXITS | SAMPLE_HAS_GENERATION | SAMPLE_HAS_CLOCK),
	   "a host that counts only: no times");
	ok(kvm.asked == 8 + kvm.count && kvm.by_leaf[0xfd] == 0,
	   "one exit for each reason, and none for idle (%u)", kvm.asked);
	make_host(true, ALL_FEATURES);
	ok(read_now(false, false, sizeof(buf)) == 0 && w.len == 0 && kvm.asked == 5 &&
		   s.exits == 0x123456789 + 5 + 1 + 2 + 7 + 3 + 9 && !(s.has & SAMPLE_HAS_AWAY),
	   "without reasons: the total leaf, 5 exits");
	make_host(true, VMEXIT_FEATURE_TOTAL);
	ok(read_now(true, true, sizeof(buf)) == 0 && w.len == 0 && kvm.asked == 2 &&
		   s.has == SAMPLE_HAS_EXITS,
	   "a host with a total alone is asked for nothing else");
	make_host(true, ALL_FEATURES);
	leaf.reason_namespace = 3;
	ok(read_now(true, false, sizeof(buf)) == 0 && w.len == 0 && kvm.by_leaf[0xff] == 1 &&
		   kvm.by_leaf[0x03] == 0,
	   "reasons of an unknown namespace are not looked for");
}

static void test_vcpus(void)
{
	struct detail_entry entry;
	struct detail_iter iter;
	unsigned int n = 0;
	bool good = true;

	make_host(false, ALL_FEATURES);
	kvm.vcpus = 5;
	ok(read_now(true, true, sizeof(buf)) == 0 && kvm.asked == 7 + 2 * 3 + 6,
	   "by vCPU: one exit each, and one to see that there are no more");
	ok(detail_is_valid(buf, w.len) && detail_find(buf, w.len, DETAIL_VCPUS, &iter), "a list");
	for (; detail_next(&iter, &entry); n++)
		good = good && entry.id == n && entry.value == 1000 + n &&
		       entry.handling_cycles == 2000 + n;
	ok(n == 5 && good, "of those that there are, more than at the start");
	kvm.vcpus = 4000;
	ok(read_now(false, true, sizeof(buf)) == 0 && kvm.by_leaf[0xfc] == COUNTERS_VCPUS_MAX,
	   "4000 vCPUs: as many as a list holds");
}

static void test_refused(void)
{
	unsigned int last;
	bool good = true;

	make_host(true, ALL_FEATURES);
	read_now(true, true, sizeof(buf));
	last = kvm.asked;
	for (unsigned int at = 3; at <= last; at++) {
		kvm.generation_changes_at = at;
		good = good && read_now(true, true, sizeof(buf)) == -ESTALE;
	}
	ok(good, "a generation that changes at any question in between: stale");
	kvm.generation_changes_at = last + 1;
	ok(read_now(true, true, sizeof(buf)) == 0, "behind the last one it does not matter");
	kvm.generation_changes_at = 0;
	kvm.gone = true;
	ok(read_now(true, true, sizeof(buf)) == -ENODEV && kvm.asked == 1,
	   "no leaves anymore: nothing else is asked");
}

static void test_room(void)
{
	size_t whole;
	bool good = true;

	make_host(true, ALL_FEATURES);
	read_now(true, true, sizeof(buf));
	whole = w.len;
	for (size_t size = 0; size <= whole; size++) {
		good = good && read_now(true, true, size) == 0 && detail_is_valid(buf, w.len) &&
		       s.exits == 0x123456789 + 5 + 1 + 2 + 7 + 3 + 9;
		if (size >= 4 && size < whole)
			good = good && w.len > 0;
	}
	ok(good, "too little room: whole entries only, and the same sums");
	ok(listed(kvm.count, true), "with just enough, all");
}

static void test_clock(void)
{
	make_host(true, ALL_FEATURES);
	read_now(true, false, sizeof(buf));
	ok(s.clock_error_ns < 1000000, "the clock is next to the counters (%u ns)",
	   s.clock_error_ns);
	kvm.clock_tsc = __rdtsc() - 2000000ULL * 50;
	read_now(true, false, sizeof(buf));
	ok(s.clock_error_ns >= 50000000 && s.clock_error_ns < 60000000,
	   "50 ms before: so far may it be off (%u ns)", s.clock_error_ns);
	kvm.clock_tsc = __rdtsc() + 2000000ULL * 50;
	read_now(true, false, sizeof(buf));
	ok(s.clock_error_ns > 40000000 && s.clock_error_ns <= 50000000, "50 ms later: likewise");
	kvm.clock_tsc = 1;
	leaf.tsc_khz = 1;
	read_now(true, false, sizeof(buf));
	ok(s.clock_error_ns == UINT32_MAX, "more than there is room for: the most");
	leaf.tsc_khz = 0;
	read_now(true, false, sizeof(buf));
	ok(s.has & SAMPLE_HAS_CLOCK && s.clock_error_ns == UINT32_MAX, "no frequency: unknown");
	kvm.no_clock = true;
	read_now(true, false, sizeof(buf));
	ok(!(s.has & SAMPLE_HAS_CLOCK) && s.has & SAMPLE_HAS_GENERATION,
	   "a host whose clocksource is not the TSC: no clock");
}

static void test_by_kernel(void)
{
	make_host(true, ALL_FEATURES | VMEXIT_FEATURE_CPL0_ONLY);
	cpu.by_kernel = true;
	ok(read_now(true, true, sizeof(buf)) == 0 && !asked_negative,
	   "through the kernel: no index with the highest bit is asked for");
	ok(listed(kvm.count - 1, true), "all reasons but those");
	ok(s.exits == 0x123456789 + 5 + 1 + 2 + 7 + 3 + 9 && s.has & SAMPLE_HAS_EXITS &&
		   s.has & SAMPLE_HAS_HANDLING,
	   "so the total is the total leaf's");
	ok(!(s.has & SAMPLE_HAS_AWAY), "and away time and idle are unknown");
}

int main(void)
{
	test_complete();
	test_less();
	test_vcpus();
	test_refused();
	test_room();
	test_clock();
	test_by_kernel();
	make_host(true, ALL_FEATURES);
	ok(counters_generation(&cpu, &leaf) == GENERATION && counters_vcpu_exits(&cpu, 1) == 1001 &&
		   counters_exits(&cpu) == 0x123456789 + 5 + 1 + 2 + 7 + 3 + 9 && cpu.asked == 3,
	   "single values cost one exit each");
	leaf.features &= ~VMEXIT_FEATURE_CLOCK;
	ok(counters_generation(&cpu, &leaf) == 0 && cpu.asked == 3, "or none");
	return done_testing();
}
