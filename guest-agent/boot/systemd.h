/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the guest's boot reached what, from systemd. It tells that by D-Bus only, and
 * systemctl is the way to it that systemd promises to keep: it is run a few times in
 * a boot, with a time-out, and nothing waits for it. Non-logging.
 */
#ifndef GUEST_AGENT_SYSTEMD_H
#define GUEST_AGENT_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Microseconds of CLOCK_MONOTONIC; 0: not reached, or not known. */
struct systemd_times {
	uint64_t initrd_us;		/* systemd began in the initrd */
	uint64_t userspace_us;		/* and in the system's root */
	uint64_t finish_us;
};

struct systemd_query {
	pid_t pid;			/* 0: none runs */
	int fd;				/* what it prints; -1 */
	uint64_t until_ns;
	char text[512];
	size_t len;
};

void systemd_init(struct systemd_query *query);
/* Ends a query that runs. */
void systemd_done(struct systemd_query *query);

/* Whether systemd is this system's init. */
bool systemd_is_there(void);

/* Start systemctl, or @program in its place. Returns 0 or -errno. */
int systemd_ask(struct systemd_query *query, const char *program, uint64_t now_ns);

/* 0 with the times, -EAGAIN while it runs, -EIO if it failed or took too long. */
int systemd_answer(struct systemd_query *query, uint64_t now_ns, struct systemd_times *ret_times);

#endif
