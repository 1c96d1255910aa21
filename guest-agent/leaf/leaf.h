/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUID leaves of a patched KVM (kernel/uapi/vmexit_cpuid.h), read from inside
 * the guest. Non-logging.
 */
#ifndef GUEST_AGENT_LEAF_H
#define GUEST_AGENT_LEAF_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-agent/leaf/cpuid_device.h"
#include "kernel/uapi/vmexit_cpuid.h"

/* Executes CPUID; a test brings its own. Answers zeros if it cannot ask. */
typedef void (*leaf_cpuid_fn)(void *context, uint32_t leaf, uint32_t index, uint32_t regs[4]);

/* Who asks. */
struct leaf_cpu {
	leaf_cpuid_fn cpuid;		/* this program */
	leaf_cpuid_fn kernel_cpuid;	/* the guest's kernel; NULL: never */
	void *context;
	bool by_kernel;			/* which of them; leaf_detect() decides */
	uint64_t asked;			/* each is an exit */
};

/* The real ones; kept by @ret_cpu. */
void leaf_cpu_init(struct leaf_cpu *ret_cpu, struct cpuid_device *device);

enum leaf_state {
	LEAF_NO_VM,		/* not in a virtual machine */
	LEAF_ABSENT,		/* in one, but its host lacks the leaves */
	LEAF_OTHER_VERSION,	/* leaves of a contract that this program does not know */
	LEAF_KERNEL_ONLY,	/* leaves for the guest's kernel, which cannot be reached */
	LEAF_PRESENT,
};

struct leaf {
	enum leaf_state state;
	/* Valid from LEAF_OTHER_VERSION on, but for LEAF_KERNEL_ONLY. */
	uint32_t version;
	uint32_t features;		/* VMEXIT_FEATURE_* */
	uint32_t reason_namespace;
	uint32_t tsc_khz;		/* host's */
	uint32_t vcpu;			/* that asked */
	uint32_t vcpus;
};

void leaf_ask(struct leaf_cpu *cpu, uint32_t leaf, uint32_t index, uint32_t regs[4]);

/*
 * Find out what this CPU answers, to this program or else to the kernel. Only the
 * identity leaf decides: a host without the leaves may answer the total leaf with
 * plausible garbage.
 */
void leaf_detect(struct leaf_cpu *cpu, struct leaf *ret_leaf);

/*
 * Whether the leaves are there: a guest may have been moved to another host since
 * they were detected, or not. One CPUID, which is one exit.
 */
bool leaf_is_there(struct leaf_cpu *cpu);

/* What the state means and what to do, for a person; NULL for LEAF_PRESENT. */
const char *leaf_explain(enum leaf_state state);

#endif
