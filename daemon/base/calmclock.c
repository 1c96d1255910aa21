/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/calmclock.h"

void calmclock_init(struct calmclock *clock, int64_t last_ns, int64_t steady_ns)
{
	*clock = (struct calmclock){ .known = last_ns > 0, .offset_ns = last_ns - steady_ns };
}

static bool is_leap(int64_t from_ns, int64_t to_ns)
{
	return to_ns - from_ns > CALMCLOCK_LEAP_NS;
}

static int64_t follow(struct calmclock *clock, int64_t offset_ns, int64_t wall_ns)
{
	clock->known = true;
	clock->waiting = false;
	clock->offset_ns = offset_ns;
	return wall_ns;
}

int64_t calmclock_now(struct calmclock *clock, int64_t wall_ns, int64_t steady_ns)
{
	int64_t offset_ns = wall_ns - steady_ns;

	if (!clock->known || !is_leap(clock->offset_ns, offset_ns))
		return follow(clock, offset_ns, wall_ns);
	if (!clock->waiting || is_leap(clock->leapt_ns, offset_ns) ||
	    is_leap(offset_ns, clock->leapt_ns)) {
		clock->waiting = true;
		clock->leapt_ns = offset_ns;
		clock->since_ns = steady_ns;
	}
	if (steady_ns - clock->since_ns >= CALMCLOCK_WAIT_NS)
		return follow(clock, offset_ns, wall_ns);
	return steady_ns + clock->offset_ns;
}
