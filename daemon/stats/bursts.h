/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bursts: when more was counted than the rate of the rest makes likely. Non-logging, pure.
 *
 * A two-state automaton (J. Kleinberg, "Bursty and Hierarchical Structure in Streams", Data
 * Mining and Knowledge Discovery 7, 2003) runs through the intervals. In an interval of t
 * seconds state 0 expects b * t events, state 1 BURSTS_FACTOR times as many, and n events
 * speak for state 1 with the logarithm of the likelihoods' ratio,
 *
 *	g = (n * ln(BURSTS_FACTOR) - (BURSTS_FACTOR - 1) * b * t) / f
 *
 * To enter state 1 costs BURSTS_COST * ln(number of intervals), to leave it nothing; the path
 * with the largest sum of g less costs is taken, and its stays in state 1 are the bursts.
 * So a short and slight dip does not end one. Under a Poisson process of rate b (f = 1) the ratio is a
 * martingale, and by Ville's inequality there is any burst among N intervals with a
 * probability of N^(1 - BURSTS_COST) at most.
 *
 * Real counts scatter more than that: f is their dispersion, as in quasi-likelihood
 * (P. McCullagh, J. Nelder, "Generalized Linear Models", 1989, 9.2), by the median of the
 * residuals' sizes, which bursts do not move: (1.4826 * median(|n - b t| / sqrt(b t)))^2, at
 * least 1. The base rate b is the mean of the intervals in state 0: first of all of them, then
 * from path to path until that does not change any more (segmental k-means: B.-H. Juang,
 * L. Rabiner, IEEE Trans. ASSP 38, 1990); but not below the rate that half of the time is not
 * exceeded: what goes on for most of the time is no burst.
 */
#ifndef DAEMON_BURSTS_H
#define DAEMON_BURSTS_H

#include <stdbool.h>
#include <stddef.h>

#define BURSTS_FACTOR 2.0
#define BURSTS_COST 3.0

/* Fewer intervals do not tell a burst from a rate. */
#define BURSTS_INTERVALS_MIN 20

struct bursts_interval {
	double begin, end;		/* seconds, ascending, not overlapping */
	double count;			/* events in it */
	bool apart;			/* no burst goes on from the one before, as of another boot */
};

struct burst {
	size_t first, last;		/* intervals */
	double from, to;		/* begin of the first, end of the last */
	double seconds;			/* of the intervals, without holes between them */
	double count;			/* events */
	double excess;			/* how many more than the base rate gives */
	double peak;			/* highest rate of an interval */
};

struct bursts {
	bool enough;			/* intervals to say anything; else there is nothing else */
	double base;			/* usual rate, a second */
	double dispersion;		/* f */
	double seconds, events;		/* of all bursts */
	struct burst *list;		/* by time */
	size_t count;
};

/* Of @count intervals. Returns 0 or -ENOMEM; bursts_done() frees. */
int bursts_find(const struct bursts_interval *intervals, size_t count, struct bursts *ret_bursts);
void bursts_done(struct bursts *bursts);

#endif
