/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/guestclock.h"

#include "guest-agent/shared/tap.h"

#define S 1000000000LL

int main(void)
{
	struct guestclock clock = { 0 };

	ok(guestclock_host_ns(&clock, 5 * S, 100 * S) == 100 * S, "nothing known: time of arrival");

	/* Booted at 90 s of the host's clock; the network of delays adds to arrivals. */
	guestclock_observe(&clock, 5 * S, 95 * S + 70000000);
	guestclock_observe(&clock, 6 * S, 96 * S + 2000000);
	guestclock_observe(&clock, 7 * S, 97 * S + 40000000);
	ok(guestclock_host_ns(&clock, 7 * S, 97 * S + 40000000) == 97 * S + 2000000,
	   "the least delay counts");
	ok(guestclock_host_ns(&clock, 1 * S, 98 * S) == 91 * S + 2000000,
	   "a sample that waited gets the time when it was taken");
	ok(guestclock_host_ns(&clock, 20 * S, 98 * S) == 98 * S, "no sample is from the future");

	/* Paused for 60 s: the offset is larger from then on. */
	for (int i = 0; i < GUESTCLOCK_WINDOW; i++)
		guestclock_observe(&clock, (8 + i) * S, (158 + i) * S + 1000000);
	ok(guestclock_host_ns(&clock, 40 * S, 300 * S) == 190 * S + 1000000,
	   "a pause is forgotten after the window");

	guestclock_observe(&clock, UINT64_MAX, 300 * S);
	ok(guestclock_host_ns(&clock, UINT64_MAX, 300 * S) <= 300 * S, "an absurd time is harmless");
	return done_testing();
}
