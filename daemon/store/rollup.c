/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/rollup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define S 1000000000LL
const int64_t rollup_width_ns[ROLLUP_TIERS] = { 0, 10 * S, 60 * S, 600 * S, 3600 * S };

/* Rows and the buckets they fall into. */
struct plan {
	size_t rows, buckets;
	int32_t *bucket_of;		/* of each row; -1: it only stands before others */
	struct rollup_bucket *bucket;
	struct liststeps steps;		/* of samples */
};

static unsigned int length_of(uint64_t v)
{
	return v ? 64 - __builtin_clzll(v) : 0;
}

uint32_t rollup_rate_code(uint64_t value, bool up)
{
	unsigned int shift = length_of(value) > 8 ? length_of(value) - 8 : 0;
	uint64_t mantissa = value >> shift;

	if (up && mantissa << shift != value)
		mantissa++;
	return shift * 128 + mantissa;
}

uint64_t rollup_rate_value(uint32_t code)
{
	unsigned int shift = code < 256 ? 0 : code / 128 - 1;
	uint64_t mantissa = code - shift * 128;

	return shift > 56 ? UINT64_MAX : mantissa << shift;
}

static int64_t floor_to(int64_t t, int64_t width)
{
	int64_t rest = t % width;

	return t - (rest < 0 ? rest + width : rest);
}

/* The bucket for a row at @t_ns: the last one, or a new one. */
static struct rollup_bucket *bucket_at(struct plan *p, int64_t start_ns)
{
	struct rollup_bucket *last = p->buckets ? &p->bucket[p->buckets - 1] : NULL;

	if (last && (int64_t)last->value[BUCKET_START_NS] == start_ns)
		return last;
	last = &p->bucket[p->buckets++];
	memset(last, 0, sizeof(*last));
	last->value[BUCKET_START_NS] = start_ns;
	return last;
}

static const struct chunk_column *meta(struct chunk *chunk, enum key_kind kind, uint32_t id)
{
	struct key key = { .kind = kind, .id = id };

	return chunk_find(chunk, &key);
}

static int new_plan(size_t rows, struct plan *p)
{
	p->rows = rows;
	p->bucket_of = malloc((rows + 1) * sizeof(*p->bucket_of));
	p->bucket = malloc((rows + 1) * sizeof(*p->bucket));
	return p->bucket_of && p->bucket ? 0 : -ENOMEM;
}

static void drop_plan(struct plan *p)
{
	liststeps_done(&p->steps);
	free(p->bucket_of);
	free(p->bucket);
}

/* Add a sample at @t_ns, @ns after the one before (0: not known), to its bucket. */
static void plan_sample(struct plan *p, size_t row, int64_t t_ns, uint64_t sequence, int64_t ns,
			bool gap)
{
	struct rollup_bucket *b = bucket_at(p, floor_to(t_ns, rollup_width_ns[1]));

	p->bucket_of[row] = p->buckets - 1;
	if (b->value[BUCKET_SAMPLES]++ == 0) {
		b->value[BUCKET_FROM_NS] = t_ns;
		b->value[BUCKET_FROM_SEQUENCE] = sequence;
	}
	b->value[BUCKET_TO_NS] = t_ns;
	b->value[BUCKET_TO_SEQUENCE] = sequence;
	b->value[gap ? BUCKET_GAP_NS : BUCKET_COVERED_NS] += ns;
	for (unsigned int list = 0; list < LISTSTEP_LISTS; list++)
		b->value[BUCKET_LIST_NS + list] += liststeps_of(&p->steps, list)[row].ns;
}

static int plan_samples(struct chunk *chunk, uint64_t after, const struct rollup_origin *origin,
			struct plan *p)
{
	const struct chunk_column *t = meta(chunk, KEY_FIELD, FIELD_T_NS);
	const struct chunk_column *sequence = meta(chunk, KEY_FIELD, FIELD_SEQUENCE);
	const struct chunk_column *gap = meta(chunk, KEY_FIELD, FIELD_GAP);
	size_t gaps = 0;
	bool first;
	int r;

	if (chunk_is_damaged(chunk) || !t || !sequence || t->count != p->rows ||
	    sequence->count != p->rows)
		return -EBADMSG;
	first = p->rows && sequence->values[0] > after;
	r = liststeps_make(chunk, origin->leads, first, origin->from_zero, origin->opened_ns,
			   &p->steps);
	for (size_t row = 0; row < p->rows && r == 0; row++) {
		int64_t before_ns = row ? (int64_t)t->values[row - 1] : origin->opened_ns;
		int64_t ns = (int64_t)t->values[row] - before_ns;
		bool is_gap = gap && gaps < gap->count && gap->rows[gaps] == row;

		gaps += is_gap;
		p->bucket_of[row] = -1;
		if (sequence->values[row] <= after)
			continue;
		if ((row == 0 && !origin->from_zero) || ns < 0)
			ns = 0;
		plan_sample(p, row, t->values[row], sequence->values[row], ns, is_gap);
	}
	return r == 0 && p->buckets == 0 ? -ENOENT : r;
}

static void add_rate(struct rollup_point *f, uint64_t least, uint64_t most)
{
	f->min = f->has_rate && f->min < least ? f->min : least;
	f->max = f->has_rate && f->max > most ? f->max : most;
	f->has_rate = true;
}

static void add_counter(struct rollup_point *f, const struct liststep *step, bool known,
			uint64_t before, uint64_t value)
{
	if (!f->present)
		f->first = known ? before : value;
	f->present = true;
	f->last = value;
	if (!known || step->ns == 0 || value < before)
		return;
	f->sum += value - before;
	f->weight += step->ns;
	if (step->per_ns > 0) {
		double rate = (value - before) * step->per_ns;
		uint64_t milli = rate < 0x1p64 ? (uint64_t)rate : UINT64_MAX;

		add_rate(f, milli, milli < rate && milli < UINT64_MAX ? milli + 1 : milli);
	}
}

static void add_value(struct rollup_point *f, uint64_t value)
{
	if (!f->present)
		f->first = value;
	f->present = true;
	f->last = value;
	f->sum += value;
	f->weight++;
	add_rate(f, value, value);
}

static void fold_samples(const struct plan *p, const struct chunk_column *c,
			 struct rollup_point *folds)
{
	const struct liststep *steps = liststeps_of(&p->steps, liststep_list(&c->key));
	bool counter = key_type(&c->key) == KEY_TYPE_COUNTER;

	for (size_t i = 0; i < c->count; i++) {
		int32_t bucket = p->bucket_of[c->rows[i]];
		uint64_t before;
		bool known;

		if (bucket < 0)
			continue;
		if (!counter) {
			add_value(&folds[bucket], c->values[i]);
			continue;
		}
		known = liststeps_before(&p->steps, steps, c, i, &before);
		add_counter(&folds[bucket], &steps[c->rows[i]], known, before, c->values[i]);
	}
}

/* A mean rate in thousandths a second. */
static uint64_t mean_rate(const struct rollup_point *f)
{
	unsigned __int128 milli = (unsigned __int128)f->sum * 1000 * S / f->weight;

	return milli > UINT64_MAX ? UINT64_MAX : (uint64_t)milli;
}

static uint64_t whole_weight(const struct key *key, const struct rollup_bucket *bucket)
{
	return key_type(key) == KEY_TYPE_COUNTER ? rollup_whole_ns(bucket, key)
						 : bucket->value[BUCKET_SAMPLES];
}

static void put(struct chunk *into, struct key *key, enum key_aspect aspect, size_t row,
		uint64_t value)
{
	key->aspect = aspect;
	chunk_set_at(into, key, row, value);
}

static void put_rates(struct chunk *into, struct key *key, size_t row,
		      const struct rollup_point *f)
{
	/* A lowest above the highest: the intervals were too short for a rate. */
	uint32_t min = f->has_rate ? rollup_rate_code(f->min, false) : 1;
	uint32_t max = f->has_rate ? rollup_rate_code(f->max, true) : 0;
	uint64_t mean = mean_rate(f);

	if (min != rollup_rate_code(mean, false))
		put(into, key, ASPECT_MIN, row, min);
	if (max != rollup_rate_code(mean, true))
		put(into, key, ASPECT_MAX, row, max);
}

/* Write one series' points as columns, leaving out what rollup_read() knows by itself. */
static void put_points(struct chunk *into, size_t first_row, const struct plan *p,
		       struct key key, const struct rollup_point *folds)
{
	enum key_type type = key_type(&key);
	const struct rollup_point *before = NULL;

	for (size_t i = 0; i < p->buckets && type == KEY_TYPE_AMOUNT; i++) {
		if (folds[i].present)
			put(into, &key, ASPECT_LAST, first_row + i, folds[i].sum);
	}
	for (size_t i = 0; i < p->buckets && type != KEY_TYPE_AMOUNT; i++) {
		const struct rollup_point *f = &folds[i];
		uint64_t usual = type == KEY_TYPE_COUNTER ? f->last - f->first
							   : f->last * f->weight;
		size_t row = first_row + i;

		if (f->present && f->weight != whole_weight(&key, &p->bucket[i]))
			put(into, &key, ASPECT_WEIGHT, row, f->weight);
		if (f->present)
			put(into, &key, ASPECT_LAST, row, f->last);
		if (f->present && !(before && before->last == f->first))
			put(into, &key, ASPECT_FIRST, row, f->first);
		if (f->present && f->sum != usual)
			put(into, &key, ASPECT_SUM, row, f->sum);
		if (f->present && type == KEY_TYPE_COUNTER && f->weight > 0)
			put_rates(into, &key, row, f);
		if (f->present && type != KEY_TYPE_COUNTER && f->min != f->last)
			put(into, &key, ASPECT_MIN, row, f->min);
		if (f->present && type != KEY_TYPE_COUNTER && f->max != f->last)
			put(into, &key, ASPECT_MAX, row, f->max);
		before = f->present ? f : NULL;
	}
}

static size_t put_buckets(struct chunk *into, const struct plan *p)
{
	size_t first_row = chunk_rows(into);

	for (size_t i = 0; i < p->buckets; i++) {
		(void)chunk_add_row(into);
		for (uint32_t id = 0; id < BUCKETS; id++) {
			struct key key = { .kind = KEY_BUCKET, .id = id };

			if (id < BUCKET_LIST_NS ||
			    p->bucket[i].value[id] != p->bucket[i].value[BUCKET_COVERED_NS])
				chunk_set(into, &key, p->bucket[i].value[id]);
		}
	}
	return first_row;
}

int rollup_samples(struct chunk *samples, uint64_t after, const struct rollup_origin *origin,
		   struct chunk *into)
{
	struct plan p = { 0 };
	struct rollup_point *folds = NULL;
	int r = new_plan(chunk_rows(samples), &p);

	if (r == 0)
		r = plan_samples(samples, after, origin, &p);
	if (r == 0) {
		folds = malloc(p.buckets * sizeof(*folds));
		r = folds ? 0 : -ENOMEM;
	}
	if (r == 0) {
		size_t first_row = put_buckets(into, &p);

		for (size_t i = 0; i < chunk_columns(samples) && r == 0; i++) {
			const struct chunk_column *c;

			if (key_type(chunk_key(samples, i)) == KEY_TYPE_NONE)
				continue;
			c = chunk_column(samples, i);
			if (!c) {
				r = -EBADMSG;
				break;
			}
			memset(folds, 0, p.buckets * sizeof(*folds));
			fold_samples(&p, c, folds);
			put_points(into, first_row, &p, c->key, folds);
		}
	}
	free(folds);
	drop_plan(&p);
	return r;
}

static void add_bucket(struct rollup_bucket *to, const struct rollup_bucket *from)
{
	if (to->value[BUCKET_SAMPLES] == 0) {
		to->value[BUCKET_FROM_NS] = from->value[BUCKET_FROM_NS];
		to->value[BUCKET_FROM_SEQUENCE] = from->value[BUCKET_FROM_SEQUENCE];
	}
	to->value[BUCKET_TO_NS] = from->value[BUCKET_TO_NS];
	to->value[BUCKET_TO_SEQUENCE] = from->value[BUCKET_TO_SEQUENCE];
	to->value[BUCKET_SAMPLES] += from->value[BUCKET_SAMPLES];
	to->value[BUCKET_COVERED_NS] += from->value[BUCKET_COVERED_NS];
	to->value[BUCKET_GAP_NS] += from->value[BUCKET_GAP_NS];
	for (int id = BUCKET_LIST_NS; id < BUCKETS; id++)
		to->value[id] += from->value[id];
}

/* Add up two points of a series, the second one later; zeros are nothing. */
static void add_point(struct rollup_point *to, const struct rollup_point *from)
{
	if (!from->present)
		return;
	if (!to->present)
		to->first = from->first;
	to->present = true;
	to->last = from->last;
	to->sum += from->sum;
	to->weight += from->weight;
	if (from->has_rate)
		add_rate(to, from->min, from->max);
}

/* The series that a chunk of buckets has: the keys of its LAST columns. */
static bool is_series(const struct key *key)
{
	return key->aspect == ASPECT_LAST && key_type(key) != KEY_TYPE_NONE;
}

static int fold_buckets(struct chunk *chunk, const struct rollup_bucket *buckets,
			struct plan *p, struct chunk *into)
{
	struct rollup_point *points = malloc(p->rows * sizeof(*points));
	struct rollup_point *folds = malloc(p->buckets * sizeof(*folds));
	size_t first_row = put_buckets(into, p);
	int r = points && folds ? 0 : -ENOMEM;

	for (size_t i = 0; i < chunk_columns(chunk) && r == 0; i++) {
		struct key key = *chunk_key(chunk, i);

		if (!is_series(&key))
			continue;
		key.aspect = ASPECT_VALUE;
		r = rollup_read(chunk, &key, buckets, points);
		if (r < 0)
			break;
		memset(folds, 0, p->buckets * sizeof(*folds));
		for (size_t row = 0; row < p->rows; row++) {
			if (p->bucket_of[row] >= 0)
				add_point(&folds[p->bucket_of[row]], &points[row]);
		}
		put_points(into, first_row, p, key, folds);
	}
	free(points);
	free(folds);
	return r;
}

int rollup_buckets(struct chunk *buckets, uint64_t after, int64_t width_ns, struct chunk *into)
{
	struct plan p = { 0 };
	struct rollup_bucket *rows = NULL;
	int r = new_plan(chunk_rows(buckets), &p);

	if (r == 0)
		r = rollup_read_buckets(buckets, &rows);
	for (size_t row = 0; row < p.rows && r == 0; row++) {
		p.bucket_of[row] = -1;
		if (rows[row].value[BUCKET_TO_SEQUENCE] <= after)
			continue;
		add_bucket(bucket_at(&p, floor_to(rows[row].value[BUCKET_START_NS], width_ns)),
			   &rows[row]);
		p.bucket_of[row] = p.buckets - 1;
	}
	if (r == 0)
		r = p.buckets ? fold_buckets(buckets, rows, &p, into) : -ENOENT;
	free(rows);
	drop_plan(&p);
	return r;
}
