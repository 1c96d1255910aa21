/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rates: what two successive samples of one boot and source say about the time
 * between them. Non-logging, pure.
 */
#ifndef DAEMON_RATE_H
#define DAEMON_RATE_H

#include "daemon/base/record.h"

/* Kinds of curves: these, or an enum workload_index. */
enum rate_kind { RATE_COUNT = -3, RATE_HANDLING = -2, RATE_AWAY = -1 };

/*
 * Seconds below which an interval says nothing of a rate: a clock was set back; or,
 * for a boot's first one, the VM had run while the news of its start travelled.
 */
#define RATE_LEAST_S 0.001
#define RATE_LEAST_FIRST_S 0.5

/* "count", "handling", "away" or a workload value's name. Returns 0 or -EINVAL. */
int rate_kind_parse(const char *name, int *ret_kind);
const char *rate_kind_name(int kind);
/* Unit of the curve: a counter's per second, a gauge's own. */
const char *rate_kind_unit(int kind);

/*
 * The interval from @before to @now: its length in seconds, and an amount such
 * that amount / length is the curve's value; amounts and lengths of neighbours
 * may be added.
 *
 * @before is NULL for a boot's first sample. Where the VM's creation was seen its
 * counters began at zero then, so the interval is the one since the creation.
 * handling: cycles / (tsc_khz * 1000 * vcpus) is the time per vCPU that the host
 * spent handling exits; away: likewise the time from exits to the next entries, without
 * what a vCPU was idle.
 *
 * False when the samples do not tell: others between them are missing, a value is
 * missing, a counter fell, no time passed.
 */
bool rate_interval(const struct boot *boot, const struct sample *before, const struct sample *now,
		   int kind, double *ret_seconds, double *ret_amount);

#endif
