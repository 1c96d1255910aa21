/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One reading of one VM's counters: what the agent sends, what the channel and
 * the host source hand to the store.
 */
#ifndef GUEST_AGENT_SHARED_SAMPLE_H
#define GUEST_AGENT_SHARED_SAMPLE_H

#include <stddef.h>

#include "guest-agent/shared/workload.h"

enum sample_has {
	SAMPLE_HAS_EXITS = 1 << 0,
	SAMPLE_HAS_HANDLING = 1 << 1,
	SAMPLE_HAS_GENERATION = 1 << 2,
	SAMPLE_HAS_AWAY = 1 << 3,	/* away and idle */
	SAMPLE_HAS_CLOCK = 1 << 4,
	SAMPLE_HAS_PACE = 1 << 5,
	SAMPLE_HAS_AGENT = 1 << 6,	/* agent_exits */
	SAMPLE_HAS_TAKEN = 1 << 7,
	/* Of the store only. */
	SAMPLE_HAS_CLOCK_ERROR = 1 << 8,	/* of t_wall_ns; older versions stored none */
	SAMPLE_AFTER_GAP = 1 << 9,	/* samples before it are missing */
};

/* Why samples are taken at the rate at which they are. Numbers are on the wire. */
enum sample_pace {
	SAMPLE_PACE_CONFIGURED = 0,
	SAMPLE_PACE_BOOT = 1,		/* the guest is young */
	SAMPLE_PACE_HOST = 2,		/* the host asked for it */
	SAMPLE_PACE_BUDGET = 3,		/* slower, since the agent would cost too much */
};

struct sample {
	uint64_t sequence;		/* above 0, grows within a boot */
	uint64_t t_boot_ns;		/* guest's CLOCK_BOOTTIME; 0 from the host source */
	uint64_t t_wall_ns;		/* sender: its CLOCK_REALTIME; store: host's */
	uint32_t has;			/* SAMPLE_HAS_* */
	/* Counters since the VM was created; cycles are the host's TSC's. */
	uint64_t exits;
	uint64_t handling_cycles;
	uint64_t away_cycles;		/* of all reasons, without idle */
	uint64_t idle_cycles;
	uint64_t generation;		/* of the VM that these counters belong to */
	uint64_t host_ns;		/* host's CLOCK_REALTIME at the reading */
	uint64_t guest_tsc;		/* guest's TSC at host_ns */
	uint32_t clock_error_ns;	/* the reading may be so far from host_ns */
	uint32_t interval_us;		/* between samples, as of now */
	enum sample_pace pace;
	uint64_t agent_exits;		/* caused by the agent since it started */
	uint64_t taken;			/* samples that the agent took since then, with this one */
	struct workload workload;
	/* Lists in the form of detail.h; they belong to who made the sample. */
	const uint8_t *detail;
	size_t detail_len;
};

#endif
