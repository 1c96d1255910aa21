/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happened in each phase of a boot. Logging (database errors only).
 *
 * Sums are of the intervals between samples, without those over gaps. An interval that
 * reaches over the edge of a phase is shared out in proportion to time, so that the phases'
 * sums are the boot's, exactly; how many exits that concerns is said. Where retention dropped
 * samples, the same is done with rollups.
 */
#ifndef DAEMON_PHASES_H
#define DAEMON_PHASES_H

#include "daemon/query/bootphase.h"
#include "daemon/query/totals.h"

/* A counter's increase, and the time that it is known of; without that nothing is known. */
struct phases_sum {
	uint64_t sum, ns;
};

struct phases_part {
	enum bootphase name;		/* BOOTPHASE_UNKNOWN for the whole boot */
	int64_t from_ns, to_ns;		/* of one that is still on: to the last sample */
	bool is_on;			/* it goes on */
	bool complete;			/* its exits are known all the time */
	struct phases_sum exits;
	uint64_t shared;		/* of these, from intervals over an edge */
	struct phases_sum handling, away;	/* cycles; away: without idle */
	bool has_reason_handling, has_reason_away;
	struct totals totals;		/* its exits are those by the reasons in it */
};

struct phases {
	struct boot boot;
	enum sample_source source;
	bool complete;			/* from the boot's first exit on */
	bool has_gap_exits;
	uint64_t gap_exits;		/* over gaps, so in no phase */
	struct phases_part total;
	size_t count;
	struct phases_part parts[BOOTPHASE_MAX];
};

/*
 * The phases of @boot as @source counted. Returns 0, -ENOENT if it has no sample of that, or
 * -errno; phases_done() frees.
 */
int phases_read(struct query *query, const struct boot *boot, enum sample_source source,
		struct phases *ret_phases);
void phases_done(struct phases *phases);

/*
 * Where no source is asked for: the host's where it counted by reason, since that begins with the
 * firmware's first instruction; else the guest's own; else what the host has. To be tried in
 * this order, the first one only if all boots that are looked at have reasons.
 */
struct phases_try {
	enum sample_source source;
	bool with_reasons;
};
#define PHASES_TRIES 3
extern const struct phases_try phases_tries[PHASES_TRIES];

/* Whether exits are known by reason. */
bool phases_has_reasons(const struct phases *phases);

/* How long it took, or takes until now. */
double phases_seconds(const struct phases_part *part);

/* Exits a second, over the time that they are known of. False: of none. */
bool phases_rate(const struct phases_part *part, double *ret_rate);

/*
 * @sum of cycles as a share of the time that the vCPUs had while it is known. False: that, the
 * clock rate or the number of vCPUs is not known.
 */
bool phases_share(const struct boot *boot, const struct phases_sum *sum, double *ret_share);

#endif
