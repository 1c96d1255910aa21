/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rates: what two successive samples of one boot and source say about the time
 * between them. Non-logging, pure.
 */
#ifndef DAEMON_RATE_H
#define DAEMON_RATE_H

#include "daemon/base/record.h"

enum rate_kind { RATE_COUNT, RATE_HANDLING, RATE_LOST };

/*
 * Seconds below which an interval says nothing of a rate: a clock was set back; or,
 * for a boot's first one, the VM had run while the news of its start travelled.
 */
#define RATE_LEAST_S 0.001
#define RATE_LEAST_FIRST_S 0.5

/*
 * The interval from @before to @now: its length in seconds, and an amount such
 * that amount / length is the rate.
 *
 * @before is NULL for a boot's first sample. Where the VM's creation was seen its
 * counters began at zero then, so the interval is the one since the creation.
 * handling: cycles / (tsc_khz * 1000 * vcpus) is the time per vCPU that the host
 * spent handling exits. lost: likewise of the cycles away, of all reasons without idle: the
 * lost share. They are counted at the entry that ends them, so it may be above 1.
 *
 * False when the samples do not tell: others between them are missing, a value is
 * missing, a counter fell, no time passed.
 */
bool rate_interval(const struct boot *boot, const struct sample *before, const struct sample *now,
		   enum rate_kind kind, double *ret_seconds, double *ret_amount);

#endif
