/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many exits there are while something runs, beside the rest of the time. Logging (database
 * errors only).
 */
#ifndef DAEMON_ATTRIBUTION_H
#define DAEMON_ATTRIBUTION_H

#include "daemon/query/aligned.h"
#include "daemon/stats/bootstrap.h"

#define ATTRIBUTION_ROWS_MAX 32

/* What takes more than this of one CPU in a cell runs there. */
#define ATTRIBUTION_CPU_SHARE 0.1

enum attribution_by { ATTRIBUTION_MARK, ATTRIBUTION_PROCESS, ATTRIBUTION_UNIT };

/* What is measured: exits/s, and shares of the vCPUs' time. */
enum attribution_kind { ATTRIBUTION_RATE, ATTRIBUTION_HANDLING, ATTRIBUTION_AWAY, ATTRIBUTION_KINDS };

struct attribution_value {
	bool known;
	struct bootstrap_interval value;	/* while it ran */
	double baseline;			/* mean of the rest of the range */
	struct bootstrap_interval difference;
};

struct attribution_row {
	char name[PROTO_LABEL_MAX + 1];
	size_t intervals;
	double seconds;				/* of these, within the range */
	double step_s;				/* of a cell */
	size_t cells, rest;			/* with exits: wholly in it, wholly outside */
	struct attribution_value values[ATTRIBUTION_KINDS];
};

struct attribution {
	struct aligned *aligned;
	bool has_baseline[ATTRIBUTION_KINDS];
	double baseline[ATTRIBUTION_KINDS];	/* means of the whole range */
	double seconds;				/* that have exits */
	/* The greatest difference in exits first, then those of which nothing is known. */
	struct attribution_row rows[ATTRIBUTION_ROWS_MAX];
	size_t count;
	size_t left_out;			/* labels, those that took the least time */
};

/*
 * Exits of @source while marked intervals, processes or units of the guest were on. What is
 * marked and has no end is on until its boot's. Of a boot those marks count that
 * eventquery_intervals() gives. Numbers need BOOTSTRAP_VALUES_MIN cells in it
 * and as many outside. Returns 0, -ENOENT if there are no exits, or -errno; attribution_free()
 * frees.
 */
int attribution_read(struct query *query, const struct query_filter *filter,
		     enum sample_source source, enum attribution_by by,
		     struct attribution **ret_attribution);
void attribution_free(struct attribution *attribution);

#endif
