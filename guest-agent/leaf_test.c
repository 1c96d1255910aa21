/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/leaf.h"

#include <string.h>

#include "guest-agent/shared/tap.h"

#define HYPERVISOR (1U << 31)

/* What the machine of the test answers. */
static struct {
	bool hypervisor;
	bool patched;
	bool intel;			/* what an unpatched host answers out of range */
	uint32_t version;
	uint32_t features;
	uint32_t total[4];
} machine;

static bool asked_total;

static void fill(uint32_t regs[4], uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	regs[0] = a;
	regs[1] = b;
	regs[2] = c;
	regs[3] = d;
}

static void fake_cpuid(uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	if (leaf == 1) {
		fill(regs, 0x663, 0, machine.hypervisor ? HYPERVISOR : 0, 0);
		return;
	}
	asked_total |= leaf == VMEXIT_CPUID_TOTAL;
	if (!machine.patched) {
		if (machine.intel)
			fill(regs, 0x7, 0x340, 0x340, 0);
		else
			fill(regs, 0, 0, 0, 0);
		return;
	}
	switch (leaf) {
	case VMEXIT_CPUID_IDENTITY:
		fill(regs, 0, 0, 0, 0);
		memcpy(regs + 1, "KVMExitStats", 12);
		regs[0] = 0x4fffffff;
		break;
	case VMEXIT_CPUID_CAPABILITIES:
		if (index == 0)
			fill(regs, machine.version, machine.features, VMEXIT_REASONS_SVM, 2400000);
		else
			fill(regs, 3, 4, 0, 0);
		break;
	case VMEXIT_CPUID_TOTAL:
		memcpy(regs, machine.total, sizeof(machine.total));
		break;
	default:
		fill(regs, 0, 0, 0, 0);
	}
}

/* What a patched host answers in one register of its identity leaf is a bit off. */
static unsigned int damaged_reg;

static void damaged_cpuid(uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	fake_cpuid(leaf, index, regs);
	if (leaf == VMEXIT_CPUID_IDENTITY)
		regs[damaged_reg] ^= 1;
}

static void test_patched(void)
{
	struct leaf_total total;
	struct leaf leaf;

	machine = (typeof(machine)){
		.hypervisor = true,
		.patched = true,
		.version = 0x10000,
		.features = VMEXIT_FEATURE_TOTAL | VMEXIT_FEATURE_CYCLES,
		.total = { 0x89abcdef, 0x00000012, 0x3456789a, 0x01234567 },
	};
	leaf_detect(fake_cpuid, &leaf);
	ok(leaf.state == LEAF_PRESENT, "patched host: there");
	ok(leaf.version == 0x10000 && leaf.features == machine.features &&
		   leaf.reason_namespace == VMEXIT_REASONS_SVM && leaf.tsc_khz == 2400000 &&
		   leaf.vcpu == 3 && leaf.vcpus == 4,
	   "and says what it can, and which vCPU asked");
	ok(leaf_explain(leaf.state) == NULL, "nothing to explain");
	leaf_read_total(fake_cpuid, &total);
	ok(total.exits == 0x0123456789abcdef, "exits: EDX high, EAX low");
	ok(total.handling_cycles == 0x000000123456789a, "cycles: EBX high, ECX low");
	ok(leaf_is_there(fake_cpuid), "and is still there");
	machine.patched = false;
	machine.intel = true;
	ok(!leaf_is_there(fake_cpuid), "until the guest was moved to a host without it");
	machine.patched = true;
	machine.intel = false;

	machine.version = 0x10007;
	machine.features |= 1U << 31;
	leaf_detect(fake_cpuid, &leaf);
	ok(leaf.state == LEAF_PRESENT, "a newer minor version and an unknown feature: there");
}

static void test_refused(void)
{
	struct leaf leaf;
	bool good = true;

	machine.features |= VMEXIT_FEATURE_CPL0_ONLY;
	leaf_detect(fake_cpuid, &leaf);
	ok(leaf.state == LEAF_CPL0_ONLY && strstr(leaf_explain(leaf.state), "exit_telemetry_cpl0"),
	   "for the kernel only, and says by which parameter");
	machine.features &= ~VMEXIT_FEATURE_CPL0_ONLY;
	machine.version = 0x20000;
	leaf_detect(fake_cpuid, &leaf);
	ok(leaf.state == LEAF_OTHER_VERSION && leaf.version == 0x20000 &&
		   strstr(leaf_explain(leaf.state), "update vmexit-agent"),
	   "a newer major version is not guessed at");
	machine.version = 0x10000;
	for (damaged_reg = 0; damaged_reg < 4; damaged_reg++) {
		leaf_detect(damaged_cpuid, &leaf);
		good = good && leaf.state == LEAF_ABSENT && leaf.features == 0;
	}
	ok(good, "an identity leaf with one register off is none");
	machine.hypervisor = false;
	leaf_detect(fake_cpuid, &leaf);
	ok(leaf.state == LEAF_NO_VM && leaf.features == 0 && leaf_explain(leaf.state),
	   "bare metal: whatever it answers is not asked for");
}

static void test_unpatched(void)
{
	struct leaf leaf;

	asked_total = false;
	machine = (typeof(machine)){ .hypervisor = true };
	leaf_detect(fake_cpuid, &leaf);
	ok(leaf.state == LEAF_ABSENT && leaf.version == 0 && leaf.features == 0,
	   "unpatched, AMD's zeros: absent");
	machine.intel = true;
	leaf_detect(fake_cpuid, &leaf);
	ok(leaf.state == LEAF_ABSENT && leaf.version == 0 && leaf.features == 0,
	   "unpatched, Intel's highest basic leaf: absent");
	ok(strstr(leaf_explain(leaf.state), "exit_telemetry=0"), "and says what to do");
	ok(!asked_total, "detecting never asks the total leaf");
}

int main(void)
{
	struct leaf leaf;

	test_patched();
	test_refused();
	test_unpatched();
	leaf_detect(leaf_cpuid, &leaf);
	ok(!leaf_explain(leaf.state) == (leaf.state == LEAF_PRESENT),
	   "this machine: either there or explained");
	return done_testing();
}
