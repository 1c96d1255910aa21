/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rate of the host's TSC, which divides KVM's cycles into time. Non-logging. */
#ifndef DAEMON_TSC_H
#define DAEMON_TSC_H

#include <stdint.h>

struct tsc {
	uint64_t tsc;
	int64_t raw_ns;			/* CLOCK_MONOTONIC_RAW, read with it */
};

void tsc_begin(struct tsc *begin);

/* kHz, measured since tsc_begin(); 0 within the first second. */
uint32_t tsc_khz(const struct tsc *begin);

/* The same from both readings. */
uint32_t tsc_khz_between(const struct tsc *begin, const struct tsc *end);

#endif
