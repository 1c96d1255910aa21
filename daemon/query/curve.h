/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A curve, and how it grows, span by span, for series.c. Non-logging. */
#ifndef DAEMON_CURVE_H
#define DAEMON_CURVE_H

#include "daemon/base/record.h"
#include "daemon/query/span.h"

struct series {
	struct boot boot;
	enum sample_source source;
	struct key key;			/* kind.h says what that is */
	char name[DETAIL_NAME_MAX];	/* key.name */
	bool cumulative;
	size_t want;			/* the first one that asked for it */
	size_t count;
	/* One array each of `count`; an interval is (t - dt, t], in seconds since the epoch. */
	double *t, *dt, *v, *min, *max;
	struct series *next;
};

/* A curve's finished points and the one still growing. */
struct curve {
	struct series *series;
	size_t room;
	uint64_t width_ns;		/* of a merged point; 0: none is merged */
	double scale;			/* kind_scale() */
	uint64_t base;			/* cumulative: counts from here */
	/* The point that grows, nothing while it has neither time nor sum. */
	bool growing;
	int64_t t_ns;
	uint64_t ns, weight;
	unsigned __int128 sum;
	double min, max;
	/* What is too short to stand alone: part of the next. */
	struct span held;
	bool from_opening;		/* that begins at the boot's opening */
};

/* The next span. Returns 0 or -ENOMEM. */
int curve_add(struct curve *curve, const struct span *span);

/* There is no more; at most @points shall be left. Returns 0 or -ENOMEM. */
int curve_finish(struct curve *curve, size_t points);

#endif
