/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What to look at: rules that compare what was counted with thresholds, and what a figure that
 * is above one may mean and what can be done. Non-logging, pure.
 */
#ifndef DAEMON_FINDINGS_H
#define DAEMON_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/report/explain.h"

/*
 * Rules of classes of exits: X(class, rate, count, time). One speaks when its exits are at least
 * `rate` a second and vCPU and at least a share of `count` of all exits, or when they take a
 * share of at least `time` of the vCPUs' time: time away from the guest where that is known,
 * else time for handling. vmexit-http(7) has this table.
 */
#define FINDINGS_CLASS_RULES(X) \
	X(halt, 1000, 0.3, 0.03) \
	X(memory, 500, 0.2, 0.02) \
	X(mmio, 1000, 0.2, 0.02) \
	X(port, 500, 0.2, 0.02) \
	X(msr, 2000, 0.3, 0.02) \
	X(interrupt, 1000, 0.3, 0.02) \
	X(window, 1000, 0.2, 0.02) \
	X(timer, 1000, 0.3, 0.02) \
	X(apic, 1000, 0.2, 0.02) \
	X(pause, 200, 0.05, 0.01) \
	X(cpuid, 500, 0.2, 0.02) \
	X(control, 500, 0.2, 0.02) \
	X(debug, 100, 0.05, 0.01) \
	X(exception, 500, 0.1, 0.02) \
	X(clock, 1000, 0.1, 0.02) \
	X(hypercall, 1000, 0.2, 0.02) \
	X(nested, 500, 0.2, 0.02) \
	X(cache, 200, 0.05, 0.01)

/* Other rules: X(id, threshold), a share. */
#define FINDINGS_OTHER_RULES(X) \
	X(lost, 0.05)		/* of the vCPUs' time, lost to all exits */ \
	X(steal, 0.02)		/* of the vCPUs' time, when the host ran others */ \
	X(bursty, 0.1)		/* of all exits, in bursts above the base rate */ \
	X(phase, 0.5)		/* of all exits, in a phase of at most half that share of the time */ \
	X(agent, 0.01)		/* of all exits, caused by the agent */

enum findings_rule {
#define X(class, rate, count, time) FINDINGS_RULE_##class,
	FINDINGS_CLASS_RULES(X)
#undef X
#define X(id, threshold) FINDINGS_RULE_##id,
	FINDINGS_OTHER_RULES(X)
#undef X
	FINDINGS_RULES_COUNT
};

/* A share, or that it is not known. */
struct findings_share {
	bool known;
	double share;
};

/* What of one class happened. */
struct findings_class {
	uint64_t count;
	double away_s, handling_s;
	uint32_t number;		/* of its reason with the largest count */
	uint64_t number_count;
};

struct findings_facts {
	uint32_t reason_namespace;	/* 0: reasons are not known */
	double seconds;			/* that exits were counted in */
	double vcpu_s;			/* of all vCPUs; 0: not known */
	uint64_t exits;			/* in these */
	bool has_away, has_handling;	/* times are known */
	struct findings_class classes[EXPLAIN_CLASSES_COUNT];
	struct findings_share lost, steal, agent;
	struct {
		bool any;
		size_t count;
		double share;		/* of the exits, above the base rate */
		double rate, base, seconds, after;	/* of the largest; after: from the begin */
	} bursts;
	struct {
		const char *name;	/* the one with the most exits; NULL: no phases are known */
		double share, time_share;
	} phase;
};

#define FINDINGS_TEXT_MAX 320

struct finding {
	enum findings_rule rule;
	double weight;			/* the larger, the more it matters */
	const char *id, *title;
	char figure[FINDINGS_TEXT_MAX];	/* what caused it, a sentence */
	const char *meaning, *advice;	/* sentences */
};

/* Those that apply, weightiest first. Returns how many, up to FINDINGS_RULES_COUNT. */
size_t findings_of(const struct findings_facts *facts, struct finding *ret_findings);

#endif
