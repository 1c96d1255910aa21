/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the host source reads, and what it makes of answers: decisions without
 * clocks or threads. Times are CLOCK_MONOTONIC unless called wall. Non-logging.
 */
#ifndef DAEMON_HOSTPLAN_H
#define DAEMON_HOSTPLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/host/virtstats.h"

/* QEMU is stuck when it leaves a question unanswered for so long. */
#define HOSTPLAN_STUCK_NS 5000000000LL

struct hostplan_rates {
	int64_t interval_ns;
	int64_t boot_interval_ns;	/* while a domain boots */
	int64_t boot_ns;		/* for so long */
};

/* Between two readings of a VM whose boot began at @booted_wall_ns (0: nobody saw that). */
int64_t hostplan_interval(const struct hostplan_rates *rates, int64_t booted_wall_ns,
			  int64_t now_wall_ns);

/*
 * The time of the reading after the one due at @due_ns, which is done by @now_ns.
 * Readings that were missed are left out.
 */
int64_t hostplan_next(int64_t due_ns, int64_t now_ns, int64_t interval_ns);

/* Whether a call begun at @begun_ns, when calls take @usual_ns, waits for a stuck QEMU. */
bool hostplan_is_late(int64_t begun_ns, int64_t now_ns, int64_t usual_ns);

/* What calls usually take, after one of @took_ns. */
int64_t hostplan_usual(int64_t usual_ns, int64_t took_ns);

/*
 * Since when a QEMU is stuck: wall time, or 0 if it is not. @since_wall_ns is what
 * was known before.
 */
int64_t hostplan_stuck(int64_t since_wall_ns, enum virtstats_answer answer, int64_t occupied_ms,
		       int64_t now_wall_ns);

/* The same of a QEMU without libvirt, by the state of its process in /proc. */
int64_t hostplan_halted(int64_t since_wall_ns, char state, int64_t *halted_wall_ns,
			int64_t now_wall_ns);

#endif
