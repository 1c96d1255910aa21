/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The metrics that leave vmexitd for other systems: what they are called and what they mean,
 * the same for /metrics and for remote write; and the values that a sample has of them.
 * Non-logging, no allocation.
 *
 * Names follow OpenMetrics: base units, the unit at the end, a counter's name without the
 * "_total" which its samples have. A family has one label of its own at most, whose values
 * are words of this program: what a guest sends makes no series.
 */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include "daemon/metrics/metricslist.h"
#include "daemon/query/query.h"

enum metrics_id {
#define X(id, name, unit, type, of, label, help) METRICS_##id,
	METRICS_MAP(X)
#undef X
	METRICS_COUNT
};

struct metric {
	enum metrics_id id;
	const char *name;		/* "vmexit_handling_seconds" */
	const char *unit;		/* "seconds"; "" for a plain number */
	enum metrics_type type;
	enum metrics_of of;		/* which labels it has, and where a counter begins */
	const char *label;		/* its own label; NULL: none */
	const char *help;		/* one line, for a person */
};

/* By enum metrics_id. */
extern const struct metric metrics[METRICS_COUNT];

/* The name of a counter's samples ends in it. */
#define METRICS_TOTAL "_total"

/* One value; @label is that of metric->label, or NULL. What is not 0 ends the walk. */
typedef int (*metrics_fn)(void *ctx, const struct metric *metric, const char *label,
			  double value);

/*
 * What @pair->row has: a call for each value, in the table's order, each (metric, label) at most
 * once; reasons as far as the sample has its list of them (sample.detail), those without a
 * name together as METRICS_REASON_OTHER. What is not known has no call: seconds of cycles
 * need the boot's tsc_khz. Counts are exact up to 2^53. Returns 0 or what @fn returned.
 */
int metrics_of_row(const struct row_pair *pair, metrics_fn fn, void *ctx);

/* The label of exits whose reason has no name. */
#define METRICS_REASON_OTHER "other"

/* No sample has more values: all names of the larger namespace, and "other". */
#define METRICS_OF_ROW_MAX 640

/*
 * Whether the counters of METRICS_OF_VM began at zero when @boot was opened, so that what its
 * first sample has is the boot's; else they go on from the boot before, or nobody knows.
 */
bool metrics_from_zero(const struct boot *boot);

/* "guest" or "host": the value of the label "source". */
const char *metrics_source(enum sample_source source);

#endif
