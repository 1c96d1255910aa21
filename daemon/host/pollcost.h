/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What one reading of a VM's counters through QEMU costs it, in exits. QEMU before 8.1
 * kicks every vCPU for each. Non-logging.
 *
 * Two readings back to back tell: what the VM does by itself takes time, what a
 * reading causes does not. The VM does not do the same all the time, so the median of
 * the latest results counts.
 */
#ifndef DAEMON_POLLCOST_H
#define DAEMON_POLLCOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLLCOST_RESULTS 9
#define POLLCOST_RESULTS_LEAST 3

struct pollcost {
	double results[POLLCOST_RESULTS];
	size_t count;			/* ever */
};

/* A counter's growth from one reading to the next. */
struct pollcost_step {
	uint64_t exits;
	int64_t ns;
};

/*
 * Take in a @short step and a much longer one beside it, each with one reading at its
 * end. Steps of about the same length tell nothing and are ignored.
 */
void pollcost_add(struct pollcost *cost, const struct pollcost_step *short_step,
		  const struct pollcost_step *long_step);

/* Exits that one reading causes. False while too little is known. */
bool pollcost_get(const struct pollcost *cost, double *ret_exits);

#endif
