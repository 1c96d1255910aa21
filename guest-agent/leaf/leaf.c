/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/leaf/leaf.h"

#include <cpuid.h>
#include <stddef.h>
#include <string.h>

#define CPUID_HYPERVISOR_BIT (1U << 31)	/* leaf 1, ECX */

enum { EAX, EBX, ECX, EDX };

static void own_cpuid(void *context, uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	(void)context;
	__cpuid_count(leaf, index, regs[EAX], regs[EBX], regs[ECX], regs[EDX]);
}

static void kernel_cpuid(void *context, uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	if (cpuid_device_ask(context, leaf, index, regs) < 0)
		memset(regs, 0, 4 * sizeof(*regs));
}

void leaf_cpu_init(struct leaf_cpu *ret_cpu, struct cpuid_device *device)
{
	*ret_cpu = (struct leaf_cpu){
		.cpuid = own_cpuid,
		.kernel_cpuid = kernel_cpuid,
		.context = device,
	};
}

void leaf_ask(struct leaf_cpu *cpu, uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	cpu->asked++;
	if (cpu->by_kernel)
		cpu->kernel_cpuid(cpu->context, leaf, index, regs);
	else
		cpu->cpuid(cpu->context, leaf, index, regs);
}

static bool is_identity(const uint32_t regs[4])
{
	return regs[EAX] == VMEXIT_CPUID_MAX_LEAF && regs[EBX] == VMEXIT_CPUID_SIGNATURE_EBX &&
	       regs[ECX] == VMEXIT_CPUID_SIGNATURE_ECX && regs[EDX] == VMEXIT_CPUID_SIGNATURE_EDX;
}

bool leaf_is_there(struct leaf_cpu *cpu)
{
	uint32_t regs[4];

	leaf_ask(cpu, VMEXIT_CPUID_IDENTITY, 0, regs);
	return is_identity(regs);
}

/* Whose guests read zeros from leaves that are not there; others read garbage. */
static bool absent_reads_zeros(struct leaf_cpu *cpu)
{
	char vendor[12];
	uint32_t regs[4];

	leaf_ask(cpu, 0, 0, regs);
	memcpy(vendor, &regs[EBX], 4);
	memcpy(vendor + 4, &regs[EDX], 4);
	memcpy(vendor + 8, &regs[ECX], 4);
	return memcmp(vendor, "AuthenticAMD", 12) == 0 || memcmp(vendor, "HygonGenuine", 12) == 0;
}

/* Zeros are what a leaf for the kernel only answers to anybody else. */
static enum leaf_state find(struct leaf_cpu *cpu)
{
	uint32_t regs[4];
	bool zeros;

	leaf_ask(cpu, VMEXIT_CPUID_IDENTITY, 0, regs);
	if (is_identity(regs))
		return LEAF_PRESENT;
	zeros = !(regs[EAX] | regs[EBX] | regs[ECX] | regs[EDX]);
	if (!zeros || !cpu->kernel_cpuid)
		return LEAF_ABSENT;
	cpu->by_kernel = true;
	if (leaf_is_there(cpu))
		return LEAF_PRESENT;
	cpu->by_kernel = false;
	return absent_reads_zeros(cpu) ? LEAF_ABSENT : LEAF_KERNEL_ONLY;
}

void leaf_detect(struct leaf_cpu *cpu, struct leaf *ret_leaf)
{
	struct leaf leaf = { .state = LEAF_NO_VM };
	uint32_t regs[4];

	cpu->by_kernel = false;
	leaf_ask(cpu, 1, 0, regs);
	if (!(regs[ECX] & CPUID_HYPERVISOR_BIT))
		goto out;
	leaf.state = find(cpu);
	if (leaf.state != LEAF_PRESENT)
		goto out;
	leaf_ask(cpu, VMEXIT_CPUID_CAPABILITIES, 0, regs);
	leaf.version = regs[EAX];
	leaf.features = regs[EBX];
	leaf.reason_namespace = regs[ECX];
	leaf.tsc_khz = regs[EDX];
	if (leaf.version >> 16 != VMEXIT_CPUID_VERSION_MAJOR) {
		leaf.state = LEAF_OTHER_VERSION;
		goto out;
	}
	leaf_ask(cpu, VMEXIT_CPUID_CAPABILITIES, 1, regs);
	leaf.vcpu = regs[EAX];
	leaf.vcpus = regs[EBX];
out:
	*ret_leaf = leaf;
}

const char *leaf_explain(enum leaf_state state)
{
	switch (state) {
	case LEAF_NO_VM:
		return "this is not a virtual machine, so it has no VM exits; run it inside a KVM guest";
	case LEAF_ABSENT:
		return "this machine's host does not count exits for its guests: its KVM lacks the "
		       "vmexit series (or has exit_telemetry=0), or this VM is older than the patched "
		       "modules: load them on the host ('vmexitctl doctor' there says how), and power "
		       "this VM off and on, as a reboot is not enough; or it answers the kernel only "
		       "(exit_telemetry_cpl0=Y): then, as root, modprobe cpuid";
	case LEAF_OTHER_VERSION:
		return "this machine's host counts exits by a newer contract; update vmexit-agent";
	case LEAF_KERNEL_ONLY:
		return "this machine's host answers exit counts to the guest's kernel only "
		       "(exit_telemetry_cpl0=Y), and /dev/cpu/*/cpuid cannot be read: "
		       "modprobe cpuid, and run vmexit-agent as root";
	case LEAF_PRESENT:
		break;
	}
	return NULL;
}
