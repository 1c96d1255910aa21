/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/stats/bursts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "guest-agent/shared/cleanup.h"

/* Paths end to change within a few rounds; what circles ends here. */
#define ROUNDS_MAX 32

/* Standard deviation of a normal distribution by the median of absolute deviations. */
#define BY_MEDIAN 1.4826

/* The median of so many residuals, taken evenly, is near enough that of all. */
#define RESIDUALS 4096

struct walk {
	const struct bursts_interval *intervals;
	size_t count;
	bool *in_burst;			/* the path */
	bool *came_from;		/* two for each interval: the state before, of either state */
	double residuals[RESIDUALS];
	double median;			/* of the rates, by time */
	double base, dispersion;
};

static double length(const struct bursts_interval *i)
{
	return i->end - i->begin;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* A rate, and how long it was that. */
struct weighted {
	double rate, seconds;
};

static int by_rate(const void *a, const void *b)
{
	double x = ((const struct weighted *)a)->rate, y = ((const struct weighted *)b)->rate;

	return x < y ? -1 : x > y;
}

/* The least rate that half of the time is not exceeded. */
static int find_median(struct walk *w)
{
	struct weighted *rates = calloc(w->count, sizeof(*rates));
	double all = 0, below = 0;
	size_t n = 0;

	if (!rates)
		return -ENOMEM;
	for (size_t i = 0; i < w->count; i++) {
		double seconds = length(&w->intervals[i]);

		if (!(seconds > 0))
			continue;
		rates[n++] = (struct weighted){ w->intervals[i].count / seconds, seconds };
		all += seconds;
	}
	qsort(rates, n, sizeof(*rates), by_rate);
	for (size_t i = 0; i < n && below < all / 2; i++) {
		w->median = rates[i].rate;
		below += rates[i].seconds;
	}
	free(rates);
	return 0;
}

/* The mean of what is in no burst. False if that is nothing. */
static bool find_base(struct walk *w)
{
	double sum = 0, seconds = 0;

	for (size_t i = 0; i < w->count; i++) {
		if (w->in_burst[i])
			continue;
		sum += w->intervals[i].count;
		seconds += length(&w->intervals[i]);
	}
	w->base = fmax(seconds > 0 ? sum / seconds : 0, w->median);
	return w->base > 0;
}

static void find_dispersion(struct walk *w)
{
	size_t n = 0, step = (w->count + RESIDUALS - 1) / RESIDUALS;
	double deviation;

	for (size_t i = 0; i < w->count; i += step) {
		double expected = w->base * length(&w->intervals[i]);

		if (!w->in_burst[i] && expected > 0)
			w->residuals[n++] = fabs(w->intervals[i].count - expected) / sqrt(expected);
	}
	qsort(w->residuals, n, sizeof(*w->residuals), by_size);
	deviation = n ? BY_MEDIAN * w->residuals[n / 2] : 0;
	w->dispersion = fmax(1, deviation * deviation);
}

/* The path with the largest sum (A. Viterbi's algorithm); true if it is another one. */
static bool find_path(struct walk *w)
{
	double cost = BURSTS_COST * log(w->count);
	double calm = 0, burst = -INFINITY;	/* best sums that end in either state */
	bool state, changed = false;

	for (size_t i = 0; i < w->count; i++) {
		const struct bursts_interval *x = &w->intervals[i];
		double gain = (x->count * log(BURSTS_FACTOR) -
			       (BURSTS_FACTOR - 1) * w->base * length(x)) / w->dispersion;
		double stay = x->apart ? -INFINITY : burst;
		double best = fmax(calm, burst);

		/* What is apart from the one before enters anew. */
		w->came_from[2 * i] = burst > calm;
		w->came_from[2 * i + 1] = x->apart ? burst > calm : stay >= calm - cost;
		burst = fmax(stay, (x->apart ? best : calm) - cost) + gain;
		calm = best;
	}
	state = burst > calm;
	for (size_t i = w->count; i-- > 0;) {
		changed |= w->in_burst[i] != state;
		w->in_burst[i] = state;
		state = w->came_from[2 * i + state];
	}
	return changed;
}

static void add_interval(struct burst *b, const struct bursts_interval *x, double base)
{
	double seconds = length(x);

	b->to = x->end;
	b->seconds += seconds;
	b->count += x->count;
	b->excess = b->count - base * b->seconds;
	if (seconds > 0 && x->count / seconds > b->peak)
		b->peak = x->count / seconds;
}

static int make_list(const struct walk *w, struct bursts *bursts)
{
	struct burst *list = calloc(w->count, sizeof(*list));
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < w->count; i++) {
		const struct bursts_interval *x = &w->intervals[i];

		if (!w->in_burst[i])
			continue;
		if (i == 0 || !w->in_burst[i - 1] || x->apart)
			list[n++] = (struct burst){ .first = i, .from = x->begin };
		list[n - 1].last = i;
		add_interval(&list[n - 1], x, w->base);
		bursts->seconds += length(x);
		bursts->events += x->count;
	}
	bursts->list = list;
	bursts->count = n;
	return 0;
}

int bursts_find(const struct bursts_interval *intervals, size_t count, struct bursts *ret_bursts)
{
	_cleanup_free_ bool *in_burst = NULL;
	_cleanup_free_ bool *came_from = NULL;
	struct bursts bursts = { .enough = count >= BURSTS_INTERVALS_MIN };
	struct walk w = { .intervals = intervals, .count = count };
	int r;

	if (!bursts.enough) {
		*ret_bursts = bursts;
		return 0;
	}
	w.in_burst = in_burst = calloc(count, sizeof(*in_burst));
	w.came_from = came_from = calloc(count, 2 * sizeof(*came_from));
	if (!in_burst || !came_from)
		return -ENOMEM;
	r = find_median(&w);
	if (r < 0)
		return r;
	for (int round = 0; round < ROUNDS_MAX; round++) {
		if (!find_base(&w))
			break;
		find_dispersion(&w);
		if (!find_path(&w))
			break;
	}
	bursts.base = w.base;
	bursts.dispersion = w.dispersion;
	r = make_list(&w, &bursts);
	if (r == 0)
		*ret_bursts = bursts;
	return r;
}

void bursts_done(struct bursts *bursts)
{
	free(bursts->list);
	bursts->list = NULL;
	bursts->count = 0;
}
