/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One reading of one VM's counters: what the agent sends, what the channel and
 * the host source hand to the store.
 */
#ifndef GUEST_AGENT_SHARED_SAMPLE_H
#define GUEST_AGENT_SHARED_SAMPLE_H

#include "guest-agent/shared/workload.h"

enum sample_has {
	SAMPLE_HAS_EXITS = 1 << 0,
	SAMPLE_HAS_HANDLING = 1 << 1,
	SAMPLE_HAS_GENERATION = 1 << 2,
};

struct sample {
	uint64_t sequence;		/* above 0, grows within a boot */
	uint64_t t_boot_ns;		/* guest's CLOCK_BOOTTIME; 0 from the host source */
	uint64_t t_wall_ns;		/* sender: its CLOCK_REALTIME; store: host's */
	uint32_t has;			/* SAMPLE_HAS_* */
	uint64_t exits;			/* since the VM was created */
	uint64_t handling_cycles;	/* host TSC cycles, since the VM was created */
	uint64_t generation;
	struct workload workload;
};

#endif
