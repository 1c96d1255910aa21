/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's CLOCK_REALTIME, and how far somebody set it back lately: what was dated
 * before that seems to lie in the future, and is no lie. Non-logging.
 */
#ifndef DAEMON_HOSTCLOCK_H
#define DAEMON_HOSTCLOCK_H

#include <stdint.h>

/* Samples may wait so long in an agent. */
#define HOSTCLOCK_REMEMBER_NS 3600000000000LL

/* Zero-initialise. */
struct hostclock {
	int64_t offset_ns;	/* CLOCK_REALTIME minus CLOCK_BOOTTIME, at the last look; 0: none */
	int64_t set_back_ns;
	int64_t forget_ns;	/* CLOCK_BOOTTIME */
	unsigned int steps;	/* so often it was set back, ever */
};

/* CLOCK_REALTIME in ns. */
int64_t hostclock_now(struct hostclock *clock);

/* The same with both clocks given. */
void hostclock_look(struct hostclock *clock, int64_t realtime_ns, int64_t boottime_ns);

#endif
