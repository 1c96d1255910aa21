/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/workload/ration.h"

/* A tick that comes a bit early is still the one after a second. */
#define SLACK_NS (RATION_MIN_NS / 20)

bool ration_begin(struct ration *ration, uint64_t now_ns, uint64_t cpu_ns)
{
	if (now_ns + SLACK_NS < ration->due_ns)
		return false;
	ration->cpu_ns = cpu_ns;
	return true;
}

void ration_end(struct ration *ration, uint64_t now_ns, uint64_t cpu_ns)
{
	uint64_t pause = (cpu_ns - ration->cpu_ns) * RATION_SHARE;

	if (pause < RATION_MIN_NS)
		pause = RATION_MIN_NS;
	if (pause > RATION_MAX_NS)
		pause = RATION_MAX_NS;
	ration->due_ns = now_ns + pause;
}
