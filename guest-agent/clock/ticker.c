/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/clock/ticker.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define NS_PER_S 1000000000ULL

int ticker_init(struct ticker *ticker)
{
	ticker->due_ns = 0;
	ticker->fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	return ticker->fd < 0 ? -errno : 0;
}

void ticker_done(struct ticker *ticker)
{
	if (ticker->fd >= 0)
		close(ticker->fd);
	ticker->fd = -1;
}

void ticker_set(struct ticker *ticker, uint64_t due_ns)
{
	struct itimerspec timer = {
		.it_value = { due_ns / NS_PER_S, due_ns % NS_PER_S },
	};

	if (due_ns == ticker->due_ns)
		return;
	ticker->due_ns = due_ns;
	(void)timerfd_settime(ticker->fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

void ticker_expired(struct ticker *ticker)
{
	uint64_t times;

	if (read(ticker->fd, &times, sizeof(times)) == sizeof(times))
		ticker->due_ns = 0;
}
