/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/hostclock.h"

#include <time.h>

/* Less than this is the time between two looks, or a clock being slewed. */
#define STEP_NS 1000000

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

void hostclock_look(struct hostclock *clock, int64_t realtime_ns, int64_t boottime_ns)
{
	int64_t offset_ns = realtime_ns - boottime_ns;

	if (boottime_ns > clock->forget_ns)
		clock->set_back_ns = 0;
	if (clock->offset_ns && clock->offset_ns - offset_ns > STEP_NS) {
		clock->set_back_ns += clock->offset_ns - offset_ns;
		clock->steps++;
		clock->forget_ns = boottime_ns + HOSTCLOCK_REMEMBER_NS;
	}
	clock->offset_ns = offset_ns;
}

int64_t hostclock_now(struct hostclock *clock)
{
	int64_t before_ns = clock_ns(CLOCK_BOOTTIME);
	int64_t realtime_ns = clock_ns(CLOCK_REALTIME);
	int64_t after_ns = clock_ns(CLOCK_BOOTTIME);

	/* Put off the processor in between: nothing to compare. */
	if (after_ns - before_ns < STEP_NS / 2)
		hostclock_look(clock, realtime_ns, after_ns);
	return realtime_ns;
}
