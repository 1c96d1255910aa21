/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rollups: what the samples within 10 s, 1 min, 10 min or 1 h say together, so that a
 * long range is drawn from few numbers and still shows its peaks. Non-logging.
 *
 * Time is cut at multiples of a tier's width. The interval between two samples, or between
 * two that have the list, belongs to the bucket in which it ends, so sums over buckets are
 * exact, however they are cut; and it may be longer than the bucket.
 * A bucket may come in several rows, one behind the other: they add up.
 */
#ifndef DAEMON_ROLLUP_H
#define DAEMON_ROLLUP_H

#include "daemon/store/liststep.h"

/* Tiers of chunks: samples as they were, then rollups, each from the one before it. */
#define ROLLUP_TIERS 5

/* Width of each tier's buckets in nanoseconds; tier 0 has samples. */
extern const int64_t rollup_width_ns[ROLLUP_TIERS];

/* What is in front of samples: where a boot's counters began, and lists. */
struct rollup_origin {
	bool from_zero;			/* the VM's creation was seen */
	int64_t opened_ns;
	const struct listleads *leads;	/* or NULL */
};

/*
 * Add rows for the samples above the sequence @after to @into; rows up to it serve as the
 * sample before. Returns 0, -ENOENT if there were none, -ENOMEM or -EBADMSG.
 */
int rollup_samples(struct chunk *samples, uint64_t after, const struct rollup_origin *origin,
		   struct chunk *into);

/* Likewise of a lower tier's rows, into buckets of @width_ns. */
int rollup_buckets(struct chunk *buckets, uint64_t after, int64_t width_ns, struct chunk *into);

/* What a row says of all series. In a chunk LIST_NS only where it is not COVERED_NS. */
struct rollup_bucket {
	uint64_t value[BUCKETS];	/* by enum key_bucket */
};

/* The intervals that a series may have in a bucket: the whole bucket's, or its list's. */
static inline uint64_t rollup_whole_ns(const struct rollup_bucket *bucket, const struct key *key)
{
	unsigned int list = liststep_list(key);

	return bucket->value[list == LISTSTEP_NO_LIST ? BUCKET_COVERED_NS : BUCKET_LIST_NS + list];
}

/* The buckets of a rollup's chunk, one a row; the caller frees. Returns 0 or -errno. */
int rollup_read_buckets(struct chunk *chunk, struct rollup_bucket **ret_buckets);

/*
 * One series in one bucket. Of amounts there is the sum alone, in a chunk as `last`.
 *
 *	first	counters: value of the last sample before the bucket's intervals; gauges:
 *		of the first sample in it. In a chunk only where it is not the `last` of
 *		the row before.
 *	last	value of the last sample in it
 *	sum	counters: increase over the intervals without gaps; in a chunk only where
 *		it is not last - first. Gauges: sum of the samples' values, in a chunk only
 *		where it is not last * weight.
 *	weight	counters: nanoseconds of these intervals; gauges: samples that had a value.
 *		In a chunk only where it is not that of the whole bucket, or of its list.
 *	min,	counters: lowest and highest rate of an interval, in thousandths a second, with
 *	max	8 significant bits, rounded outwards (so within 0.8 %); in a chunk by the codes of
 *		rollup_rate_code(), and only where they are not those of sum / weight. Gauges:
 *		lowest and highest value, in a chunk only where it is not `last`.
 */
struct rollup_point {
	bool present;
	bool has_rate;			/* counters: min and max are known */
	uint64_t first, last, sum, weight;
	uint64_t min, max;
};

/* @key in each row of @chunk, without an aspect. Returns 0, -ENOENT, -ENOMEM or -EBADMSG. */
int rollup_read(struct chunk *chunk, const struct key *key, const struct rollup_bucket *buckets,
		struct rollup_point *ret_points);

/* A number with 8 significant bits, and back. Codes ascend with the numbers. */
uint32_t rollup_rate_code(uint64_t value, bool up);
uint64_t rollup_rate_value(uint32_t code);

#endif
