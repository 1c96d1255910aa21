/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/spanrows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/detail.h"

/* The interval that ends with a row of samples. */
struct spanrows_step {
	bool wanted;
	bool gap;
	uint64_t ns;			/* 0: not known */
};

void spanrows_done(struct spanrows *rows)
{
	free(rows->spans);
	free(rows->points);
	free(rows->steps);
}

static int make_room(struct spanrows *rows, size_t count)
{
	struct rollup_point *points;
	struct spanrows_step *steps;
	struct span *spans;

	if (count <= rows->room)
		return 0;
	spans = realloc(rows->spans, count * sizeof(*spans));
	rows->spans = spans ? spans : rows->spans;
	points = realloc(rows->points, count * sizeof(*points));
	rows->points = points ? points : rows->points;
	steps = realloc(rows->steps, count * sizeof(*steps));
	rows->steps = steps ? steps : rows->steps;
	if (!spans || !points || !steps)
		return -ENOMEM;
	rows->room = count;
	return 0;
}

static const struct chunk_column *field(struct chunk *chunk, uint32_t id)
{
	struct key key = { .kind = KEY_FIELD, .id = id };

	return chunk_find(chunk, &key);
}

/* Samples of a chunk by what all series have in common. */
struct samples {
	const struct spanrows *rows;
	const struct chunk_column *t;
	const struct chunk_column *lists;	/* which lists a row has, or NULL */
	bool from_zero;				/* row 0 is the first since zero */
};

/* As rollup.c does it, so that samples and their rollups say the same. */
static int take_steps(struct chunk *chunk, const struct spanrows_range *range,
		      struct spanrows *rows, struct samples *ret_samples)
{
	const struct chunk_column *t = field(chunk, FIELD_T_NS);
	const struct chunk_column *sequence = field(chunk, FIELD_SEQUENCE);
	const struct chunk_column *gap = field(chunk, FIELD_GAP);
	const struct chunk_column *lists = field(chunk, FIELD_LISTS);
	size_t count = chunk_rows(chunk), gaps = 0;

	if (chunk_is_damaged(chunk) || !t || !sequence || t->count != count ||
	    sequence->count != count || (lists && lists->count != count))
		return -EBADMSG;
	for (size_t row = 0; row < count; row++) {
		int64_t t_ns = t->values[row];
		int64_t before_ns = row ? (int64_t)t->values[row - 1] : rows->origin.opened_ns;
		bool known = row > 0 || rows->origin.from_zero;
		struct spanrows_step *step = &rows->steps[row];

		step->gap = gap && gaps < gap->count && gap->rows[gaps] == row;
		gaps += step->gap;
		step->ns = known && !step->gap && t_ns > before_ns ? t_ns - before_ns : 0;
		step->wanted = sequence->values[row] > range->after &&
			       sequence->values[row] <= range->upto && t_ns >= range->from_ns &&
			       t_ns <= range->to_ns;
	}
	*ret_samples = (struct samples){
		.rows = rows,
		.t = t,
		.lists = lists,
		.from_zero = rows->origin.from_zero && sequence->values[0] > range->after,
	};
	return 0;
}

/* Whether a counter that row @row has and the one before has not was zero in that. */
static bool was_zero(const struct samples *s, const struct key *key, size_t row)
{
	unsigned int list = key->kind < KEY_VCPU_COUNT ? DETAIL_REASONS : DETAIL_VCPUS;

	if (!key_is_vm_counter(key))
		return false;
	if (row == 0)
		return s->from_zero;
	return key->kind != KEY_FIELD && s->lists &&
	       s->lists->values[row - 1] >> (list - DETAIL_FIRST) & 1;
}

static void counter_span(const struct samples *s, const struct chunk_column *c, size_t i,
			 struct span *span)
{
	size_t row = c->rows[i];
	bool follows = i > 0 && c->rows[i - 1] + 1 == row;
	uint64_t before = follows ? c->values[i - 1] : 0, value = c->values[i];
	const struct spanrows_step *step = &s->rows->steps[row];
	bool known = follows || was_zero(s, &c->key, row);

	span->point.first = known ? before : value;
	span->point.last = value;
	if (!known || step->ns == 0 || value < before)
		return;
	span->point.sum = value - before;
	span->point.weight = span->ns = step->ns;
	span->from_opening = row == 0;
}

/*
 * What a list of processes tells is of the time since the list before it, which not every
 * sample has; nanoseconds, as far back as the chunk and what follows on each other go.
 */
static uint64_t since_list(const struct samples *s, size_t row)
{
	uint64_t ns = 0;

	for (; row > 0 && s->rows->steps[row].ns; row--) {
		ns += s->rows->steps[row].ns;
		if (!s->lists || s->lists->values[row - 1] >> (DETAIL_PROCESSES - DETAIL_FIRST) & 1)
			break;
	}
	return ns;
}

static void level_span(const struct samples *s, const struct chunk_column *c, size_t i,
		       struct span *span)
{
	size_t row = c->rows[i];
	uint64_t value = c->values[i];

	span->ns = row ? s->rows->steps[row].ns : 0;
	span->point.sum = value;
	if (key_type(&c->key) == KEY_TYPE_AMOUNT) {
		span->ns = since_list(s, row);
		return;
	}
	span->point.first = span->point.last = span->point.min = span->point.max = value;
	span->point.weight = 1;
	span->point.has_rate = true;
}

static int put_values(struct spanrows *rows, const struct samples *s, size_t want,
		      const struct chunk_column *c)
{
	bool counter = key_type(&c->key) == KEY_TYPE_COUNTER;
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++) {
		struct span *span = &rows->spans[count];

		if (!rows->steps[c->rows[i]].wanted)
			continue;
		memset(span, 0, sizeof(*span));
		span->t_ns = s->t->values[c->rows[i]];
		span->point.present = true;
		if (counter)
			counter_span(s, c, i, span);
		else
			level_span(s, c, i, span);
		count++;
	}
	return count ? rows->fn(rows->ctx, want, &c->key, rows->spans, count) : 0;
}

int spanrows_samples(struct spanrows *rows, struct chunk *chunk,
		     const struct spanrows_range *range)
{
	struct samples s;
	int r = make_room(rows, chunk_rows(chunk));

	if (r == 0)
		r = take_steps(chunk, range, rows, &s);
	for (size_t want = 0; want < rows->wants_count && r == 0; want++) {
		const struct spans_want *w = &rows->wants[want];
		const struct chunk_column *c = w->any ? NULL : chunk_find(chunk, &w->key);

		if (c)
			r = put_values(rows, &s, want, c);
		for (size_t i = 0; w->any && i < chunk_columns(chunk) && r == 0; i++) {
			if (chunk_key(chunk, i)->kind != w->key.kind)
				continue;
			c = chunk_column(chunk, i);
			r = c ? put_values(rows, &s, want, c) : -EBADMSG;
		}
		if (r == 0 && chunk_is_damaged(chunk))
			r = -EBADMSG;
	}
	return r;
}

/* What is known of one series in rows @first to @end - 1. */
static int put_points(struct spanrows *rows, struct chunk *chunk, size_t want,
		      const struct key *key, const struct rollup_bucket *buckets, size_t first,
		      size_t end)
{
	bool counter = key_type(key) == KEY_TYPE_COUNTER;
	size_t count = 0;
	int r = rollup_read(chunk, key, buckets, rows->points);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t row = first; row < end; row++) {
		const struct rollup_point *point = &rows->points[row];

		if (!point->present)
			continue;
		rows->spans[count++] = (struct span){
			.t_ns = buckets[row].value[BUCKET_TO_NS],
			.ns = counter ? point->weight : buckets[row].value[BUCKET_COVERED_NS],
			.no_rate = counter && point->weight > 0 && !point->has_rate,
			.point = *point,
		};
	}
	return count ? rows->fn(rows->ctx, want, key, rows->spans, count) : 0;
}

int spanrows_buckets(struct spanrows *rows, struct chunk *chunk,
		     const struct rollup_bucket *buckets, size_t first, size_t end)
{
	int r = make_room(rows, chunk_rows(chunk));

	for (size_t want = 0; want < rows->wants_count && r == 0; want++) {
		const struct spans_want *w = &rows->wants[want];

		if (!w->any)
			r = put_points(rows, chunk, want, &w->key, buckets, first, end);
		for (size_t i = 0; w->any && i < chunk_columns(chunk) && r == 0; i++) {
			struct key key = *chunk_key(chunk, i);

			if (key.kind != w->key.kind || key.aspect != ASPECT_LAST)
				continue;
			key.aspect = ASPECT_VALUE;
			r = put_points(rows, chunk, want, &key, buckets, first, end);
		}
	}
	return r;
}
