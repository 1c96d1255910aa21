/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/rollup.h"

#define NS_PER_S 1000000000

/* What is told only where it is not as usual. */
static void read_lists(struct chunk *chunk, uint32_t id, struct rollup_bucket *buckets)
{
	struct key key = { .kind = KEY_BUCKET, .id = id };
	const struct chunk_column *c = chunk_find(chunk, &key);

	for (size_t row = 0; row < chunk_rows(chunk); row++)
		buckets[row].value[id] = buckets[row].value[BUCKET_COVERED_NS];
	for (size_t i = 0; c && i < c->count; i++)
		buckets[c->rows[i]].value[id] = c->values[i];
}

int rollup_read_buckets(struct chunk *chunk, struct rollup_bucket **ret_buckets)
{
	size_t rows = chunk_rows(chunk);
	struct rollup_bucket *buckets = malloc((rows ? rows : 1) * sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	for (uint32_t id = 0; id < BUCKET_LIST_NS; id++) {
		struct key key = { .kind = KEY_BUCKET, .id = id };
		const struct chunk_column *c = chunk_find(chunk, &key);

		if (!c || c->count != rows) {
			free(buckets);
			return -EBADMSG;
		}
		for (size_t row = 0; row < rows; row++)
			buckets[row].value[id] = c->values[row];
	}
	for (uint32_t id = BUCKET_LIST_NS; id < BUCKETS; id++)
		read_lists(chunk, id, buckets);
	*ret_buckets = buckets;
	return 0;
}

/* One aspect's column while it is walked; NULL: there is none. */
struct aspect {
	const struct chunk_column *column;
	size_t next;
};

static bool take(struct aspect *a, size_t row, uint64_t *ret_value)
{
	if (!a->column || a->next == a->column->count || a->column->rows[a->next] != row)
		return false;
	*ret_value = a->column->values[a->next++];
	return true;
}

static void read_rates(struct aspect *aspects, size_t row, struct rollup_point *p)
{
	uint64_t code;
	unsigned __int128 milli;
	uint64_t mean, min, max;

	if (p->weight == 0)
		return;
	milli = (unsigned __int128)p->sum * 1000 * NS_PER_S / p->weight;
	mean = milli > UINT64_MAX ? UINT64_MAX : (uint64_t)milli;
	min = take(&aspects[ASPECT_MIN], row, &code) ? code : rollup_rate_code(mean, false);
	max = take(&aspects[ASPECT_MAX], row, &code) ? code : rollup_rate_code(mean, true);
	p->has_rate = min <= max;
	p->min = rollup_rate_value(min);
	p->max = rollup_rate_value(max);
}

static void read_point(struct aspect *aspects, const struct key *key, size_t row,
		       const struct rollup_bucket *bucket, const struct rollup_point *before,
		       struct rollup_point *p)
{
	enum key_type type = key_type(key);
	bool counter = type == KEY_TYPE_COUNTER;

	p->present = true;
	if (type == KEY_TYPE_AMOUNT) {
		p->sum = p->last;
		return;
	}
	if (!take(&aspects[ASPECT_FIRST], row, &p->first))
		p->first = before ? before->last : 0;
	if (!take(&aspects[ASPECT_WEIGHT], row, &p->weight))
		p->weight = counter ? rollup_whole_ns(bucket, key) : bucket->value[BUCKET_SAMPLES];
	if (!take(&aspects[ASPECT_SUM], row, &p->sum))
		p->sum = counter ? p->last - p->first : p->last * p->weight;
	if (counter) {
		read_rates(aspects, row, p);
		return;
	}
	p->has_rate = true;
	if (!take(&aspects[ASPECT_MIN], row, &p->min))
		p->min = p->last;
	if (!take(&aspects[ASPECT_MAX], row, &p->max))
		p->max = p->last;
}

int rollup_read(struct chunk *chunk, const struct key *key, const struct rollup_bucket *buckets,
		struct rollup_point *ret_points)
{
	struct aspect aspects[KEY_ASPECTS] = { 0 };
	const struct rollup_point *before = NULL;
	size_t rows = chunk_rows(chunk);

	for (int aspect = ASPECT_FIRST; aspect < KEY_ASPECTS; aspect++) {
		struct key with = *key;

		with.aspect = aspect;
		aspects[aspect].column = chunk_find(chunk, &with);
	}
	if (chunk_is_damaged(chunk))
		return -EBADMSG;
	if (!aspects[ASPECT_LAST].column)
		return -ENOENT;
	memset(ret_points, 0, rows * sizeof(*ret_points));
	for (size_t row = 0; row < rows; row++) {
		struct rollup_point *p = &ret_points[row];

		if (take(&aspects[ASPECT_LAST], row, &p->last)) {
			read_point(aspects, key, row, &buckets[row], before, p);
			before = p;
		} else {
			before = NULL;
		}
	}
	return 0;
}
