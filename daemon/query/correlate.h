/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which workload goes together with which exits. Logging (database errors only). */
#ifndef DAEMON_CORRELATE_H
#define DAEMON_CORRELATE_H

#include "daemon/query/aligned.h"

/* Lags are looked at up to so many cells. */
#define CORRELATE_LAG_CELLS_MAX 30

/* So many products are formed at most, about a second's work: lags are fewer then. */
#define CORRELATE_PRODUCTS_MAX 300000000.0

/* Curves of a kind of list, if not all are named. */
#define CORRELATE_NAMES 12
#define CORRELATE_REASONS 8
#define CORRELATE_REASONS_MAX 32

/* Which exits. */
struct correlate_exits {
	enum sample_source source;
	struct key kind;		/* count, handling or away of the whole VM */
	/* Reasons beside it: those named, or so many of the greatest. */
	uint32_t reasons[CORRELATE_REASONS_MAX];
	size_t reasons_count;
	size_t most;
	double lag_max_s;
};

struct correlate_pair {
	const struct aligned_curve *x, *y;
	double step_s;			/* of the cells that were compared */
	struct correlation correlation;
	double lag_s;
	double threshold;		/* of |r|, see correlation_threshold() */
};

struct correlate {
	struct aligned *aligned;
	double lag_max_s;		/* of what was looked at */
	size_t tests;			/* pairs times lags */
	/* Those known first, greatest |Spearman's r| first. */
	struct correlate_pair *pairs;
	size_t count;
};

/*
 * Exits against all that is known of the guest's workload. Returns 0, -ENOENT if there is
 * nothing to compare, or -errno; correlate_free() frees.
 */
int correlate_read(struct query *query, const struct query_filter *filter,
		   const struct correlate_exits *exits, struct correlate **ret_correlate);
void correlate_free(struct correlate *correlate);

struct correlate_point {
	double t, x, y;			/* t: end of y's cell */
};

struct correlate_scatter {
	struct aligned *aligned;	/* its curves: x, y */
	double step_s, lag_s;
	size_t n;			/* pairs of cells; of these, every so many'th is a point */
	struct correlate_point *points;
	size_t count;
};

/*
 * The pairs of two curves at a lag of about @lag_s, positive where y follows; of more than
 * @points one in so many. As correlate_read() makes them.
 */
int correlate_scatter(struct query *query, const struct query_filter *filter,
		      const struct aligned_want wants[2], double lag_s, size_t points,
		      struct correlate_scatter **ret_scatter);
void correlate_scatter_free(struct correlate_scatter *scatter);

#endif
