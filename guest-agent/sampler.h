/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One sample: the leaf and the workload at one instant. Non-logging, no allocation. */
#ifndef GUEST_AGENT_SAMPLER_H
#define GUEST_AGENT_SAMPLER_H

#include "guest-agent/leaf.h"
#include "guest-agent/procfs.h"
#include "guest-agent/shared/sample.h"

struct sampler {
	struct leaf leaf;
	struct procfs procfs;
};

void sampler_init(struct sampler *sampler);
void sampler_done(struct sampler *sampler);

/*
 * Whether the host answers the leaves as it did; if not, sampler->leaf says what
 * there is now. To be asked before each sample: a guest that moved to a host
 * without the leaves would read garbage there that looks like counters.
 */
bool sampler_check_leaf(struct sampler *sampler);

/*
 * Take a sample. Its sequence is CLOCK_BOOTTIME in microseconds: it grows within a
 * boot even over restarts of the agent, without any state to keep.
 */
void sampler_take(struct sampler *sampler, struct sample *ret_sample);

/* CLOCK_BOOTTIME and CLOCK_REALTIME in nanoseconds. */
uint64_t sampler_boot_ns(void);
uint64_t sampler_wall_ns(void);

#endif
