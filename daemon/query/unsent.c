/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/unsent.h"

#include <errno.h>
#include <string.h>

#include "daemon/query/querypart.h"

int unsent_lost(struct query *query, uint64_t *ret_samples)
{
	return sent_lost(query_part_db(query), ret_samples);
}

int unsent_positions(struct query *query, sent_fn fn, void *ctx)
{
	return sent_walk(query_part_db(query), fn, ctx);
}

/* The last sequence of a boot and source, which may not be there any more. */
static int last_sequence(struct query *q, int64_t boot, enum sample_source source,
			 uint64_t *ret_sequence)
{
	struct blocks *b = query_part_blocks(q);
	struct journal_end end;
	struct stream stream;
	int r = journal_end(b->journal, boot, source, &end);

	if (r == 0)
		r = stream_get(b->streams, boot, source, &stream);
	if (r < 0)
		return r;
	*ret_sequence = end.samples && end.to_sequence > stream.sealed[0] ? end.to_sequence
									   : stream.sealed[0];
	stream_done(&stream);
	return 0;
}

int unsent_end(struct query *query, int64_t vm, enum sample_source source, struct sent_at *ret_at)
{
	struct sent_at at = { 0 };
	struct boot boot;
	int r = query_part_begin(query);

	if (r < 0)
		return r;
	r = query_boot(query, vm, 0, &boot);
	if (r == 0) {
		at.boot = boot.number;
		r = last_sequence(query, boot.id, source, &at.sequence);
	}
	query_part_end(query);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_at = at;
	return 0;
}

/* When a boot's samples above @after begin, or before. Returns 0, -ENOENT or -errno. */
static int earliest(struct query *q, int64_t boot, enum sample_source source, uint64_t after,
		    int64_t *ret_ns)
{
	struct archive_of of = { .boot = boot, .source = source };
	struct blocks *b = query_part_blocks(q);
	struct archive_entry entry;
	struct journal_end end;
	int r = archive_next(b->archive, &of, after, INT64_MIN, INT64_MAX, &entry);

	if (r == 0)
		*ret_ns = entry.from_ns;
	if (r != -ENOENT)
		return r;
	r = journal_end(b->journal, boot, source, &end);
	if (r < 0)
		return r;
	*ret_ns = end.from_ns;
	return end.samples && end.to_sequence > after ? 0 : -ENOENT;
}

static int find_next(struct query *q, int64_t vm, enum sample_source source, uint32_t number,
		     struct unsent_next *next)
{
	uint64_t after = next->after;
	struct boot boot;
	int r;

	while ((r = query_boot_from(q, vm, number, &boot)) == 0) {
		/* That of another boot is no sequence of this one. */
		if (boot.number != number || next->boot.number)
			after = 0;
		next->boot = boot;
		next->after = after;
		r = earliest(q, boot.id, source, after, &next->from_ns);
		if (r != -ENOENT)
			return r;
		number = boot.number + 1;
	}
	return r;
}

int unsent_next(struct query *query, int64_t vm, enum sample_source source,
		const struct sent_at *at, struct unsent_next *ret_next)
{
	int r = query_part_begin(query);

	if (r < 0)
		return r;
	memset(ret_next, 0, sizeof(*ret_next));
	ret_next->after = at->sequence;
	r = find_next(query, vm, source, at->boot, ret_next);
	query_part_end(query);
	return r;
}

struct reading {
	struct query *query;
	struct row_pair pair;
	uint64_t base;
	uint64_t first;			/* above this one */
	unsent_fn fn;
	void *ctx;
};

static int give(struct reading *g, const struct sample *sample)
{
	struct row_pair *pair = &g->pair;
	bool is_before = sample->sequence <= g->first;

	/* The row before a chunk's own may be of any sequence. */
	if (is_before && sample->sequence != g->first)
		return 0;
	pair->row.sample = *sample;
	pair->exits = sample->has & SAMPLE_HAS_EXITS ? sample->exits - g->base : 0;
	return g->fn(g->ctx, pair, is_before);
}

static int read_chunk(struct reading *g, struct chunk *chunk)
{
	struct samplechunk_reader *reader;
	struct sample sample;
	int r = samplechunk_open(chunk, true, &reader);

	if (r < 0)
		return r;
	while (r == 0 && samplechunk_next(reader, &sample))
		r = give(g, &sample);
	samplechunk_close(reader);
	return r;
}

static int give_row(void *ctx, const struct journal_row *row)
{
	return give(ctx, &row->sample);
}

/* What is not sealed, and the sample before it, which may be. */
static int read_journal(struct reading *g)
{
	struct blocks *b = query_part_blocks(g->query);
	int64_t boot = g->pair.row.boot->id;
	enum sample_source source = g->pair.row.source;
	struct stream stream;
	int r = stream_get(b->streams, boot, source, &stream);

	if (r < 0)
		return r;
	if (stream.has_last && stream.last.sequence == g->first)
		r = give(g, &stream.last);
	stream_done(&stream);
	return r ? r : journal_walk(b->journal, boot, source, g->first ? g->first - 1 : 0, give_row, g);
}

/* The chunk with what is above g->first: 0, -ENOENT if that is in the journal, or -errno. */
static int load_chunk(struct reading *g, struct archive_entry *ret_entry, struct chunk **ret_chunk)
{
	struct archive_of of = { .boot = g->pair.row.boot->id, .source = g->pair.row.source };
	struct blocks *b = query_part_blocks(g->query);
	int r = archive_next(b->archive, &of, g->first, INT64_MIN, INT64_MAX, ret_entry);

	return r < 0 ? r : archive_load(b->archive, ret_entry->id, ret_chunk);
}

static int read_block(struct reading *g)
{
	struct archive_entry entry;
	int r = query_part_base(query_part_blocks(g->query), g->pair.row.boot, g->pair.row.source,
				&g->base);

	if (r < 0)
		return r;
	for (;;) {
		struct chunk *chunk = NULL;

		r = load_chunk(g, &entry, &chunk);
		if (r == -ENOENT)
			return read_journal(g);
		if (r == 0)
			r = read_chunk(g, chunk);
		chunk_free(chunk);
		/* What is damaged is a hole, and the samples in it are lost. */
		if (r != -EBADMSG)
			return r ? r : 1;
		g->first = entry.to_sequence;
	}
}

int unsent_read(struct query *query, const struct boot *boot, enum sample_source source,
		uint64_t after, unsent_fn fn, void *ctx)
{
	struct reading g = {
		.query = query,
		.pair = { .row.boot = boot, .row.source = source },
		.first = after,
		.fn = fn,
		.ctx = ctx,
	};
	int r = query_part_begin(query);

	if (r < 0)
		return r;
	r = read_block(&g);
	query_part_end(query);
	return r;
}
