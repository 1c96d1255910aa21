/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/blocks.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "daemon/store/db.h"
#include "daemon/store/samplechunk.h"

/* What parts samples of each other: missing ones, and ones that are not believed. */
static const char sql_gaps[] =
	"SELECT from_sequence, to_sequence FROM gap"
	" WHERE boot = ?1 AND source = ?2 AND to_sequence > ?3 UNION ALL "
	"SELECT from_sequence, to_sequence FROM quarantine"
	" WHERE boot = ?1 AND ?2 = 0 AND to_sequence > ?3 ORDER BY 1";

static const char sql_is_gap[] =
	"SELECT EXISTS (SELECT 1 FROM gap WHERE boot = ?1 AND source = ?2 AND to_sequence > ?3"
	" AND from_sequence < ?4) OR (?2 = 0 AND EXISTS (SELECT 1 FROM quarantine"
	" WHERE boot = ?1 AND to_sequence > ?3 AND from_sequence < ?4))";

int blocks_open(sqlite3 *db, struct blocks *ret_blocks)
{
	struct blocks b = { .db = db };
	int r = journal_new(db, &b.journal);

	if (r == 0)
		r = streams_new(db, &b.streams);
	if (r == 0)
		r = archive_new(db, &b.archive);
	if (r == 0)
		r = db_prepare(db, sql_gaps, &b.gaps);
	if (r == 0)
		r = db_prepare(db, sql_is_gap, &b.is_gap);
	if (r < 0) {
		blocks_close(&b);
		return r;
	}
	*ret_blocks = b;
	return 0;
}

void blocks_close(struct blocks *blocks)
{
	journal_free(blocks->journal);
	streams_free(blocks->streams);
	archive_free(blocks->archive);
	sqlite3_finalize(blocks->gaps);
	sqlite3_finalize(blocks->is_gap);
	memset(blocks, 0, sizeof(*blocks));
}

int blocks_is_gap(struct blocks *blocks, int64_t boot, enum sample_source source, uint64_t from,
		  uint64_t to, bool *ret_gap)
{
	int r = DB_BIND(blocks->db, blocks->is_gap, boot, source, from, to);

	if (r == 0)
		r = db_step(blocks->db, blocks->is_gap);
	if (r < 0)
		return r;
	*ret_gap = r > 0 && sqlite3_column_int(blocks->is_gap, 0);
	(void)sqlite3_reset(blocks->is_gap);
	return 0;
}

/* Rows of the journal on their way into a chunk. */
struct gathering {
	struct blocks *blocks;
	struct chunk *chunk;
	size_t max, columns;
	unsigned int kinds;
	uint64_t before;		/* sequence of the row before */
	bool has_last;			/* that is in the chunk if it is sealed */
	bool has_gap;
	uint64_t gap_from, gap_to;	/* the next that may matter */
	struct archive_entry entry;
	int64_t last_id;
};

static int next_gap(struct gathering *g)
{
	int r = db_step(g->blocks->db, g->blocks->gaps);

	g->has_gap = r > 0;
	if (r > 0) {
		g->gap_from = sqlite3_column_int64(g->blocks->gaps, 0);
		g->gap_to = sqlite3_column_int64(g->blocks->gaps, 1);
	}
	return r < 0 ? r : 0;
}

/* Whether something is missing between the row before and @sequence. */
static int after_gap(struct gathering *g, uint64_t sequence, bool *ret_gap)
{
	int r = 0;

	*ret_gap = false;
	while (g->has_gap && g->gap_from < sequence && r == 0) {
		*ret_gap |= g->gap_to > g->before && g->before > 0;
		r = next_gap(g);
	}
	return r;
}

/* Ends a walk early; no -errno. */
#define ENOUGH 1

static int gather(void *ctx, const struct journal_row *row)
{
	struct gathering *g = ctx;
	struct sample sample = row->sample;
	int64_t t_ns = sample.t_wall_ns;
	bool gap;
	int r;

	if (g->entry.samples == g->max ||
	    (g->columns && chunk_columns(g->chunk) > g->columns && g->entry.samples > 0))
		return ENOUGH;
	r = after_gap(g, sample.sequence, &gap);
	if (r < 0)
		return r;
	/* Samples that are sealed, but nobody can read the last of them any more. */
	gap |= g->entry.samples == 0 && !g->has_last && g->before > 0;
	if (gap)
		sample.has |= SAMPLE_AFTER_GAP;
	samplechunk_add_kinds(g->chunk, &sample, g->kinds);
	if (g->entry.samples++ == 0) {
		g->entry.from_sequence = sample.sequence;
		g->entry.from_ns = g->entry.to_ns = t_ns;
	}
	g->entry.from_ns = t_ns < g->entry.from_ns ? t_ns : g->entry.from_ns;
	g->entry.to_ns = t_ns > g->entry.to_ns ? t_ns : g->entry.to_ns;
	g->entry.rows = g->entry.samples;
	g->last_id = row->id;
	g->entry.to_sequence = g->before = sample.sequence;
	return 0;
}

int blocks_unsealed(struct blocks *blocks, const struct stream *stream, size_t max,
		    size_t columns, unsigned int kinds, struct archive_entry *ret_entry,
		    struct chunk **ret_chunk, int64_t *ret_last_id)
{
	struct gathering g = {
		.blocks = blocks,
		.max = max,
		.columns = columns,
		.kinds = kinds,
		.before = stream->sealed[0],
		.has_last = stream->has_last,
		.chunk = chunk_new(),
	};
	int r;

	if (!g.chunk)
		return -ENOMEM;
	if (stream->has_last)
		samplechunk_add_kinds(g.chunk, &stream->last, kinds);
	r = DB_BIND(blocks->db, blocks->gaps, stream->boot, stream->source, g.before);
	if (r == 0)
		r = next_gap(&g);
	if (r == 0)
		r = journal_walk(blocks->journal, stream->boot, stream->source, g.before, gather,
				 &g);
	(void)sqlite3_reset(blocks->gaps);
	if (r >= 0 && g.entry.samples == 0)
		r = -ENOENT;
	if (r < 0) {
		chunk_free(g.chunk);
		return r;
	}
	*ret_entry = g.entry;
	if (ret_last_id)
		*ret_last_id = g.last_id;
	*ret_chunk = g.chunk;
	return 0;
}

static int next_unsealed(struct blocks *b, int64_t boot, enum sample_source source,
			 uint64_t after, struct block *ret_block)
{
	struct archive_entry entry;
	struct journal_end end;
	struct stream stream;
	int r = journal_end(b->journal, boot, source, &end);

	if (r < 0)
		return r;
	if (end.samples == 0 || end.to_sequence <= after)
		return -ENOENT;
	r = stream_get(b->streams, boot, source, &stream);
	if (r < 0)
		return r;
	r = blocks_unsealed(b, &stream, SIZE_MAX, 0, SAMPLECHUNK_ALL, &entry, &ret_block->chunk, NULL);
	stream_done(&stream);
	if (r == 0) {
		ret_block->from_sequence = entry.from_sequence;
		ret_block->to_sequence = entry.to_sequence;
	}
	return r;
}

int blocks_next(struct blocks *blocks, int64_t boot, enum sample_source source, uint64_t after,
		int64_t from_ns, int64_t to_ns, struct block *ret_block)
{
	struct archive_of of = { .boot = boot, .source = source };
	bool own = !blocks->within && sqlite3_get_autocommit(blocks->db);
	struct archive_entry entry;
	int r = own ? db_exec(blocks->db, "BEGIN", "cannot begin to read") : 0;

	if (r < 0)
		return r;
	memset(ret_block, 0, sizeof(*ret_block));
	r = archive_next(blocks->archive, &of, after, from_ns, to_ns, &entry);
	if (r == 0) {
		ret_block->id = entry.id;
		ret_block->from_sequence = entry.from_sequence;
		ret_block->to_sequence = entry.to_sequence;
		r = archive_load(blocks->archive, entry.id, &ret_block->chunk);
	} else if (r == -ENOENT) {
		r = next_unsealed(blocks, boot, source, after, ret_block);
	}
	if (own)
		(void)db_exec(blocks->db, "COMMIT", "cannot end reading");
	/* A block may have grown since its samples up to @after were read. */
	if (ret_block->from_sequence <= after)
		ret_block->from_sequence = after + 1;
	return r;
}
