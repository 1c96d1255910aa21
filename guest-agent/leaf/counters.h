/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One complete and consistent reading of the leaf's counters. Non-logging, no
 * allocation.
 */
#ifndef GUEST_AGENT_COUNTERS_H
#define GUEST_AGENT_COUNTERS_H

#include "guest-agent/leaf/leaf.h"
#include "guest-agent/shared/sample.h"
#include "guest-agent/shared/wire.h"

#define COUNTERS_VCPUS_MAX 256		/* in a list */

struct counters_what {
	bool reasons;
	bool vcpus;
};

/*
 * Read what the host has and @what asks for: into @ret_sample its SAMPLE_HAS_* and
 * values, into @detail the lists (cut at whole entries if there is no room). The
 * exits it costs are those of the contract: with reasons 7 + 2n on VMX and 9 + 2n on
 * SVM for n reasons seen, and one per vCPU and one more with vCPUs.
 *
 * With reasons, exits and handling cycles are the sums over them: one instant less
 * to be consistent with, and an exit less. The kernel's device cannot ask for the
 * two reserved reasons; then they come from the total leaf, and away time and idle
 * are missing.
 *
 * Returns 0; -ESTALE if the VM became another meanwhile, -ENODEV if there are no
 * leaves (anymore): nothing is of use then.
 */
int counters_read(struct leaf_cpu *cpu, const struct leaf *leaf, const struct counters_what *what,
		  struct wire_writer *detail, struct sample *ret_sample);

/* The VM's generation, for one exit; 0 if the host has none. */
uint64_t counters_generation(struct leaf_cpu *cpu, const struct leaf *leaf);

/* Exits of the VM, or of one of its vCPUs, for one exit; the latter needs VMEXIT_FEATURE_VCPU. */
uint64_t counters_exits(struct leaf_cpu *cpu);
uint64_t counters_vcpu_exits(struct leaf_cpu *cpu, uint32_t vcpu);

#endif
