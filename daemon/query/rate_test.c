/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/rate.h"

#include <math.h>

#include "guest-agent/shared/tap.h"

#define S 1000000000LL

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fabs(b);
}

static struct sample at(int64_t t_s, uint64_t exits, uint64_t cycles)
{
	return (struct sample){
		.t_wall_ns = t_s * S,
		.has = SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING,
		.exits = exits,
		.handling_cycles = cycles,
	};
}

int main(void)
{
	struct boot created = { .cause = BOOT_CREATED, .opened_ns = 100 * S, .vcpus = 2,
				.tsc_khz = 2000000 };
	struct boot found = { .cause = BOOT_FOUND, .opened_ns = 100 * S, .vcpus = 2 };
	struct sample a = at(104, 4000, 0), b = at(106, 5000, 800000000), c = at(108, 4999, 0);
	double dt = 0, amount = 0;

	ok(rate_interval(&created, &a, &b, RATE_COUNT, &dt, &amount) && near(dt, 2) &&
		   near(amount, 1000),
	   "exits between two samples");
	ok(rate_interval(&created, &a, &b, RATE_HANDLING, &dt, &amount) && near(amount / dt, 0.1),
	   "0.8e9 cycles at 2 GHz on 2 vCPUs in 2 s: a tenth");
	ok(!rate_interval(&found, &a, &b, RATE_HANDLING, &dt, &amount),
	   "no share without the TSC's frequency");
	ok(rate_interval(&created, NULL, &a, RATE_COUNT, &dt, &amount) && near(dt, 4) &&
		   near(amount, 4000),
	   "creation seen: the first interval begins there, at zero");
	ok(!rate_interval(&found, NULL, &a, RATE_COUNT, &dt, &amount),
	   "creation not seen: no first interval");
	ok(!rate_interval(&created, &b, &c, RATE_COUNT, &dt, &amount),
	   "a counter that fell gives no rate");
	ok(!rate_interval(&created, &b, &a, RATE_COUNT, &dt, &amount),
	   "time that did not pass gives no rate");
	ok(!rate_interval(&created, &a, &b, RATE_LOST, &dt, &amount), "no cycles away, no lost share");
	a.has |= SAMPLE_HAS_AWAY;
	b.has |= SAMPLE_HAS_AWAY;
	a.away_cycles = 1000000000;
	b.away_cycles = 3000000000;
	b.idle_cycles = 4000000000;
	ok(rate_interval(&created, &a, &b, RATE_LOST, &dt, &amount) && near(amount / dt, 0.25),
	   "2e9 cycles away at 2 GHz on 2 vCPUs in 2 s are a quarter lost, idle aside");
	b.has = 0;
	ok(!rate_interval(&created, &a, &b, RATE_COUNT, &dt, &amount),
	   "a missing value gives no rate");
	return done_testing();
}
