/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/workload/ration.h"

#include "guest-agent/shared/tap.h"

#define MS 1000000ULL
#define S (1000 * MS)

/* How often it is done in @seconds if it is asked for ten times a second. */
static unsigned int times(uint64_t cost_ns, unsigned int seconds)
{
	struct ration ration = { 0 };
	uint64_t cpu_ns = 0;
	unsigned int n = 0;

	for (uint64_t now_ns = 500 * S; now_ns < (500 + seconds) * S; now_ns += 100 * MS) {
		cpu_ns += 17;
		if (!ration_begin(&ration, now_ns, cpu_ns))
			continue;
		cpu_ns += cost_ns;
		ration_end(&ration, now_ns + cost_ns, cpu_ns);
		n++;
	}
	return n;
}

int main(void)
{
	ok(times(100000, 100) == 100, "what is cheap: once a second, not more");
	ok(times(10 * MS, 100) == 20, "what takes 10 ms: every 5 s");
	ok(times(500 * MS, 600) == 10, "what takes half a second: once a minute, not less");
	return done_testing();
}
