/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/leaf/leaf.h"

#include <string.h>

#include "guest-agent/shared/tap.h"

#define HYPERVISOR (1U << 31)

/* What the machine of the test answers. */
static struct {
	bool hypervisor;
	bool patched;
	bool intel;			/* what an unpatched host answers out of range */
	bool kernel_only;		/* the leaves answer zeros to this program */
	bool no_device;			/* and the kernel cannot be asked */
	uint32_t version;
	uint32_t features;
} machine;

static unsigned int asked, asked_total, asked_kernel;

static void fill(uint32_t regs[4], uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	regs[0] = a;
	regs[1] = b;
	regs[2] = c;
	regs[3] = d;
}

static void answer(uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	fill(regs, 0, 0, 0, 0);
	switch (leaf) {
	case VMEXIT_CPUID_IDENTITY:
		memcpy(regs + 1, "KVMExitStats", 12);
		regs[0] = 0x4fffffff;
		break;
	case VMEXIT_CPUID_CAPABILITIES:
		if (index == 0)
			fill(regs, machine.version, machine.features, VMEXIT_REASONS_SVM, 2400000);
		else
			fill(regs, 3, 4, 0, 0);
		break;
	}
}

static void fake_cpuid(void *context, uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	(void)context;
	asked++;
	asked_total += leaf == VMEXIT_CPUID_TOTAL;
	if (leaf == 0) {
		fill(regs, 22, 0, 0, 0);
		memcpy(regs + 1, machine.intel ? "Genu" : "Auth", 4);
		memcpy(regs + 3, machine.intel ? "ineI" : "enti", 4);
		memcpy(regs + 2, machine.intel ? "ntel" : "cAMD", 4);
	} else if (leaf == 1) {
		fill(regs, 0x663, 0, machine.hypervisor ? HYPERVISOR : 0, 0);
	} else if (machine.patched && !machine.kernel_only) {
		answer(leaf, index, regs);
	} else if (machine.intel && !machine.patched) {
		fill(regs, 0x7, 0x340, 0x340, 0);
	} else {
		fill(regs, 0, 0, 0, 0);
	}
}

static void fake_kernel(void *context, uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	(void)context;
	asked++;
	asked_kernel++;
	fill(regs, 0, 0, 0, 0);
	if (machine.patched && !machine.no_device)
		answer(leaf, index, regs);
}

static struct leaf_cpu cpu;

static void detect(struct leaf *leaf)
{
	asked = asked_total = asked_kernel = 0;
	cpu = (struct leaf_cpu){ .cpuid = fake_cpuid, .kernel_cpuid = fake_kernel };
	leaf_detect(&cpu, leaf);
}

/* What a patched host answers in one register of its identity leaf is a bit off. */
static unsigned int damaged_reg;

static void damaged_cpuid(void *context, uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	fake_cpuid(context, leaf, index, regs);
	if (leaf == VMEXIT_CPUID_IDENTITY)
		regs[damaged_reg] ^= 1;
}

static void test_patched(void)
{
	struct leaf leaf;

	machine = (typeof(machine)){
		.hypervisor = true,
		.patched = true,
		.version = 0x10000,
		.features = VMEXIT_FEATURE_TOTAL | VMEXIT_FEATURE_CYCLES,
	};
	detect(&leaf);
	ok(leaf.state == LEAF_PRESENT && !cpu.by_kernel && asked_kernel == 0,
	   "patched host: there, without the kernel's help");
	ok(leaf.version == 0x10000 && leaf.features == machine.features &&
		   leaf.reason_namespace == VMEXIT_REASONS_SVM && leaf.tsc_khz == 2400000 &&
		   leaf.vcpu == 3 && leaf.vcpus == 4,
	   "and says what it can, and which vCPU asked");
	ok(leaf_explain(leaf.state) == NULL, "nothing to explain");
	ok(cpu.asked == asked && asked == 4, "each question is counted");
	ok(leaf_is_there(&cpu) && cpu.asked == 5, "and is still there, for one more");
	machine.patched = false;
	machine.intel = true;
	ok(!leaf_is_there(&cpu), "until the guest was moved to a host without it");
	machine.patched = true;
	machine.intel = false;

	machine.version = 0x10007;
	machine.features |= 1U << 31;
	detect(&leaf);
	ok(leaf.state == LEAF_PRESENT, "a newer minor version and an unknown feature: there");
}

static void test_refused(void)
{
	struct leaf leaf;
	bool good = true;

	machine.version = 0x20000;
	detect(&leaf);
	ok(leaf.state == LEAF_OTHER_VERSION && leaf.version == 0x20000 &&
		   strstr(leaf_explain(leaf.state), "update vmexit-agent"),
	   "a newer major version is not guessed at");
	machine.version = 0x10000;
	for (damaged_reg = 0; damaged_reg < 4; damaged_reg++) {
		cpu = (struct leaf_cpu){ .cpuid = damaged_cpuid, .kernel_cpuid = fake_kernel };
		leaf_detect(&cpu, &leaf);
		good = good && leaf.state == LEAF_ABSENT && leaf.features == 0;
	}
	ok(good, "an identity leaf with one register off is none");
	machine.hypervisor = false;
	detect(&leaf);
	ok(leaf.state == LEAF_NO_VM && leaf.features == 0 && leaf_explain(leaf.state) && asked == 1,
	   "bare metal: whatever it answers is not asked for");
	machine.hypervisor = true;
}

static void test_kernel_only(void)
{
	struct leaf leaf;

	machine.kernel_only = true;
	machine.features |= VMEXIT_FEATURE_CPL0_ONLY;
	for (int intel = 0; intel < 2; intel++) {
		machine.intel = intel;
		detect(&leaf);
		ok(leaf.state == LEAF_PRESENT && cpu.by_kernel &&
			   leaf.features == machine.features && leaf.vcpus == 4,
		   "for the kernel only: it is asked (%s)", intel ? "Intel" : "AMD");
		ok(leaf_is_there(&cpu) && cpu.asked == asked, "and again later");
	}
	machine.no_device = true;
	detect(&leaf);
	ok(leaf.state == LEAF_KERNEL_ONLY && !cpu.by_kernel &&
		   strstr(leaf_explain(leaf.state), "modprobe cpuid"),
	   "zeros where an Intel guest would read garbage: it says which module is missing");
	machine.intel = false;
	detect(&leaf);
	ok(leaf.state == LEAF_ABSENT && strstr(leaf_explain(leaf.state), "exit_telemetry_cpl0=Y"),
	   "zeros in an AMD guest may be no leaf as well: it says both");
	machine.no_device = false;
	cpu = (struct leaf_cpu){ .cpuid = fake_cpuid };
	leaf_detect(&cpu, &leaf);
	ok(leaf.state == LEAF_ABSENT, "who has no way to the kernel does not ask it");
}

static void test_unpatched(void)
{
	struct leaf leaf;

	machine = (typeof(machine)){ .hypervisor = true };
	detect(&leaf);
	ok(leaf.state == LEAF_ABSENT && leaf.version == 0 && leaf.features == 0,
	   "unpatched, AMD's zeros: absent");
	ok(asked_total == 0, "without having asked for counters");
	machine.intel = true;
	detect(&leaf);
	ok(leaf.state == LEAF_ABSENT && leaf.version == 0 && leaf.features == 0,
	   "unpatched, Intel's highest basic leaf: absent");
	ok(strstr(leaf_explain(leaf.state), "exit_telemetry=0"), "and says what to do");
	ok(asked_total == 0 && asked_kernel == 0, "nor here, where the kernel would read no more");
}

int main(void)
{
	struct cpuid_device device;
	struct leaf leaf;

	test_patched();
	test_refused();
	test_kernel_only();
	test_unpatched();
	cpuid_device_init(&device, "/dev/cpu");
	leaf_cpu_init(&cpu, &device);
	leaf_detect(&cpu, &leaf);
	cpuid_device_done(&device);
	ok(!leaf_explain(leaf.state) == (leaf.state == LEAF_PRESENT),
	   "this machine: either there or explained");
	return done_testing();
}
