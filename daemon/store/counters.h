/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of a sample can only grow while its VM lives: exits and cycles, in all and by
 * reason and vCPU. Non-logging.
 */
#ifndef DAEMON_COUNTERS_H
#define DAEMON_COUNTERS_H

#include <stdbool.h>

#include "guest-agent/shared/sample.h"

/* The counters of a sample that was believed. Zero-initialise. */
struct counters {
	uint32_t has;			/* SAMPLE_HAS_*; 0: none are known */
	uint64_t exits, handling_cycles, away_cycles, idle_cycles;
	uint64_t least;			/* exits that had happened when all of it had been read */
	uint8_t *detail;		/* its lists, a copy */
	size_t detail_len, detail_size;
};

/*
 * Take over what @sample says; what it lacks stays as it was. Without memory for
 * the lists they are forgotten.
 */
void counters_set(struct counters *counters, const struct sample *sample);

/* Know nothing any more. */
void counters_done(struct counters *counters);

/* Copy for another boot of the same VM. */
void counters_copy(struct counters *to, const struct counters *from);

/* True if anything that both know is less in @sample. */
bool counters_fell(const struct counters *counters, const struct sample *sample);

/*
 * The sum of a list's counts, UINT64_MAX if it is beyond; false if @sample has no such
 * list. A sample's total is read before its lists, so with T its total and S this
 * sum, T <= S <= the next sample's T, exactly: the VM goes on exiting meanwhile.
 */
bool counters_sum(const struct sample *sample, int list, uint64_t *ret_sum);

#endif
