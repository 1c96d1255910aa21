/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/hostclock.h"

#include <time.h>

#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define T0 (1763874000 * S)

int main(void)
{
	struct hostclock clock = { 0 };
	struct timespec ts;
	int64_t now_ns;

	hostclock_look(&clock, T0, 100 * S);
	hostclock_look(&clock, T0 + 10 * S, 110 * S + 500000);
	ok(clock.set_back_ns == 0 && clock.steps == 0, "a clock that goes its way");
	hostclock_look(&clock, T0 + 100 * S, 111 * S);
	ok(clock.set_back_ns == 0 && clock.steps == 0, "one that is set forward hides nothing");
	hostclock_look(&clock, T0 + 21 * S, 112 * S);
	ok(clock.set_back_ns == 80 * S && clock.steps == 1, "one that is set back by 80 s");
	hostclock_look(&clock, T0 + 12 * S, 113 * S);
	ok(clock.set_back_ns == 90 * S && clock.steps == 2, "and by 10 s more");
	hostclock_look(&clock, T0 + 3011 * S, 3112 * S);
	ok(clock.set_back_ns == 90 * S, "is remembered");
	hostclock_look(&clock, T0 + 4011 * S, 4112 * S);
	ok(clock.set_back_ns == 0 && clock.steps == 2, "for an hour");

	clock = (struct hostclock){ 0 };
	clock_gettime(CLOCK_REALTIME, &ts);
	now_ns = hostclock_now(&clock);
	ok(now_ns >= ts.tv_sec * S && now_ns < (ts.tv_sec + 60) * S, "the time of day");
	for (int i = 0; i < 100000; i++)
		(void)hostclock_now(&clock);
	ok(clock.steps == 0, "100000 looks at a clock that nobody sets");
	return done_testing();
}
