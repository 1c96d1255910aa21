/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time that only goes forward. Non-logging. */
#ifndef DAEMON_MONOTONIC_H
#define DAEMON_MONOTONIC_H

#include <stdint.h>
#include <time.h>

/* Milliseconds since some time before. */
static inline int64_t monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

#endif
