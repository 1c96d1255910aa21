/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/guestclock.h"

#include <stdlib.h>
#include <string.h>

void guestclock_observe(struct guestclock *clock, uint64_t t_boot_ns, int64_t now_ns)
{
	/* Unsigned arithmetic: a guest may claim any time. */
	clock->offset_ns[clock->count++ % GUESTCLOCK_WINDOW] =
		(int64_t)((uint64_t)now_ns - t_boot_ns);
}

void guestclock_anchor(struct guestclock *clock, uint64_t t_boot_ns, int64_t host_ns)
{
	clock->anchored = true;
	clock->anchor_ns = (int64_t)((uint64_t)host_ns - t_boot_ns);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int64_t not_after(int64_t now_ns, int64_t offset_ns, uint64_t t_boot_ns)
{
	int64_t host_ns = (int64_t)((uint64_t)offset_ns + t_boot_ns);

	return host_ns < now_ns ? host_ns : now_ns;
}

int64_t guestclock_host_ns(const struct guestclock *clock, uint64_t t_boot_ns, int64_t now_ns,
			   uint32_t *ret_error_ns)
{
	unsigned int n = clock->count < GUESTCLOCK_WINDOW ? clock->count : GUESTCLOCK_WINDOW;
	int64_t sorted[GUESTCLOCK_WINDOW];
	uint64_t error_ns;

	*ret_error_ns = GUESTCLOCK_ERROR_NS;
	if (n == 0)
		return now_ns;
	memcpy(sorted, clock->offset_ns, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), by_value);
	error_ns = (uint64_t)sorted[n / 2] - (uint64_t)sorted[0];
	if (n >= GUESTCLOCK_ENOUGH)
		*ret_error_ns = error_ns < UINT32_MAX ? error_ns : UINT32_MAX;
	return not_after(now_ns, sorted[0], t_boot_ns);
}

int64_t guestclock_event_ns(const struct guestclock *clock, uint64_t t_boot_ns, int64_t now_ns)
{
	uint32_t error_ns;

	if (clock->anchored)
		return not_after(now_ns, clock->anchor_ns, t_boot_ns);
	return guestclock_host_ns(clock, t_boot_ns, now_ns, &error_ns);
}
