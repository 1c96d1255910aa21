/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/cursor.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/query/querypart.h"

/* Rows per statement. */
#define CHUNK 512

struct cursor {
	struct query *query;
	struct query_filter filter;
	struct boot *boots;		/* oldest first */
	size_t boots_count;
	size_t boot;			/* index of the current one */
	enum sample_source source;	/* the current one */
	bool begun;			/* the current boot and source are under way */
	int64_t after_ns;
	uint64_t base;
	struct row rows[CHUNK];
	size_t rows_count, next_row;
	struct row_pair pair;
};

struct collected_boots {
	const struct query_filter *filter;
	struct boot *boots;
	size_t count, room;
};

static int collect_boot(void *ctx, const struct boot *boot)
{
	struct collected_boots *c = ctx;
	const struct query_filter *filter = c->filter;

	/* A boot that was found may hold samples from before; so only its end tells. */
	if ((filter->boot && boot->number != filter->boot) ||
	    (boot->closed_ns && boot->closed_ns < filter->from_ns))
		return 0;
	if (c->count == c->room) {
		size_t room = c->room ? 2 * c->room : 16;
		struct boot *boots = realloc(c->boots, room * sizeof(*boots));

		if (!boots)
			return -ENOMEM;
		c->boots = boots;
		c->room = room;
	}
	c->boots[c->count++] = *boot;
	return 0;
}

int cursor_new(struct query *query, const struct query_filter *filter, struct cursor **ret_cursor)
{
	struct collected_boots found = { .filter = filter };
	struct cursor *cursor;
	int r = query_boots(query, filter->vm_id, collect_boot, &found);

	cursor = r == 0 ? calloc(1, sizeof(*cursor)) : NULL;
	if (!cursor) {
		free(found.boots);
		return r < 0 ? r : -ENOMEM;
	}
	for (size_t i = 0; i < found.count / 2; i++) {
		struct boot boot = found.boots[i];

		found.boots[i] = found.boots[found.count - 1 - i];
		found.boots[found.count - 1 - i] = boot;
	}
	cursor->query = query;
	cursor->filter = *filter;
	if (cursor->filter.sources == 0)
		cursor->filter.sources = (1 << SOURCES) - 1;
	if (cursor->filter.to_ns == 0)
		cursor->filter.to_ns = INT64_MAX;
	cursor->boots = found.boots;
	cursor->boots_count = found.count;
	*ret_cursor = cursor;
	return 0;
}

void cursor_free(struct cursor *cursor)
{
	if (!cursor)
		return;
	free(cursor->boots);
	free(cursor);
}

/* Where the current boot and source begin under the filter. */
static int begin_part(struct cursor *c)
{
	const struct boot *boot = &c->boots[c->boot];
	struct row before;
	int r = -ENOENT;

	c->begun = true;
	c->after_ns = c->filter.from_ns ? c->filter.from_ns - 1 : INT64_MIN;
	c->rows_count = c->next_row = 0;
	if (c->filter.from_ns)
		r = query_part_before(c->query, boot, c->source, c->filter.from_ns, &before);
	if (r < 0 && r != -ENOENT)
		return r;
	c->pair.has_before = r == 0;
	if (c->pair.has_before)
		c->pair.before = before.sample;
	return query_part_base(c->query, boot, c->source, &c->base);
}

static int read_chunk(struct cursor *c)
{
	int r;

	c->rows_count = c->next_row = 0;
	r = query_part_rows(c->query, &c->boots[c->boot], c->source, c->after_ns, c->filter.to_ns,
			    c->rows, CHUNK, &c->rows_count);
	if (c->rows_count > 0)
		c->after_ns = c->rows[c->rows_count - 1].sample.t_wall_ns;
	return r;
}

static void next_part(struct cursor *c)
{
	c->begun = false;
	if (++c->source == SOURCES) {
		c->source = 0;
		c->boot++;
	}
}

int cursor_next(struct cursor *cursor, const struct row_pair **ret_pair)
{
	struct cursor *c = cursor;
	struct row_pair *pair = &c->pair;

	while (c->boot < c->boots_count) {
		int r = 0;

		if (!(c->filter.sources & 1 << c->source)) {
			next_part(c);
			continue;
		}
		if (!c->begun) {
			r = begin_part(c);
		} else if (c->next_row > 0) {
			pair->has_before = true;
			pair->before = pair->row.sample;
		}
		if (r == 0 && c->next_row == c->rows_count)
			r = read_chunk(c);
		if (r < 0)
			return r;
		if (c->next_row == c->rows_count) {
			next_part(c);
			continue;
		}
		pair->row = c->rows[c->next_row++];
		pair->row.boot = &c->boots[c->boot];
		pair->exits = pair->row.sample.has & SAMPLE_HAS_EXITS
				      ? pair->row.sample.exits - c->base
				      : 0;
		*ret_pair = pair;
		return 1;
	}
	return 0;
}

int cursor_extent(struct query *query, const struct query_filter *filter,
		  struct cursor_extent *ret_extent)
{
	struct cursor_extent extent = { 0 };
	struct cursor *c;
	int r = cursor_new(query, filter, &c);

	if (r < 0)
		return r;
	for (; c->boot < c->boots_count; next_part(c)) {
		struct query_span span;

		if (!(c->filter.sources & 1 << c->source))
			continue;
		r = query_part_span(query, &c->boots[c->boot], c->source, c->filter.from_ns,
				    c->filter.to_ns, &span);
		if (r < 0)
			break;
		if (span.samples == 0)
			continue;
		if (span.samples > extent.most_samples)
			extent.most_samples = span.samples;
		if (extent.to_ns == 0 || span.from_ns < extent.from_ns)
			extent.from_ns = span.from_ns;
		if (span.to_ns > extent.to_ns)
			extent.to_ns = span.to_ns;
	}
	cursor_free(c);
	if (r < 0)
		return r;
	*ret_extent = extent;
	return 0;
}
