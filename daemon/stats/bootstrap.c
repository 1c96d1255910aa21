/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/stats/bootstrap.h"

#include <errno.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOW 0.025
#define HIGH 0.975

/* R(lag) of the paper: by n, so that far lags weigh little. */
static double autocovariance(const double *values, size_t n, double mean, size_t lag)
{
	double sum = 0;

	for (size_t i = lag; i < n; i++)
		sum += (values[i] - mean) * (values[i - lag] - mean);
	return sum / n;
}

/*
 * m of the paper, section 3.2: the first lag behind which so many others are no more than chance;
 * else the last that is more.
 */
static size_t last_dependent(const double *values, size_t n, double mean, size_t longest,
			     size_t in_turn)
{
	double chance = 2 * sqrt(log10(n) / n) * autocovariance(values, n, mean, 0);
	size_t last = 1;

	for (size_t lag = 1, quiet = 0; lag <= longest; lag++) {
		if (fabs(autocovariance(values, n, mean, lag)) >= chance) {
			last = lag;
			quiet = 0;
		} else if (++quiet == in_turn) {
			break;
		}
	}
	return last;
}

/* The lag window: flat to one half, then down to 0 at 1. */
static double window(double t)
{
	return t <= 0.5 ? 1 : 2 * (1 - t);
}

static double best_block(const double *values, size_t n)
{
	double mean = gsl_stats_mean(values, 1, n), most = ceil(fmin(3 * sqrt(n), n / 3.0));
	size_t in_turn = fmax(5, floor(sqrt(log10(n)))), longest = ceil(sqrt(n)) + in_turn;
	double g = 0, spectrum = autocovariance(values, n, mean, 0);
	size_t m;

	longest = longest < n ? longest : n - 1;
	if (!(spectrum > 0))
		return 1;
	m = 2 * last_dependent(values, n, mean, longest, in_turn);
	m = m < longest ? m : longest;
	for (size_t lag = 1; lag <= m; lag++) {
		double r = 2 * window((double)lag / m) * autocovariance(values, n, mean, lag);

		g += lag * r;
		spectrum += r;
	}
	/* (2 G^2 / D)^(1/3) n^(1/3), D = 4/3 g(0)^2 */
	return fmin(most, cbrt(1.5 * g * g / (spectrum * spectrum) * n));
}

size_t bootstrap_block(const double *values, size_t n)
{
	double least = ceil((double)n / BOOTSTRAP_BLOCKS_MAX);
	double best = n >= BOOTSTRAP_VALUES_MIN ? ceil(best_block(values, n)) : 1;

	return best > least ? best : least;
}

/* Sums of all blocks of @length, in place of @values; so many are left. */
static size_t sum_blocks(double *values, size_t n, size_t length)
{
	double sum = 0;

	for (size_t i = 0; i < length; i++)
		sum += values[i];
	for (size_t i = 0; i + length <= n; i++) {
		double first = values[i];

		values[i] = sum;
		if (i + length < n)
			sum += values[i + length] - first;
	}
	return n - length + 1;
}

/* @blocks' mean is subtracted, so that a replicate's deviation is just the mean of some. */
static void draw(struct bootstrap *b, const double *blocks, size_t count, gsl_rng *random)
{
	size_t drawn = (b->n + b->block - 1) / b->block;
	double mean = gsl_stats_mean(blocks, 1, count);
	/* A replicate has some values more than there are. */
	double scale = sqrt((double)drawn * b->block / b->n) / ((double)drawn * b->block);

	for (size_t i = 0; i < BOOTSTRAP_REPLICATES; i++) {
		double sum = 0;

		for (size_t k = 0; k < drawn; k++)
			sum += blocks[gsl_rng_uniform_int(random, count)] - mean;
		b->deviation[i] = sum * scale;
	}
}

int bootstrap_draw(const double *values, size_t n, uint32_t seed, struct bootstrap *ret_bootstrap)
{
	struct bootstrap *b = ret_bootstrap;
	gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
	double *blocks = malloc(n * sizeof(*blocks));

	if (!random || !blocks) {
		if (random)
			gsl_rng_free(random);
		free(blocks);
		return -ENOMEM;
	}
	gsl_rng_set(random, seed);
	b->n = n;
	b->block = bootstrap_block(values, n);
	b->mean = gsl_stats_mean(values, 1, n);
	memcpy(blocks, values, n * sizeof(*blocks));
	draw(b, blocks, sum_blocks(blocks, n, b->block), random);
	gsl_rng_free(random);
	free(blocks);
	return 0;
}

static struct bootstrap_interval interval(double value, double *deviations)
{
	gsl_sort(deviations, 1, BOOTSTRAP_REPLICATES);
	return (struct bootstrap_interval){
		.value = value,
		.low = value + gsl_stats_quantile_from_sorted_data(deviations, 1,
								   BOOTSTRAP_REPLICATES, LOW),
		.high = value + gsl_stats_quantile_from_sorted_data(deviations, 1,
								    BOOTSTRAP_REPLICATES, HIGH),
	};
}

struct bootstrap_interval bootstrap_mean(const struct bootstrap *b)
{
	double deviations[BOOTSTRAP_REPLICATES];

	memcpy(deviations, b->deviation, sizeof(deviations));
	return interval(b->mean, deviations);
}

struct bootstrap_interval bootstrap_difference(const struct bootstrap *a,
					       const struct bootstrap *b)
{
	double deviations[BOOTSTRAP_REPLICATES];

	for (size_t i = 0; i < BOOTSTRAP_REPLICATES; i++)
		deviations[i] = a->deviation[i] - b->deviation[i];
	return interval(a->mean - b->mean, deviations);
}
