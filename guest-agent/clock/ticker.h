/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A timer for pace: ready at an instant of CLOCK_BOOTTIME. Non-logging. */
#ifndef GUEST_AGENT_TICKER_H
#define GUEST_AGENT_TICKER_H

#include <stdint.h>

struct ticker {
	int fd;				/* to poll */
	uint64_t due_ns;		/* 0: not set */
};

/* Returns 0 or -errno. */
int ticker_init(struct ticker *ticker);
void ticker_done(struct ticker *ticker);

/* Be ready at @due_ns, or at once if that has passed. The same again costs nothing. */
void ticker_set(struct ticker *ticker, uint64_t due_ns);

/* It was ready: take note, and be it no more until it is set again. */
void ticker_expired(struct ticker *ticker);

#endif
