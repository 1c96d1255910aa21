/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/leaf.h"

#include <cpuid.h>
#include <stddef.h>

#define CPUID_HYPERVISOR_BIT (1U << 31)	/* leaf 1, ECX */

enum { EAX, EBX, ECX, EDX };

void leaf_cpuid(uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	__cpuid_count(leaf, index, regs[EAX], regs[EBX], regs[ECX], regs[EDX]);
}

bool leaf_is_there(leaf_cpuid_fn cpuid)
{
	uint32_t regs[4];

	cpuid(VMEXIT_CPUID_IDENTITY, 0, regs);
	return regs[EAX] == VMEXIT_CPUID_MAX_LEAF && regs[EBX] == VMEXIT_CPUID_SIGNATURE_EBX &&
	       regs[ECX] == VMEXIT_CPUID_SIGNATURE_ECX && regs[EDX] == VMEXIT_CPUID_SIGNATURE_EDX;
}

void leaf_detect(leaf_cpuid_fn cpuid, struct leaf *ret_leaf)
{
	struct leaf leaf = { .state = LEAF_NO_VM };
	uint32_t regs[4];

	cpuid(1, 0, regs);
	if (!(regs[ECX] & CPUID_HYPERVISOR_BIT))
		goto out;
	leaf.state = LEAF_ABSENT;
	if (!leaf_is_there(cpuid))
		goto out;
	cpuid(VMEXIT_CPUID_CAPABILITIES, 0, regs);
	leaf.version = regs[EAX];
	leaf.features = regs[EBX];
	leaf.reason_namespace = regs[ECX];
	leaf.tsc_khz = regs[EDX];
	leaf.state = LEAF_OTHER_VERSION;
	if (leaf.version >> 16 != VMEXIT_CPUID_VERSION_MAJOR)
		goto out;
	cpuid(VMEXIT_CPUID_CAPABILITIES, 1, regs);
	leaf.vcpu = regs[EAX];
	leaf.vcpus = regs[EBX];
	leaf.state = leaf.features & VMEXIT_FEATURE_CPL0_ONLY ? LEAF_CPL0_ONLY : LEAF_PRESENT;
out:
	*ret_leaf = leaf;
}

void leaf_read_total(leaf_cpuid_fn cpuid, struct leaf_total *ret_total)
{
	uint32_t regs[4];

	cpuid(VMEXIT_CPUID_TOTAL, 0, regs);
	ret_total->exits = (uint64_t)regs[EDX] << 32 | regs[EAX];
	ret_total->handling_cycles = (uint64_t)regs[EBX] << 32 | regs[ECX];
}

const char *leaf_explain(enum leaf_state state)
{
	switch (state) {
	case LEAF_NO_VM:
		return "this is not a virtual machine, so it has no VM exits; run it inside a KVM guest";
	case LEAF_ABSENT:
		return "this machine's host does not count exits for its guests: its KVM lacks the "
		       "vmexit series (or has exit_telemetry=0); load the patched modules on the "
		       "host and start this VM again";
	case LEAF_OTHER_VERSION:
		return "this machine's host counts exits by a newer contract; update vmexit-agent";
	case LEAF_CPL0_ONLY:
		return "this machine's host answers exit counts to the kernel only "
		       "(exit_telemetry_cpl0=Y), and this program does not run there";
	case LEAF_PRESENT:
		break;
	}
	return NULL;
}
