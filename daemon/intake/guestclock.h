/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host time of what a guest dates by its CLOCK_BOOTTIME. Non-logging.
 *
 * Where the leaf has a clock each sample brings its own host time, and the last one
 * relates CLOCK_BOOTTIME to it for marks and gaps (guestclock_anchor()).
 *
 * Elsewhere the arrival has to do. A frame cannot arrive before it was sent, so the
 * smallest difference between arrival (host's CLOCK_REALTIME) and the guest's
 * CLOCK_BOOTTIME in it is the nearest to the true offset. Only the latest
 * differences count: a guest that was paused has a larger offset ever after. What
 * even the quickest frame needed cannot be seen; it is taken to be no more than half
 * of the frames needed beyond that one, which is the error that is stored.
 *
 * The guest's CLOCK_REALTIME has no part in any of this.
 */
#ifndef DAEMON_GUESTCLOCK_H
#define DAEMON_GUESTCLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define GUESTCLOCK_WINDOW 32
/* With fewer observations than this the error is not known and said to be a second. */
#define GUESTCLOCK_ENOUGH 3
#define GUESTCLOCK_ERROR_NS 1000000000U

/* Zero-initialise. */
struct guestclock {
	int64_t offset_ns[GUESTCLOCK_WINDOW];
	unsigned int count;	/* observed ever */
	bool anchored;
	int64_t anchor_ns;	/* host's clock minus CLOCK_BOOTTIME */
};

/* A frame made at @t_boot_ns of the guest arrived at @now_ns without having waited. */
void guestclock_observe(struct guestclock *clock, uint64_t t_boot_ns, int64_t now_ns);

/* It was @host_ns when it was @t_boot_ns in the guest. */
void guestclock_anchor(struct guestclock *clock, uint64_t t_boot_ns, int64_t host_ns);

/*
 * Host time of @t_boot_ns by arrivals, never later than @now_ns; @now_ns before any
 * observation.
 */
int64_t guestclock_host_ns(const struct guestclock *clock, uint64_t t_boot_ns, int64_t now_ns,
			   uint32_t *ret_error_ns);

/* Host time of an event: by the anchor if there is one, else by arrivals. Not after @now_ns. */
int64_t guestclock_event_ns(const struct guestclock *clock, uint64_t t_boot_ns, int64_t now_ns);

#endif
