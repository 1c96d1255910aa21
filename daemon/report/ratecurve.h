/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rate of exits over a range, as fine as it is stored. Logging (database errors only). */
#ifndef DAEMON_RATECURVE_H
#define DAEMON_RATECURVE_H

#include "daemon/query/distribution.h"
#include "daemon/stats/bursts.h"

/* More intervals are not looked at: coarser ones are then. A day of samples a second fits. */
#define RATECURVE_MAX 100000

struct ratecurve {
	struct bursts_interval *intervals;	/* by time, without overlap, of one boot behind the other */
	size_t count;
	double *events, *seconds;		/* before each interval, and at the end: count + 1 */
	struct distribution distribution;	/* of their rates, if there are any */
};

/* All exits of @filter's boots that @source counted. Nothing is no error. 0 or -errno. */
int ratecurve_read(struct query *query, const struct query_filter *filter,
		   enum sample_source source, struct ratecurve *ret_curve);
void ratecurve_done(struct ratecurve *curve);

/* What was counted from @from to @to, and in how much of that time; parts of intervals in
 * proportion. */
struct ratecurve_part {
	double seconds, events;
};
struct ratecurve_part ratecurve_between(const struct ratecurve *curve, double from, double to);

#endif
