/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One sample: the leaf and the workload at one instant. Non-logging, no allocation. */
#ifndef GUEST_AGENT_SAMPLER_H
#define GUEST_AGENT_SAMPLER_H

#include "guest-agent/leaf/counters.h"
#include "guest-agent/shared/proto.h"
#include "guest-agent/workload/interrupts.h"
#include "guest-agent/workload/processes.h"
#include "guest-agent/workload/procfs.h"
#include "guest-agent/workload/ration.h"
#include "guest-agent/workload/units.h"

/* Room for a sample's lists, so that it fits into a frame with them. */
#define SAMPLER_DETAIL_MAX (FRAME_PAYLOAD_MAX - PROTO_ENCODED_MAX)

/* What a sample has. */
struct sampler_settings {
	struct counters_what counters;
	bool workload;
	unsigned int interrupts;	/* entries of lists; 0: none */
	unsigned int processes;
	unsigned int units;
};

struct sampler {
	struct sampler_settings settings;
	struct cpuid_device device;
	struct leaf_cpu cpu;
	struct leaf leaf;
	uint64_t generation;		/* of the VM; 0: unknown */
	bool changed;
	unsigned int looks;		/* since the leaf was not there */
	struct procfs procfs;
	struct interrupts interrupts;
	struct processes processes;
	struct units units;
	struct ration interrupts_ration, processes_ration, units_ration;
	struct lines_buffer buffer;
};

/* Much of it is only touched when it is needed: let it be zero, and no copy. */
void sampler_init(struct sampler *sampler, const struct sampler_settings *settings);
void sampler_done(struct sampler *sampler);

/*
 * Take a sample; its lists go to @detail, which should have SAMPLER_DETAIL_MAX bytes.
 * Interrupts, processes and units are in at most one sample a second, and in fewer
 * where looking takes long. A sample's sequence is CLOCK_BOOTTIME in microseconds: it
 * grows within a boot even over restarts of the agent, without any state to keep.
 *
 * Returns 0; -ESTALE if the VM became another meanwhile: there is no sample, only
 * its sequence and times.
 */
int sampler_take(struct sampler *sampler, uint8_t *detail, size_t detail_size,
		 struct sample *ret_sample);

/*
 * Whether the leaf and the generation are what they were when this was asked last; if
 * not, @sampler says what there is now. Each sample finds out: a guest that moved to
 * a host without the leaves would read garbage there that looks like counters.
 */
bool sampler_check_leaf(struct sampler *sampler);

/* CLOCK_BOOTTIME, CLOCK_REALTIME, and CPU time that this process has used, in nanoseconds. */
uint64_t sampler_boot_ns(void);
uint64_t sampler_wall_ns(void);
uint64_t sampler_cpu_ns(void);

#endif
