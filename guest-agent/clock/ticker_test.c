/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/clock/ticker.h"

#include <poll.h>
#include <time.h>

#include "guest-agent/shared/tap.h"

#define MS 1000000ULL

static uint64_t boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static bool ready(const struct ticker *ticker, int timeout_ms)
{
	struct pollfd p = { .fd = ticker->fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1 && p.revents & POLLIN;
}

int main(void)
{
	struct ticker ticker;
	uint64_t due_ns;

	ok(ticker_init(&ticker) == 0 && !ready(&ticker, 0), "a new one is not ready");
	due_ns = boot_ns() + 50 * MS;
	ticker_set(&ticker, due_ns);
	ok(!ready(&ticker, 0), "nor before its time");
	ok(ready(&ticker, 5000) && boot_ns() >= due_ns, "but then");
	ok(ready(&ticker, 0), "and it stays so");
	ticker_expired(&ticker);
	ok(!ready(&ticker, 0), "until that is noted");
	ticker_set(&ticker, due_ns);
	ok(ready(&ticker, 5000), "a time that has passed: at once, also if it was the last");
	ticker_expired(&ticker);
	ticker_set(&ticker, boot_ns() + 3600000 * MS);
	ticker_expired(&ticker);
	ok(!ready(&ticker, 0), "noting what was not ready changes nothing");
	ticker_set(&ticker, boot_ns() + 1 * MS);
	ok(ready(&ticker, 5000), "an earlier time replaces a later one");
	ticker_done(&ticker);
	ok(ticker.fd == -1, "gone");
	return done_testing();
}
