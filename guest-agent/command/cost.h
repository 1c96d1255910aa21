/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies between two samples of one VM: its exits and their share of time. Non-logging. */
#ifndef GUEST_AGENT_COST_H
#define GUEST_AGENT_COST_H

#include "guest-agent/shared/proto.h"

#define COST_REASONS 8			/* those with the most exits */

enum cost_has {
	COST_HAS_HANDLING = 1 << 0,
	COST_HAS_AWAY = 1 << 1,
	COST_HAS_SHARES = 1 << 2,	/* the TSC's frequency is known */
	COST_HAS_REASONS = 1 << 3,
};

struct cost_reason {
	uint32_t reason;
	const char *name;		/* NULL: none is known */
	uint64_t exits;
	uint64_t handling_cycles;
	uint64_t away_cycles;
};

struct cost {
	uint32_t has;			/* COST_HAS_* */
	double seconds;
	uint32_t vcpus;
	uint64_t exits;
	uint64_t handling_cycles;
	uint64_t away_cycles;		/* without idle */
	double cycles;			/* of all vCPUs in that time; with HAS_SHARES */
	struct cost_reason reasons[COST_REASONS];
	size_t reason_count;
	uint64_t other_exits;		/* of all other reasons */
};

/*
 * Returns 0, -ENODATA if one of the samples has no exits, or -ESTALE if they are not
 * of one VM: it has been replaced by another in between.
 */
int cost_compute(const struct proto_hello *hello, const struct sample *begin,
		 const struct sample *end, struct cost *ret_cost);

#endif
