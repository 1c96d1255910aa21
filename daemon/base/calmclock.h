/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The time by which something old is thrown away. The host's clock may leap ahead by a year
 * and be set right again; what was thrown away in between would be gone. So a leap is
 * followed when it has lasted for a day; until then time goes on from where it was.
 * Non-logging, pure.
 */
#ifndef DAEMON_CALMCLOCK_H
#define DAEMON_CALMCLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A step of less is followed at once, as is any step back. */
#define CALMCLOCK_LEAP_NS (86400LL * 1000000000)
#define CALMCLOCK_WAIT_NS (86400LL * 1000000000)

/* Offsets are of wall time from a clock that never leaps and counts suspension. */
struct calmclock {
	bool known;
	int64_t offset_ns;		/* that is believed */
	bool waiting;			/* for another one to last: */
	int64_t leapt_ns;		/* that */
	int64_t since_ns;		/* of the steady clock */
};

/* Begin with wall time as it was last known, @last_ns; 0: never. */
void calmclock_init(struct calmclock *clock, int64_t last_ns, int64_t steady_ns);

/* Wall time as far as it is believed, when the clocks say so: never later than @wall_ns. */
int64_t calmclock_now(struct calmclock *clock, int64_t wall_ns, int64_t steady_ns);

#endif
