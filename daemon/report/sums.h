/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a source counted in a range, all in all: exits and times, the guest's workload, and by
 * name its processes and units. Logging (database errors only).
 */
#ifndef DAEMON_SUMS_H
#define DAEMON_SUMS_H

#include "daemon/query/query.h"
#include "daemon/store/key.h"

/* Names of all kinds that are told apart; others are left out. */
#define SUMS_NAMES_MAX 2048

struct sums_name {
	uint8_t kind;			/* KEY_PROCESS or KEY_UNIT */
	char name[DETAIL_NAME_MAX + 1];	/* untrusted text of a guest */
	uint64_t value;			/* microseconds of CPU time */
};

struct sums {
	uint64_t has;			/* 1 << enum key_field */
	uint64_t exits, agent_exits, taken;
	bool has_times;			/* clock rate and vCPUs of all boots are known */
	double handling_s, away_s, idle_s;	/* of all vCPUs together */
	double covered_s;		/* time that exits were counted in, without gaps */
	double vcpu_s;			/* likewise of all vCPUs together */
	struct workload workload;	/* increases of its counters */
	double workload_vcpu_s;		/* all vCPUs' time that these are of */
	struct sums_name *names;	/* largest first; of SUMS_NAMES_MAX at most */
	size_t names_count;
};

/*
 * Sum up @filter's boots for @source: the intervals that end in its range, without those over
 * gaps; with names only if @with_names. Nothing there is no error: `has` and all is 0 then.
 * Returns 0 or -errno; sums_done() frees.
 */
int sums_read(struct query *query, const struct query_filter *filter, enum sample_source source,
	      bool with_names, struct sums *ret_sums);
void sums_done(struct sums *sums);

#endif
