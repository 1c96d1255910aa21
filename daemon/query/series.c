/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/query/cursor.h"

/* A curve being read: its finished points and the one still growing. */
struct builder {
	struct series *series;
	size_t room;
	double width_s;			/* of a merged point; 0: none is merged */
	double seconds, amount, min, max, t;
	double short_seconds, short_amount;	/* too short to stand alone: part of the next */
	bool from_opening;		/* that begins at the boot's opening */
};

static int grow(struct builder *b)
{
	double **columns[] = { &b->series->t, &b->series->dt, &b->series->v, &b->series->min,
			       &b->series->max };
	size_t room = b->room ? 2 * b->room : 64;

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		double *column = realloc(*columns[i], room * sizeof(double));

		if (!column)
			return -ENOMEM;
		*columns[i] = column;
	}
	b->room = room;
	return 0;
}

static int finish_point(struct builder *b)
{
	struct series *s = b->series;
	int r;

	if (b->seconds <= 0)
		return 0;
	if (s->count == b->room) {
		r = grow(b);
		if (r < 0)
			return r;
	}
	s->t[s->count] = b->t;
	s->dt[s->count] = b->seconds;
	s->v[s->count] = b->amount / b->seconds;
	s->min[s->count] = b->min;
	s->max[s->count] = b->max;
	s->count++;
	b->seconds = 0;
	return 0;
}

static int add_interval(struct builder *b, bool from_opening, double t, double seconds,
			double amount)
{
	double v;
	int r;

	b->from_opening |= from_opening;

	seconds += b->short_seconds;
	amount += b->short_amount;
	if (seconds < (b->from_opening ? RATE_LEAST_FIRST_S : RATE_LEAST_S)) {
		b->short_seconds = seconds;
		b->short_amount = amount;
		return 0;
	}
	b->short_seconds = b->short_amount = 0;
	b->from_opening = false;
	v = amount / seconds;
	/* An interval that begins elsewhere than the last ended leaves a hole open. */
	if (b->seconds > 0 &&
	    (t - seconds - b->t > RATE_LEAST_S || b->seconds + seconds > b->width_s)) {
		r = finish_point(b);
		if (r < 0)
			return r;
	}
	if (b->seconds <= 0) {
		b->seconds = b->amount = 0;
		b->min = b->max = v;
	}
	b->seconds += seconds;
	b->amount += amount;
	b->min = v < b->min ? v : b->min;
	b->max = v > b->max ? v : b->max;
	b->t = t;
	return 0;
}

static int start(struct builder *b, const struct row *row, int kind, double width_s)
{
	memset(b, 0, sizeof(*b));
	b->series = calloc(1, sizeof(*b->series));
	if (!b->series)
		return -ENOMEM;
	b->series->boot = *row->boot;
	b->series->source = row->source;
	b->series->kind = kind;
	b->width_s = width_s;
	return 0;
}

/* Finish a curve and hang it behind @tail, or drop it when it is empty. */
static int finish(struct builder *b, struct series ***tail)
{
	int r;

	if (!b->series)
		return 0;
	r = finish_point(b);
	if (r == 0 && b->series->count > 0) {
		**tail = b->series;
		*tail = &b->series->next;
	} else {
		series_free(b->series);
	}
	b->series = NULL;
	return r;
}

/* How much time one point must cover so that @points suffice for each curve. */
static int point_width(struct query *query, const struct query_filter *filter, unsigned int points,
		       double *ret_width_s)
{
	struct cursor_extent extent;
	int r = cursor_extent(query, filter, &extent);

	if (r < 0)
		return r;
	*ret_width_s = 0;
	if (extent.most_samples > points)
		/*
		 * Two neighbours cover more than one width together; the first interval
		 * may begin before the first sample, so some points are kept for it.
		 */
		*ret_width_s = (extent.to_ns - extent.from_ns) / 1e9 * 2 / (points > 4 ? points - 3 : 1);
	return 0;
}

int series_read(struct query *query, const struct query_filter *filter, const int *kinds,
		size_t kinds_count, unsigned int points, struct series **ret_series)
{
	struct builder builders[SERIES_KINDS_MAX] = { 0 };
	struct series *list = NULL, **tail = &list;
	struct cursor *cursor = NULL;
	int64_t boot_id = 0;
	enum sample_source source = SOURCE_GUEST;
	const struct row_pair *pair;
	double width_s;
	int r;

	if (kinds_count > SERIES_KINDS_MAX)
		return -EINVAL;
	r = point_width(query, filter, points, &width_s);
	if (r == 0)
		r = cursor_new(query, filter, false, &cursor);
	while (r == 0 && (r = cursor_next(cursor, &pair)) > 0) {
		const struct row *row = &pair->row;
		bool other = row->boot->id != boot_id || row->source != source;

		r = 0;
		boot_id = row->boot->id;
		source = row->source;
		for (size_t i = 0; i < kinds_count && r == 0; i++) {
			double seconds, amount;

			if (other) {
				r = finish(&builders[i], &tail);
				if (r == 0)
					r = start(&builders[i], row, kinds[i], width_s);
			}
			if (r == 0 && rate_interval(row->boot,
						    pair->has_before ? &pair->before : NULL,
						    &row->sample, kinds[i], &seconds, &amount))
				r = add_interval(&builders[i], !pair->has_before,
						 row->sample.t_wall_ns / 1e9, seconds, amount);
		}
	}
	for (size_t i = 0; i < kinds_count; i++) {
		int finished = finish(&builders[i], &tail);

		r = r < 0 ? r : finished;
	}
	cursor_free(cursor);
	if (r < 0) {
		series_free(list);
		return r;
	}
	*ret_series = list;
	return 0;
}

void series_free(struct series *series)
{
	while (series) {
		struct series *next = series->next;

		free(series->t);
		free(series->dt);
		free(series->v);
		free(series->min);
		free(series->max);
		free(series);
		series = next;
	}
}
