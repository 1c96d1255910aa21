/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The live view for a pipe: a table each refresh, or a line of JSON. Logging. */
#ifndef DAEMON_CTL_TOPBATCH_H
#define DAEMON_CTL_TOPBATCH_H

#include <stdbool.h>

struct topfeed;
struct topview;

/*
 * @count times, 0: until it is ended, every @interval_s. Returns 0, or -errno after a line if
 * it cannot be written.
 */
int topbatch_run(struct topfeed *feed, const struct topview *view, unsigned int count,
		 double interval_s, bool json);

#endif
