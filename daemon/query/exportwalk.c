/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/exportwalk.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/query/querypart.h"
#include "daemon/store/chunk.h"

struct part {
	struct boot boot;
	uint64_t until[SOURCES];	/* the last sequence seen when it was walked first */
};

struct exportwalk {
	struct query *query;
	struct exportwalk_filter what;
	struct part *parts;		/* oldest boot first */
	size_t count, room;
	size_t part;			/* index of the current one */
	int source;			/* the current one; -1: none yet */
	bool in_source;
	bool again;
	uint64_t after;			/* sequence */
	struct block block;
};

static int collect(void *ctx, const struct boot *boot)
{
	struct exportwalk *w = ctx;
	const struct query_filter *filter = &w->what.filter;

	/* A boot that was found may hold samples from before; so only its end tells. */
	if ((filter->boot && boot->number != filter->boot) ||
	    (boot->closed_ns && boot->closed_ns < filter->from_ns))
		return 0;
	if (w->count == w->room) {
		size_t room = w->room ? 2 * w->room : 16;
		struct part *parts = realloc(w->parts, room * sizeof(*parts));

		if (!parts)
			return -ENOMEM;
		w->parts = parts;
		w->room = room;
	}
	w->parts[w->count++] = (struct part){ .boot = *boot };
	return 0;
}

static void begin(struct exportwalk *w)
{
	chunk_free(w->block.chunk);
	w->block.chunk = NULL;
	w->part = 0;
	w->source = -1;
	w->in_source = false;
}

int exportwalk_new(struct query *query, const struct exportwalk_filter *filter,
		   struct exportwalk **ret_walk)
{
	struct exportwalk *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->query = query;
	w->what = *filter;
	if (w->what.filter.sources == 0)
		w->what.filter.sources = (1 << SOURCES) - 1;
	if (w->what.filter.from_ns == 0)
		w->what.filter.from_ns = INT64_MIN;
	if (w->what.filter.to_ns == 0)
		w->what.filter.to_ns = INT64_MAX;
	r = query_boots(query, filter->filter.vm_id, collect, w);
	if (r < 0) {
		exportwalk_free(w);
		return r;
	}
	for (size_t i = 0; i < w->count / 2; i++) {
		struct part part = w->parts[i];

		w->parts[i] = w->parts[w->count - 1 - i];
		w->parts[w->count - 1 - i] = part;
	}
	begin(w);
	*ret_walk = w;
	return 0;
}

void exportwalk_free(struct exportwalk *walk)
{
	if (!walk)
		return;
	chunk_free(walk->block.chunk);
	free(walk->parts);
	free(walk);
}

void exportwalk_rewind(struct exportwalk *walk, uint64_t after)
{
	walk->what.after = after;
	walk->again = true;
	begin(walk);
}

bool exportwalk_admits(const struct exportwalk *walk, int64_t t_ns)
{
	return t_ns >= walk->what.filter.from_ns && t_ns <= walk->what.filter.to_ns;
}

/* The next source of a boot: false behind the last. */
static bool next_source(struct exportwalk *w)
{
	w->in_source = false;
	while (w->part < w->count) {
		if (++w->source == SOURCES) {
			w->source = -1;
			w->part++;
		} else if (w->what.filter.sources & 1 << w->source) {
			w->in_source = true;
			w->after = w->what.after;
			return true;
		}
	}
	return false;
}

static const struct chunk_column *whole_column(struct chunk *chunk, enum key_field field)
{
	struct key key = { .kind = KEY_FIELD, .id = field };
	const struct chunk_column *c = chunk_find(chunk, &key);

	return c && c->count == chunk_rows(chunk) ? c : NULL;
}

/* Which rows of the block are to be taken: false if it is damaged. */
static bool find_rows(struct exportwalk *w, uint64_t after, struct exportwalk_at *at)
{
	const struct chunk_column *sequence = whole_column(w->block.chunk, FIELD_SEQUENCE);
	const struct chunk_column *t = whole_column(w->block.chunk, FIELD_T_NS);
	uint64_t least = w->block.from_sequence > after ? w->block.from_sequence : after + 1;
	uint64_t most = w->again ? w->parts[w->part].until[w->source] : UINT64_MAX;
	uint32_t rows = chunk_rows(w->block.chunk), row = 0;

	if (!sequence || !t)
		return false;
	while (row < rows && sequence->values[row] < least)
		row++;
	while (rows > row && sequence->values[rows - 1] > most)
		rows--;
	at->sequence = sequence->values;
	at->t_ns = t->values;
	at->row = row;
	at->rows = rows;
	at->has_strays = false;
	for (uint32_t i = row; i < rows && !at->has_strays; i++)
		at->has_strays = !exportwalk_admits(w, t->values[i]);
	return true;
}

/* The next block with rows to take: 1, 0 behind the last, or -errno. */
static int next_block(struct exportwalk *w, struct exportwalk_at *at)
{
	struct part *part = &w->parts[w->part];

	for (;;) {
		uint64_t after = w->after;
		bool good;
		int r;

		chunk_free(w->block.chunk);
		w->block.chunk = NULL;
		if (w->again && after >= part->until[w->source])
			return 0;
		r = blocks_next(query_part_blocks(w->query), part->boot.id, w->source, after,
				w->what.filter.from_ns, w->what.filter.to_ns, &w->block);
		if (r == -ENOENT)
			return 0;
		if (r < 0 && r != -EBADMSG)
			return r;
		w->after = w->block.to_sequence;
		/* What is damaged is a hole; the rest is not to be lost for it. */
		good = r == 0 && find_rows(w, after, at);
		if (!w->again)
			part->until[w->source] = w->after;
		if (good && at->row < at->rows)
			return 1;
	}
}

int exportwalk_next(struct exportwalk *walk, struct exportwalk_at *ret_at)
{
	struct exportwalk *w = walk;
	int r = w->in_source ? next_block(w, ret_at) : 0;

	if (r < 0)
		return r;
	if (r == 0 && !next_source(w))
		return EXPORTWALK_END;
	ret_at->boot = &w->parts[w->part].boot;
	ret_at->source = w->source;
	ret_at->first_source = !(w->what.filter.sources & ((1 << w->source) - 1));
	if (r == 0) {
		ret_at->chunk = NULL;
		return EXPORTWALK_PART;
	}
	ret_at->chunk = w->block.chunk;
	ret_at->to_sequence = w->block.to_sequence;
	return EXPORTWALK_BLOCK;
}
