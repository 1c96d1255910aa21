/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host time of a guest's sample, on a host whose leaf has no clock.
 *
 * A frame cannot arrive before it was sent, so the smallest difference between
 * arrival (host's CLOCK_REALTIME) and the guest's CLOCK_BOOTTIME in it is the
 * nearest to the true offset. Only the latest differences count: a guest that was
 * paused has a larger offset ever after. Non-logging.
 */
#ifndef DAEMON_GUESTCLOCK_H
#define DAEMON_GUESTCLOCK_H

#include <stdint.h>

#define GUESTCLOCK_WINDOW 32

/* Zero-initialise. */
struct guestclock {
	int64_t offset_ns[GUESTCLOCK_WINDOW];
	unsigned int count;	/* observed ever */
};

/* A frame made at @t_boot_ns of the guest arrived at @now_ns without having waited. */
void guestclock_observe(struct guestclock *clock, uint64_t t_boot_ns, int64_t now_ns);

/* Host time of @t_boot_ns, never later than @now_ns; @now_ns before any observation. */
int64_t guestclock_host_ns(const struct guestclock *clock, uint64_t t_boot_ns, int64_t now_ns);

#endif
