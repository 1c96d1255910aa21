/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/spanrows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void spanrows_done(struct spanrows *rows)
{
	free(rows->spans);
	free(rows->points);
	free(rows->wanted);
}

static int make_room(struct spanrows *rows, size_t count)
{
	struct rollup_point *points;
	struct span *spans;
	bool *wanted;

	if (count <= rows->room)
		return 0;
	spans = realloc(rows->spans, count * sizeof(*spans));
	rows->spans = spans ? spans : rows->spans;
	points = realloc(rows->points, count * sizeof(*points));
	rows->points = points ? points : rows->points;
	wanted = realloc(rows->wanted, count * sizeof(*wanted));
	rows->wanted = wanted ? wanted : rows->wanted;
	if (!spans || !points || !wanted)
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
	struct liststeps steps;
};

/* As rollup.c does it, so that samples and their rollups say the same. */
static int take_steps(struct chunk *chunk, const struct spanrows_range *range,
		      struct spanrows *rows, struct samples *ret_samples)
{
	const struct chunk_column *t = field(chunk, FIELD_T_NS);
	const struct chunk_column *sequence = field(chunk, FIELD_SEQUENCE);
	size_t count = chunk_rows(chunk);
	bool first;

	if (chunk_is_damaged(chunk) || !t || !sequence || t->count != count ||
	    sequence->count != count)
		return -EBADMSG;
	for (size_t row = 0; row < count; row++) {
		int64_t t_ns = t->values[row];

		rows->wanted[row] = sequence->values[row] > range->after &&
				    sequence->values[row] <= range->upto && t_ns >= range->from_ns &&
				    t_ns <= range->to_ns;
	}
	ret_samples->rows = rows;
	ret_samples->t = t;
	first = count && sequence->values[0] >= range->first;
	return liststeps_make(chunk, range->leads, first, rows->origin.from_zero,
			      rows->origin.opened_ns, &ret_samples->steps);
}

static void counter_span(const struct samples *s, const struct chunk_column *c, size_t i,
			 const struct liststep *steps, struct span *span)
{
	const struct liststep *step = &steps[c->rows[i]];
	uint64_t before, value = c->values[i];
	bool known = liststeps_before(&s->steps, steps, c, i, &before);

	span->point.first = known ? before : value;
	span->point.last = value;
	if (!known || step->ns == 0 || value < before)
		return;
	span->point.sum = value - before;
	span->point.weight = span->ns = step->ns;
	span->from_opening = step->before == LISTSTEP_ZERO;
}

static void level_span(const struct chunk_column *c, size_t i, const struct liststep *steps,
		       struct span *span)
{
	const struct liststep *step = &steps[c->rows[i]];
	uint64_t value = c->values[i];

	/* At the opening there was no level. */
	span->ns = step->before == LISTSTEP_ZERO ? 0 : step->ns;
	span->point.sum = value;
	if (key_type(&c->key) == KEY_TYPE_AMOUNT)
		return;
	span->point.first = span->point.last = span->point.min = span->point.max = value;
	span->point.weight = 1;
	span->point.has_rate = true;
}

static int put_values(struct spanrows *rows, const struct samples *s, size_t want,
		      const struct chunk_column *c)
{
	const struct liststep *steps = liststeps_of(&s->steps, liststep_list(&c->key));
	bool counter = key_type(&c->key) == KEY_TYPE_COUNTER;
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++) {
		struct span *span = &rows->spans[count];

		if (!rows->wanted[c->rows[i]])
			continue;
		memset(span, 0, sizeof(*span));
		span->t_ns = s->t->values[c->rows[i]];
		span->point.present = true;
		if (counter)
			counter_span(s, c, i, steps, span);
		else
			level_span(c, i, steps, span);
		count++;
	}
	return count ? rows->fn(rows->ctx, want, &c->key, rows->spans, count) : 0;
}

int spanrows_samples(struct spanrows *rows, struct chunk *chunk,
		     const struct spanrows_range *range)
{
	struct samples s = { 0 };
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
	liststeps_done(&s.steps);
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
			.ns = counter ? point->weight : rollup_whole_ns(&buckets[row], key),
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
