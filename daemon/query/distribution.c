/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/distribution.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/query/querypart.h"
#include "daemon/query/spans.h"

static const double quantiles[] = {
#define X(name, quantile) quantile,
	DISTRIBUTION_QUANTILES(X)
#undef X
};

static int by_value(const void *a, const void *b)
{
	double x = ((const struct distribution_value *)a)->v;
	double y = ((const struct distribution_value *)b)->v;

	return x < y ? -1 : x > y;
}

static void find_quantiles(const struct distribution_value *values, size_t count,
			   struct distribution *d)
{
	double seconds = 0;
	size_t q = 0;

	for (size_t i = 0; i < count; i++) {
		seconds += values[i].seconds;
		/* What is lost in adding up must not keep the last one out. */
		while (q < DISTRIBUTION_QUANTILES_COUNT &&
		       (seconds >= quantiles[q] * d->seconds || i + 1 == count))
			d->quantile[q++] = values[i].v;
	}
}

/* Powers of 10^(1 / @per_decade). */
static double edge(int k, int per_decade)
{
	return pow(10, (double)k / per_decade);
}

static int bin_of(double v, int per_decade)
{
	int k = floor(log10(v) * per_decade);

	/* A logarithm next to a whole number may lie on its other side. */
	if (v < edge(k, per_decade))
		k--;
	else if (v >= edge(k + 1, per_decade))
		k++;
	return k;
}

/* @values are sorted. */
static void fill_bins(const struct distribution_value *values, size_t count,
		      struct distribution *d)
{
	static const int choices[] = { 10, 5, 2, 1 };
	int per_decade = 1, low = 0;
	size_t first = 0;

	for (; first < count && values[first].v <= 0; first++)
		d->zero_seconds += values[first].seconds;
	for (size_t i = 0; first < count && i < sizeof(choices) / sizeof(choices[0]); i++) {
		per_decade = choices[i];
		low = bin_of(values[first].v, per_decade);
		d->bins_count = bin_of(values[count - 1].v, per_decade) - low + 1;
		if (d->bins_count <= DISTRIBUTION_BINS_MAX)
			break;
	}
	/* No counter is that far from zero; what would be is in the last one. */
	if (d->bins_count > DISTRIBUTION_BINS_MAX)
		d->bins_count = DISTRIBUTION_BINS_MAX;
	for (size_t i = 0; i < d->bins_count; i++)
		d->bins[i] = (struct distribution_bin){ edge(low + i, per_decade),
							edge(low + i + 1, per_decade), 0 };
	for (size_t i = first, bin = 0; i < count; i++) {
		while (bin + 1 < d->bins_count && values[i].v >= d->bins[bin].to)
			bin++;
		d->bins[bin].seconds += values[i].seconds;
	}
}

static double dispersion(const struct distribution_value *values, size_t count, double rate)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++) {
		double expected = rate * values[i].seconds;
		double miss = values[i].v * values[i].seconds - expected;

		sum += miss * miss / expected;
	}
	return sum / (count - 1);
}

void distribution_of(struct distribution_value *values, size_t count,
		     struct distribution *distribution)
{
	struct distribution *d = distribution;
	double sum = 0;

	memset(d, 0, sizeof(*d));
	d->count = count;
	qsort(values, count, sizeof(*values), by_value);
	for (size_t i = 0; i < count; i++) {
		d->seconds += values[i].seconds;
		sum += values[i].v * values[i].seconds;
	}
	d->mean = count ? sum / d->seconds : 0;
	find_quantiles(values, count, d);
	fill_bins(values, count, d);
	d->has_dispersion = count > 1 && d->mean > 0;
	if (d->has_dispersion)
		d->dispersion = dispersion(values, count, d->mean);
}

/* Whether all that a tier would be read for is in it, and how much. */
static int measure(struct query *query, const struct query_filter *filter,
		   enum sample_source source, int tier, uint64_t max, bool *ret_fits)
{
	uint64_t values = 0;
	bool all = true;
	struct boot *boots;
	size_t count;
	int r = query_part_boots(query, filter, &boots, &count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r == 0; i++) {
		int64_t from_ns = filter->from_ns ? filter->from_ns : INT64_MIN;
		int64_t to_ns = filter->to_ns ? filter->to_ns : INT64_MAX;
		struct spans_of of = { &boots[i], source, from_ns, to_ns };
		uint64_t samples = 0;
		bool whole = true;

		r = spans_times(query, &of, &from_ns, &to_ns);
		if (r == 0)
			r = spans_count(query, &of, tier, &samples, &whole);
		if (r == 0)
			values += tier ? (uint64_t)(to_ns - from_ns) / rollup_width_ns[tier]
				       : samples;
		all &= whole;
		r = r == -ENOENT ? 0 : r;
	}
	free(boots);
	*ret_fits = all && values <= max;
	return r;
}

int distribution_tier(struct query *query, const struct query_filter *filter,
		      enum sample_source source, uint64_t max, int *ret_tier)
{
	for (int tier = 0; tier < ROLLUP_TIERS; tier++) {
		bool fits;
		int r = measure(query, filter, source, tier, max, &fits);

		if (r < 0)
			return r;
		*ret_tier = tier;
		if (fits)
			break;
	}
	return 0;
}

int distribution_of_series(const struct series *series, struct distribution *ret_distribution)
{
	struct distribution *d = ret_distribution;
	double min = INFINITY, max = -INFINITY, from = INFINITY, to = -INFINITY;
	struct distribution_value *values;
	size_t count = 0, at = 0;

	for (const struct series *s = series; s; s = s->next)
		count += s->count;
	if (count == 0)
		return -ENOENT;
	values = malloc(count * sizeof(*values));
	if (!values)
		return -ENOMEM;
	for (const struct series *s = series; s; s = s->next) {
		for (size_t i = 0; i < s->count; i++) {
			values[at++] = (struct distribution_value){ s->v[i], s->dt[i] };
			min = fmin(min, s->min[i]);
			max = fmax(max, s->max[i]);
		}
		from = fmin(from, s->t[0] - s->dt[0]);
		to = fmax(to, s->t[s->count - 1]);
	}
	distribution_of(values, count, d);
	free(values);
	d->from = from;
	d->to = to;
	d->quantile[DISTRIBUTION_min] = min;
	d->quantile[DISTRIBUTION_max] = max;
	d->has_dispersion &= key_type(&series->key) == KEY_TYPE_COUNTER &&
			     strcmp(key_unit(&series->key), "1") == 0;
	return 0;
}

/* Whether there are several curves of one boot. */
static bool is_several(const struct series *series)
{
	for (const struct series *s = series; s && s->next; s = s->next) {
		if (s->boot.id == s->next->boot.id)
			return true;
	}
	return false;
}

int distribution_read(struct query *query, const struct query_filter *filter,
		      enum sample_source source, const struct spans_want *want,
		      struct distribution *ret_distribution)
{
	struct series_options options = { .unmerged = true };
	struct query_filter one = *filter;
	struct series *series = NULL;
	int r = distribution_tier(query, filter, source, DISTRIBUTION_VALUES_MAX, &options.tier);

	one.sources = 1 << source;
	if (r == 0)
		r = series_read(query, &one, want, 1, &options, &series);
	if (r == 0)
		r = is_several(series) ? -E2BIG : distribution_of_series(series, ret_distribution);
	if (r == 0)
		ret_distribution->resolution_ns = rollup_width_ns[options.tier];
	series_free(series);
	return r;
}
