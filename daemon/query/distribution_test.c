/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Distributions beside their definitions, of values made up and of random histories. */
#include "daemon/query/distribution.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <string.h>

#include "daemon/query/testhistory.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

static const double quantiles[] = { 0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1 };

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fabs(b) + 1e-12;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Each value once for every second that it holds: then a quantile is just one of them. */
static bool quantiles_agree(const struct distribution *d, const double *each, size_t count)
{
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		size_t at = ceil(quantiles[i] * count - 1e-9);

		if (!near(d->quantile[i], each[at ? at - 1 : 0]))
			return false;
	}
	return true;
}

static void test_made_up(void)
{
	static struct distribution_value values[3000];
	static double each[30000];
	int wrong = 0, means = 0, bins = 0;
	struct history h = { .random = 5 };

	for (int round = 0; round < 100; round++) {
		size_t count = 1 + history_random(&h, 3000), n = 0;
		double sum = 0, seconds = 0;
		struct distribution d;

		for (size_t i = 0; i < count; i++) {
			double v = history_random(&h, 4) ? history_random(&h, 1 << (1 + round % 27)) : 0;

			values[i] = (struct distribution_value){ v, 1 + history_random(&h, 10) };
			sum += v * values[i].seconds;
			for (double s = 0; s < values[i].seconds; s++)
				each[n++] = v;
		}
		qsort(each, n, sizeof(each[0]), by_size);
		distribution_of(values, count, &d);
		wrong += !quantiles_agree(&d, each, n);
		means += !near(d.mean, sum / n) || d.count != count || !near(d.seconds, n);
		seconds = d.zero_seconds;
		for (size_t i = 0; i < d.bins_count; i++) {
			double in = 0;

			for (size_t k = 0; k < n; k++)
				in += each[k] >= d.bins[i].from && each[k] < d.bins[i].to;
			bins += !near(in, d.bins[i].seconds) ||
				(i > 0 && !near(d.bins[i].from, d.bins[i - 1].to));
			seconds += d.bins[i].seconds;
		}
		bins += !near(seconds, n);
	}
	ok(wrong == 0, "quantiles are those of the values, each for as long as it holds");
	ok(means == 0, "so is the mean");
	ok(bins == 0, "every bin has what lies in it, and all of them everything but zeros");
}

static void test_edges(void)
{
	struct distribution_value one = { 1000, 2 }, zeros[2] = { { 0, 1 }, { 0, 3 } };
	struct distribution_value wide[2] = { { 1e-9, 1 }, { 1e18, 1 } };
	struct distribution_value counts[4] = { { 2, 1 }, { 4, 1 }, { 4, 1 }, { 6, 1 } };
	struct distribution_value even[3] = { { 5, 1 }, { 5, 7 }, { 5, 0.5 } };
	struct distribution d;

	distribution_of(&one, 1, &d);
	ok(near(d.quantile[0], 1000) && near(d.quantile[7], 1000) && d.bins_count == 1 &&
		   near(d.bins[0].from, 1000) && !d.has_dispersion,
	   "of one value all is that value, in the bin that begins there");
	distribution_of(zeros, 2, &d);
	ok(d.bins_count == 0 && near(d.zero_seconds, 4) && !d.has_dispersion,
	   "zeros are in no bin, and scatter about nothing");
	distribution_of(wide, 2, &d);
	ok(d.bins_count <= DISTRIBUTION_BINS_MAX && d.bins_count > 20 &&
		   near(d.bins[d.bins_count - 1].seconds, 1),
	   "a wide range has wider bins, not more");
	distribution_of(counts, 4, &d);
	ok(d.has_dispersion && near(d.dispersion, 8.0 / 3 / 4),
	   "counts of equal intervals: their variance by their mean");
	distribution_of(even, 3, &d);
	ok(near(d.dispersion, 0), "the same rate in uneven intervals does not scatter");
}

static double reference_mean(const struct history *h, const struct key *key, double *ret_seconds)
{
	double sum = 0, ns = 0;

	for (size_t i = 0; i < h->count; i++) {
		struct history_step step = history_step(h, i, key);

		sum += step.known ? step.increase : 0;
		ns += step.known ? step.ns : 0;
	}
	*ret_seconds = ns / 1e9;
	return sum / *ret_seconds;
}

static void drop_samples(const struct history *h)
{
	sqlite3 *db;

	if (sqlite3_open(h->path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, "DELETE FROM chunk WHERE tier = 0", NULL, NULL, NULL) != SQLITE_OK)
		abort();
	sqlite3_close(db);
}

static void test_stored(void)
{
	struct spans_want want = { .key = { .kind = KEY_FIELD, .id = FIELD_EXITS } };
	struct spans_want all = { .key = { .kind = KEY_REASON_COUNT }, .any = true };
	struct query_filter filter = { 0 };
	struct distribution d, coarse;
	double seconds, mean;
	struct query *query;
	struct history h;

	history_make(&h, 2, 3000);
	if (query_open(h.path, &query) < 0)
		abort();
	filter.vm_id = h.vm_id;
	filter.boot = h.boot_number;
	mean = reference_mean(&h, &want.key, &seconds);
	ok(distribution_read(query, &filter, SOURCE_GUEST, &want, &d) == 0 &&
		   d.resolution_ns == 0 && fabs(d.mean - mean) < mean * 1e-3 &&
		   fabs(d.seconds - seconds) < seconds * 1e-3 && d.has_dispersion,
	   "a stored boot's mean, from its samples");
	ok(distribution_read(query, &filter, SOURCE_HOST, &want, &d) == -ENOENT,
	   "of a source that has nothing there is none");
	ok(distribution_read(query, &filter, SOURCE_GUEST, &all, &d) == -E2BIG,
	   "several curves have no one distribution");
	want.key = (struct key){ .kind = KEY_WORKLOAD, .id = WORKLOAD_tasks_runnable };
	ok(distribution_read(query, &filter, SOURCE_GUEST, &want, &d) == 0 && !d.has_dispersion &&
		   d.quantile[DISTRIBUTION_min] >= 0 && d.quantile[DISTRIBUTION_max] == 39,
	   "a level's, which is no count");
	want.key = (struct key){ .kind = KEY_FIELD, .id = FIELD_EXITS };
	(void)distribution_read(query, &filter, SOURCE_GUEST, &want, &d);
	query_free(query);
	drop_samples(&h);
	if (query_open(h.path, &query) < 0)
		abort();
	ok(distribution_read(query, &filter, SOURCE_GUEST, &want, &coarse) == 0 &&
		   coarse.resolution_ns == 10000000000LL &&
		   fabs(coarse.mean - mean) < mean * 1e-3 &&
		   coarse.count < d.count,
	   "where samples are gone it is of 10 s buckets, and its mean the same");
	ok(coarse.quantile[DISTRIBUTION_max] >= d.quantile[DISTRIBUTION_max] &&
		   coarse.quantile[DISTRIBUTION_max] <= d.quantile[DISTRIBUTION_max] * 1.008 &&
		   coarse.quantile[DISTRIBUTION_min] <= d.quantile[DISTRIBUTION_min],
	   "and so are the extremes");
	query_free(query);
	history_done(&h);
}

int main(void)
{
	log_init("distribution_test", LOG_ERROR - 1);
	test_made_up();
	test_edges();
	test_stored();
	return done_testing();
}
