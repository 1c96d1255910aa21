/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When samples are due: as configured, faster while the guest is young, as the host
 * wishes, and slower where the agent would cost the guest too much. Pure logic, on
 * times that are given. Non-logging, no allocation.
 *
 * Ticks are the whole multiples of the interval on CLOCK_BOOTTIME, so nothing
 * drifts, whatever each tick takes.
 */
#ifndef GUEST_AGENT_PACE_H
#define GUEST_AGENT_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-agent/shared/sample.h"

#define PACE_INTERVAL_MIN_MS 10
#define PACE_INTERVAL_MAX_MS 10000

struct pace_settings {
	unsigned int interval_ms;
	unsigned int boot_interval_ms;	/* if that is less */
	unsigned int boot_s;		/* so long is the guest young; 0: never */
	unsigned int host_min_ms;	/* the host gets no shorter interval; 0: none at all */
	unsigned int cpu_budget;	/* per mille of a CPU; 0: any */
	unsigned int exit_budget;	/* exits a second; 0: any */
};

struct pace {
	struct pace_settings settings;
	uint32_t wish_ms;		/* of the host; 0: none */
	uint32_t floor_ms;		/* of the budget; 0: none */
	uint32_t interval_ms;		/* now */
	enum sample_pace why;
	uint64_t due_ns;

	/* What the agent had used when the budget was last looked at. */
	bool accounting;
	uint64_t since_ns, cpu_ns, exits;
	unsigned int ticks, calm;	/* since then; looks in a row with room for more */
};

/* The first sample is due at once. Times are CLOCK_BOOTTIME, here and below. */
void pace_init(struct pace *pace, const struct pace_settings *settings, uint64_t now_ns);

/*
 * Go on from a sample that was taken at @sampled_ns, also by another agent: what was due
 * since counts as missed at the next tick.
 */
void pace_go_on(struct pace *pace, uint64_t sampled_ns);

/* The host wants a sample every @interval_us; 0: as the agent sees fit. */
void pace_wish(struct pace *pace, uint32_t interval_us, uint64_t now_ns);

/*
 * Time has passed. True if a sample is due now, with the number of those that were
 * due before and have not been taken. Sets when the next is.
 */
bool pace_tick(struct pace *pace, uint64_t now_ns, uint64_t *ret_missed);

/* When the next sample is due. It may change with every call of the others. */
uint64_t pace_due_ns(const struct pace *pace);

/*
 * After each tick's work: what the agent has used in all, CPU time and exits (0 if
 * nobody counts them). Over its budget (ten times that while the guest is young) the
 * interval is doubled; when half of it would do for a while, halved again.
 */
void pace_account(struct pace *pace, uint64_t now_ns, uint64_t cpu_ns, uint64_t exits);

/* Say in a sample how often they are taken now, and why. */
void pace_describe(const struct pace *pace, struct sample *sample);

#endif
