/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How often something may be done whose cost depends on the guest: at most once a
 * second, and more seldom the longer it takes. Non-logging, no allocation.
 */
#ifndef GUEST_AGENT_RATION_H
#define GUEST_AGENT_RATION_H

#include <stdbool.h>
#include <stdint.h>

#define RATION_MIN_NS 1000000000ULL
#define RATION_MAX_NS 60000000000ULL
#define RATION_SHARE 500		/* of the time between: one part in so many */

/* Zero-initialised: due at once. */
struct ration {
	uint64_t due_ns;
	uint64_t cpu_ns;		/* when it began */
};

/* Whether it may be done at @now_ns; if so, it begins when the agent had used @cpu_ns. */
bool ration_begin(struct ration *ration, uint64_t now_ns, uint64_t cpu_ns);

/* It is done. */
void ration_end(struct ration *ration, uint64_t now_ns, uint64_t cpu_ns);

#endif
