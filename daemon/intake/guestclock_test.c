/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/guestclock.h"

#include "guest-agent/shared/tap.h"

#define S 1000000000LL

static uint32_t error_ns;

static int64_t host_ns(const struct guestclock *clock, uint64_t t_boot_ns, int64_t now_ns)
{
	return guestclock_host_ns(clock, t_boot_ns, now_ns, &error_ns);
}

static void test_arrivals(void)
{
	struct guestclock clock = { 0 };

	ok(host_ns(&clock, 5 * S, 100 * S) == 100 * S && error_ns == GUESTCLOCK_ERROR_NS,
	   "nothing known: time of arrival, with an error of a second");

	/* Booted at 90 s of the host's clock; the network of delays adds to arrivals. */
	guestclock_observe(&clock, 5 * S, 95 * S + 70000000);
	ok(host_ns(&clock, 5 * S, 96 * S) == 95 * S + 70000000 && error_ns == GUESTCLOCK_ERROR_NS,
	   "one arrival gives a time, but not its error");
	guestclock_observe(&clock, 6 * S, 96 * S + 2000000);
	guestclock_observe(&clock, 7 * S, 97 * S + 40000000);
	ok(host_ns(&clock, 7 * S, 97 * S + 40000000) == 97 * S + 2000000, "the least delay counts");
	ok(error_ns == 38000000, "half of the frames needed at most 38 ms more, which is the error");
	ok(host_ns(&clock, 1 * S, 98 * S) == 91 * S + 2000000,
	   "a sample that waited gets the time when it was taken");
	ok(host_ns(&clock, 20 * S, 98 * S) == 98 * S, "no sample is from the future");

	/* Paused for 60 s: the offset is larger from then on. */
	for (int i = 0; i < GUESTCLOCK_WINDOW / 2; i++)
		guestclock_observe(&clock, (8 + i) * S, (158 + i) * S + 1000000);
	ok(host_ns(&clock, 20 * S, 170 * S) == 110 * S + 2000000 && error_ns > 4000000000U,
	   "at first a pause shows in the error");
	for (int i = 0; i < GUESTCLOCK_WINDOW; i++)
		guestclock_observe(&clock, (8 + i) * S, (158 + i) * S + 1000000);
	ok(host_ns(&clock, 40 * S, 300 * S) == 190 * S + 1000000 && error_ns == 0,
	   "and is forgotten after the window");

	guestclock_observe(&clock, UINT64_MAX, 300 * S);
	ok(host_ns(&clock, UINT64_MAX, 300 * S) <= 300 * S, "an absurd time is harmless");
}

static void test_events(void)
{
	struct guestclock clock = { 0 };

	guestclock_observe(&clock, 5 * S, 95 * S + 70000000);
	ok(guestclock_event_ns(&clock, 6 * S, 200 * S) == 96 * S + 70000000,
	   "an event is dated by arrivals where the leaf has no clock");
	guestclock_anchor(&clock, 5 * S, 95 * S);
	ok(guestclock_event_ns(&clock, 6 * S, 200 * S) == 96 * S, "by the leaf's clock where it has");
	ok(guestclock_event_ns(&clock, 2 * S, 200 * S) == 92 * S, "also one before that reading");
	ok(guestclock_event_ns(&clock, 500 * S, 200 * S) == 200 * S, "but none from the future");
	guestclock_anchor(&clock, UINT64_MAX, INT64_MAX);
	ok(guestclock_event_ns(&clock, UINT64_MAX, 200 * S) <= 200 * S, "absurd times are harmless");
}

int main(void)
{
	test_arrivals();
	test_events();
	return done_testing();
}
