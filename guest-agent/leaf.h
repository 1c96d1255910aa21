/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUID leaves of a patched KVM (kernel/uapi/vmexit_cpuid.h), read from inside
 * the guest. Non-logging.
 */
#ifndef GUEST_AGENT_LEAF_H
#define GUEST_AGENT_LEAF_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/uapi/vmexit_cpuid.h"

enum leaf_state {
	LEAF_NO_VM,		/* not in a virtual machine */
	LEAF_ABSENT,		/* in one, but its host lacks the leaves */
	LEAF_OTHER_VERSION,	/* leaves of a contract that this program does not know */
	LEAF_CPL0_ONLY,		/* leaves there, but they answer the guest's kernel only */
	LEAF_PRESENT,
};

struct leaf {
	enum leaf_state state;
	/* Valid from LEAF_OTHER_VERSION on. */
	uint32_t version;
	uint32_t features;		/* VMEXIT_FEATURE_* */
	uint32_t reason_namespace;
	uint32_t tsc_khz;		/* host's */
	uint32_t vcpu;			/* that asked */
	uint32_t vcpus;
};

struct leaf_total {
	uint64_t exits;
	uint64_t handling_cycles;	/* host TSC */
};

/* Executes CPUID; a test brings its own. */
typedef void (*leaf_cpuid_fn)(uint32_t leaf, uint32_t index, uint32_t regs[4]);
void leaf_cpuid(uint32_t leaf, uint32_t index, uint32_t regs[4]);

/*
 * Find out what this CPU answers. Only the identity leaf decides: a host without
 * the leaves may answer the total leaf with plausible garbage.
 */
void leaf_detect(leaf_cpuid_fn cpuid, struct leaf *ret_leaf);

/*
 * Whether the leaves are still there: a guest may have been moved to another host
 * since. One CPUID, which is one exit.
 */
bool leaf_is_there(leaf_cpuid_fn cpuid);

/* Count and cycles of all vCPUs since the VM was created, by one CPUID. LEAF_PRESENT only. */
void leaf_read_total(leaf_cpuid_fn cpuid, struct leaf_total *ret_total);

/* What the state means and what to do, for a person; NULL for LEAF_PRESENT. */
const char *leaf_explain(enum leaf_state state);

#endif
