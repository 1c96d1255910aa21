/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/guestclock.h"

void guestclock_observe(struct guestclock *clock, uint64_t t_boot_ns, int64_t now_ns)
{
	/* Unsigned arithmetic: a guest may claim any time. */
	clock->offset_ns[clock->count++ % GUESTCLOCK_WINDOW] =
		(int64_t)((uint64_t)now_ns - t_boot_ns);
}

int64_t guestclock_host_ns(const struct guestclock *clock, uint64_t t_boot_ns, int64_t now_ns)
{
	unsigned int n = clock->count < GUESTCLOCK_WINDOW ? clock->count : GUESTCLOCK_WINDOW;
	int64_t host_ns, least;

	if (n == 0)
		return now_ns;
	least = clock->offset_ns[0];
	for (unsigned int i = 1; i < n; i++) {
		if (clock->offset_ns[i] < least)
			least = clock->offset_ns[i];
	}
	host_ns = (int64_t)((uint64_t)least + t_boot_ns);
	return host_ns < now_ns ? host_ns : now_ns;
}
