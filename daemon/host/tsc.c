/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host/tsc.h"

#include <time.h>
#include <x86intrin.h>

#define LEAST_NS 1000000000LL
#define TRIES 5

static int64_t raw_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Of some tries the one that was interrupted least. */
static void read_both(struct tsc *ret_both)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = __rdtsc();
		int64_t now_ns = raw_ns();
		uint64_t width = __rdtsc() - before;

		if (width < best) {
			best = width;
			*ret_both = (struct tsc){ before + width / 2, now_ns };
		}
	}
}

void tsc_begin(struct tsc *begin)
{
	*begin = (struct tsc){ 0 };
	read_both(begin);
}

uint32_t tsc_khz_between(const struct tsc *begin, const struct tsc *end)
{
	int64_t ns = end->raw_ns - begin->raw_ns;
	double khz = ns > 0 ? (end->tsc - begin->tsc) / (ns / 1e6) : 0;

	return ns < LEAST_NS || khz > UINT32_MAX ? 0 : (uint32_t)(khz + 0.5);
}

uint32_t tsc_khz(const struct tsc *begin)
{
	struct tsc now = { 0 };

	read_both(&now);
	return tsc_khz_between(begin, &now);
}
