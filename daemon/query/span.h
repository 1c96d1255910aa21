/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a series lies between two samples, or in a bucket of a rollup. */
#ifndef DAEMON_SPAN_H
#define DAEMON_SPAN_H

#include "daemon/store/rollup.h"

/*
 * What a series did in one interval between two samples, or in a bucket's intervals: those
 * that end in it. A counter's increase over a gap, from nowhere or downwards is in no sum.
 */
struct span {
	int64_t t_ns;			/* host time of its last sample */
	uint64_t ns;			/* time that the sum is of; gauges: without gaps */
	bool from_opening;		/* begins when the boot was opened */
	bool no_rate;			/* a bucket's, all too short to tell one */
	struct rollup_point point;	/* of counters, has_rate from rollups only */
};

/* What to read: one series, or all of the key's kind. Keys are without an aspect. */
struct spans_want {
	struct key key;
	bool any;
};

/*
 * Spans of a series (@key is valid during the call), one or more, in order of sequence;
 * those of several series come in turn. @want: which one asked for it.
 */
typedef int (*spans_fn)(void *ctx, size_t want, const struct key *key, const struct span *spans,
			size_t count);

#endif
