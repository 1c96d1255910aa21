/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/cursor.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/query/querypart.h"
#include "daemon/store/samplechunk.h"

struct cursor {
	struct query *query;
	struct query_filter filter;
	bool with_detail;
	struct boot *boots;		/* oldest first */
	size_t boots_count;
	size_t boot;			/* index of the current one */
	enum sample_source source;	/* the current one */
	bool begun;			/* the current boot and source are under way */
	uint64_t after;			/* sequence */
	uint64_t base;
	struct block block;		/* chunk NULL: the next is to be read */
	struct samplechunk_reader *reader;
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

int query_part_boots(struct query *query, const struct query_filter *filter,
		     struct boot **ret_boots, size_t *ret_count)
{
	struct collected_boots found = { .filter = filter };
	int r = query_boots(query, filter->vm_id, collect_boot, &found);

	if (r < 0) {
		free(found.boots);
		return r;
	}
	for (size_t i = 0; i < found.count / 2; i++) {
		struct boot boot = found.boots[i];

		found.boots[i] = found.boots[found.count - 1 - i];
		found.boots[found.count - 1 - i] = boot;
	}
	*ret_boots = found.boots;
	*ret_count = found.count;
	return 0;
}

int cursor_new(struct query *query, const struct query_filter *filter, bool with_detail,
	       struct cursor **ret_cursor)
{
	struct cursor *cursor = calloc(1, sizeof(*cursor));
	int r = -ENOMEM;

	if (cursor)
		r = query_part_boots(query, filter, &cursor->boots, &cursor->boots_count);
	if (r < 0) {
		free(cursor);
		return r;
	}
	cursor->query = query;
	cursor->filter = *filter;
	cursor->with_detail = with_detail;
	if (cursor->filter.sources == 0)
		cursor->filter.sources = (1 << SOURCES) - 1;
	if (cursor->filter.to_ns == 0)
		cursor->filter.to_ns = INT64_MAX;
	*ret_cursor = cursor;
	return 0;
}

static void drop_block(struct cursor *c)
{
	samplechunk_close(c->reader);
	chunk_free(c->block.chunk);
	c->reader = NULL;
	c->block.chunk = NULL;
}

void cursor_free(struct cursor *cursor)
{
	if (!cursor)
		return;
	drop_block(cursor);
	free(cursor->boots);
	free(cursor);
}

/* Where the current boot and source begin. */
static int begin_part(struct cursor *c)
{
	c->begun = true;
	c->after = 0;
	c->pair = (struct row_pair){ .row.boot = &c->boots[c->boot], .row.source = c->source };
	return query_part_base(query_part_blocks(c->query), &c->boots[c->boot], c->source,
			       &c->base);
}

/* The next block of the current boot and source: 1, or 0 behind the last. */
static int next_block(struct cursor *c)
{
	struct blocks *b = query_part_blocks(c->query);
	int r;

	do {
		r = blocks_next(b, c->boots[c->boot].id, c->source, c->after,
				c->filter.from_ns ? c->filter.from_ns : INT64_MIN, c->filter.to_ns,
				&c->block);
		/* What is damaged is a hole; the rest is not to be lost for it. */
		if (r == -EBADMSG)
			c->after = c->block.to_sequence;
	} while (r == -EBADMSG);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	c->after = c->block.to_sequence;
	r = samplechunk_open(c->block.chunk, c->with_detail, &c->reader);
	if (r < 0)
		drop_block(c);
	return r == -EBADMSG ? next_block(c) : r < 0 ? r : 1;
}

static void next_part(struct cursor *c)
{
	c->begun = false;
	if (++c->source == SOURCES) {
		c->source = 0;
		c->boot++;
	}
}

/* The block's next sample within the filter: 1, or 0 behind its last. */
static int next_row(struct cursor *c)
{
	struct row_pair *pair = &c->pair;
	struct sample *s = &pair->row.sample;
	bool has_row = s->sequence > 0;

	for (;;) {
		struct sample before = *s;

		if (!samplechunk_next(c->reader, s)) {
			*s = before;
			return 0;
		}
		/* Behind us already; not so the one before, if blocks between have gone. */
		if (has_row && s->sequence <= before.sequence) {
			*s = before;
			continue;
		}
		pair->has_before = has_row;
		pair->before = before;
		pair->before.detail = NULL;
		pair->before.detail_len = 0;
		has_row = true;
		if (s->sequence >= c->block.from_sequence &&
		    (int64_t)s->t_wall_ns >= c->filter.from_ns &&
		    (int64_t)s->t_wall_ns <= c->filter.to_ns)
			return 1;
	}
}

int cursor_next(struct cursor *cursor, const struct row_pair **ret_pair)
{
	struct cursor *c = cursor;
	int r = 0;

	while (c->boot < c->boots_count) {
		if (!(c->filter.sources & 1 << c->source)) {
			next_part(c);
			continue;
		}
		if (!c->begun)
			r = begin_part(c);
		if (r == 0 && !c->reader)
			r = next_block(c);
		else if (r == 0)
			r = 1;
		if (r < 0)
			return r;
		if (r == 0) {
			next_part(c);
			continue;
		}
		r = next_row(c);
		if (r == 0) {
			drop_block(c);
			continue;
		}
		c->pair.exits = c->pair.row.sample.has & SAMPLE_HAS_EXITS
					? c->pair.row.sample.exits - c->base
					: 0;
		*ret_pair = &c->pair;
		return 1;
	}
	return 0;
}
