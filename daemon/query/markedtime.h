/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intervals that a guest marked, by label. Logging (database errors only). */
#ifndef DAEMON_MARKEDTIME_H
#define DAEMON_MARKEDTIME_H

#include "daemon/query/alignedgrid.h"

/* Other labels are not looked at. */
#define MARKEDTIME_LABELS_MAX 1024

struct markedtime_interval {
	size_t part;			/* of the grid */
	int64_t from_ns, to_ns;		/* within the part's cells */
};

struct markedtime_label {
	char label[PROTO_LABEL_MAX + 1];
	struct markedtime_interval *intervals;	/* in order of their begin in each part */
	size_t count, room;
	int64_t ns;			/* of all of them */
};

struct markedtime {
	struct markedtime_label *labels;	/* what took most time first */
	size_t count;
};

/* All intervals that meet a grid. Returns 0 or -errno; markedtime_done() frees. */
int markedtime_read(struct query *query, const struct query_filter *filter,
		    const struct alignedgrid *grid, struct markedtime *ret_marked);
void markedtime_done(struct markedtime *marked);

#endif
