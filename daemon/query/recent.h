/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exits of the last hour of all VMs in steps, in memory: what a list of VMs draws beside each.
 * Filled from the database once, then by whoever reads what is committed; other threads read.
 * Logging (database errors only).
 */
#ifndef DAEMON_RECENT_H
#define DAEMON_RECENT_H

#include "daemon/query/query.h"

#define RECENT_STEP_S 10
#define RECENT_STEPS 360
#define RECENT_VMS 4096			/* of more there is none */

struct recent;

int recent_new(struct recent **ret_recent);
void recent_free(struct recent *recent);

/* Read the hour before @now_ns (host time). Returns 0 or -errno. */
int recent_fill(struct recent *recent, struct query *query, int64_t now_ns);

/*
 * One sample and the one before it, read at @now_ns. What recent_fill() had read counts once;
 * what is older than an hour, or of a time to come, does not count. Returns 0 or -ENOMEM.
 */
int recent_add(struct recent *recent, const struct query_vm *vm, const struct row_pair *pair,
	       int64_t now_ns);

/*
 * All VMs, in no order: exits/s in the @points steps of @step_s seconds (a multiple of
 * RECENT_STEP_S) up to @to_ns (likewise of as many ns); below 0 where it is not known. The source is
 * the one of which more is known, the guest's own if it is as much. @fn is called under a lock.
 */
typedef void (*recent_fn)(void *ctx, const char *key, enum sample_source source,
			  const double *rates);
#define RECENT_POINTS_MAX RECENT_STEPS
void recent_walk(struct recent *recent, int64_t to_ns, unsigned int step_s, unsigned int points,
		 recent_fn fn, void *ctx);

#endif
