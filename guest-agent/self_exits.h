/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The exits that the agent itself causes. Non-logging, no allocation.
 *
 * CPUIDs are counted as they are executed. What else happens between begin and end
 * of the agent's work (a write to the port notifies the host) is the difference of
 * its vCPU's own count, at most twice a second. What waking it costs (HLT, the
 * timer, interrupts, programming the next) lies outside of its work, mixed with
 * what the guest does anyway. So it is learned in rounds, a few in the first minutes
 * and seldom afterwards, in which the agent wakes every 20 ms from a tick until the
 * host's answer: in so short a time a guest that is idle mostly does nothing else,
 * and the mean of the middle half is what waking costs. Of a busy guest nothing is
 * learned, so what was learned before, or a guess, goes on.
 */
#ifndef GUEST_AGENT_SELF_EXITS_H
#define GUEST_AGENT_SELF_EXITS_H

#include "guest-agent/leaf/leaf.h"

#define SELF_EXITS_CPUS 256
#define SELF_EXITS_KEPT 20		/* values of which the middle half counts */
#define SELF_EXITS_UNIT 256		/* of what is added up: so many are an exit */

/* Why the agent woke. */
enum self_exits_why {
	SELF_EXITS_TICK,		/* a sample is due */
	SELF_EXITS_NAP,			/* self_exits_nap_ms() have passed */
	SELF_EXITS_OTHER,		/* the port, most of all */
};

/* The last values of something, and what counts until there are any. */
struct self_exits_learned {
	int32_t value[SELF_EXITS_KEPT];		/* in units; less than none after a subtraction */
	unsigned int count, next;
	int32_t guess;
};

struct self_exits {
	struct leaf_cpu *cpu;
	const struct leaf *leaf;
	uint64_t other;			/* all but CPUIDs; in units */
	uint16_t vcpu_of[SELF_EXITS_CPUS];	/* + 1; 0: not asked yet */

	/* Of the work being done. */
	enum self_exits_why why;
	bool measuring;
	uint32_t vcpu;			/* that does it */
	uint64_t asked, exits, begun_ns;	/* when it began */
	uint64_t measured_ns;
	bool wrote;			/* in the last work */

	bool round;			/* being learned */
	uint64_t total;			/* exits of the VM when the agent last went to sleep in it */
	uint64_t round_end_ns, next_round_ns, pause_ns;

	struct self_exits_learned wake;		/* waking by the timer */
	struct self_exits_learned answer;	/* by the port */
	struct self_exits_learned written;	/* what follows a write */
	struct self_exits_learned work_wrote;	/* between begin and end, without CPUIDs */
	struct self_exits_learned work_quiet;
};

/* @cpu and @leaf are the caller's, and kept. */
void self_exits_init(struct self_exits *self, struct leaf_cpu *cpu, const struct leaf *leaf);

/* The leaf is another: forget what was learned. What was counted stays. */
void self_exits_moved(struct self_exits *self);

/* Around everything that is done between two polls; @now_ns of any steady clock. */
void self_exits_begin(struct self_exits *self, enum self_exits_why why, uint64_t now_ns);
void self_exits_end(struct self_exits *self, bool wrote, uint64_t now_ns);

/* Timeout of the next poll in milliseconds; -1: none. */
int self_exits_nap_ms(const struct self_exits *self);

/* Since the start. False without a leaf, which would count them. */
bool self_exits_count(const struct self_exits *self, uint64_t *ret_exits);

#endif
