/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/query/querypart.h"
#include "daemon/store/samplechunk.h"
#include "guest-agent/shared/detail.h"

/* Lists come with every sample, or every few of them. */
#define LISTS_BACK 16

static void forget_lists(struct sample *sample)
{
	sample->detail = NULL;
	sample->detail_len = 0;
}

/* Have lists that are the reader's survive it, at @to; NULL: have none. */
static void keep_lists(struct sample *sample, uint8_t *to)
{
	if (!to || !sample->detail || sample->detail_len > QUERY_PART_LISTS_MAX) {
		forget_lists(sample);
		return;
	}
	memcpy(to, sample->detail, sample->detail_len);
	sample->detail = to;
}

/* The last sample of @chunk up to @sequence, and the one before it if there is one. */
static int last_of(struct chunk *chunk, uint64_t sequence, struct row_pair *pair)
{
	struct samplechunk_reader *reader;
	struct sample sample;
	size_t found = 0;
	int r = samplechunk_open(chunk, false, &reader);

	if (r < 0)
		return r;
	while (samplechunk_next(reader, &sample) && sample.sequence <= sequence) {
		pair->before = pair->row.sample;
		pair->row.sample = sample;
		found++;
	}
	samplechunk_close(reader);
	pair->has_before = found > 1;
	return found ? 0 : -ENOENT;
}

/* As last_of(), for a sample that is sealed. */
static int find_sealed(struct blocks *b, const struct boot *boot, uint64_t sequence,
		       struct row_pair *pair)
{
	struct block block;
	int r = blocks_next(b, boot->id, pair->row.source, sequence - 1, INT64_MIN, INT64_MAX, &block);

	if (r < 0)
		return r;
	r = last_of(block.chunk, sequence, pair);
	chunk_free(block.chunk);
	return r;
}

/* A sample of whose time before nothing is known any more. */
static int set_alone(struct row_pair *pair, const struct sample *sample)
{
	pair->row.sample = *sample;
	pair->row.sample.has |= SAMPLE_AFTER_GAP;
	pair->has_before = false;
	return 0;
}

/* Fill in what stands before the journal's @row, its lists at @lists unless that is NULL. */
static int find_before(struct blocks *b, const struct boot *boot, const struct journal_row *row,
		       uint8_t *lists, struct row_pair *pair)
{
	struct journal_row before;
	struct stream stream;
	bool gap = false;
	int r = row->before ? journal_row(b->journal, row->before, &before) : -ENOENT;

	pair->row.sample = row->sample;
	if (r == 0) {
		pair->before = before.sample;
		keep_lists(&pair->before, lists);
		pair->has_before = true;
	} else if (r == -ENOENT) {
		r = stream_get(b->streams, boot->id, row->source, &stream);
		if (r < 0)
			return r;
		pair->before = stream.last;
		keep_lists(&pair->before, lists);
		pair->has_before = stream.has_last;
		gap = !stream.has_last && stream.sealed[0] > 0;
		stream_done(&stream);
		/* Sealed meanwhile: its chunk knows, if that is not gone already. */
		if (pair->has_before && pair->before.sequence >= row->sample.sequence) {
			r = find_sealed(b, boot, row->sample.sequence, pair);
			return r == -ENOENT ? set_alone(pair, &row->sample) : r;
		}
	}
	if (r == 0 && pair->has_before)
		r = blocks_is_gap(b, boot->id, row->source, pair->before.sequence,
				  row->sample.sequence, &gap);
	if (gap)
		pair->row.sample.has |= SAMPLE_AFTER_GAP;
	return r;
}

/* What a pair says of its boot. */
static int finish(struct blocks *b, const struct boot *boot, struct row_pair *pair)
{
	uint64_t base;
	int r = query_part_base(b, boot, pair->row.source, &base);

	pair->row.boot = boot;
	pair->exits = pair->row.sample.has & SAMPLE_HAS_EXITS ? pair->row.sample.exits - base : 0;
	return r;
}

int query_part_base(struct blocks *blocks, const struct boot *boot, enum sample_source source,
	       uint64_t *ret_base)
{
	struct stream stream;
	int r;

	*ret_base = 0;
	if (boot->cause == BOOT_CREATED)
		return 0;
	r = stream_get(blocks->streams, boot->id, source, &stream);
	if (r < 0)
		return r;
	*ret_base = stream.has_base ? stream.base_exits : 0;
	stream_done(&stream);
	return 0;
}

/* The last one that was sealed, of which there may be no chunk any more. */
static int find_last(struct blocks *b, const struct boot *boot, struct row_pair *pair)
{
	struct archive_of of = { .boot = boot->id, .source = pair->row.source };
	struct archive_entry last;
	struct stream stream;
	int r = archive_last(b->archive, &of, &last);

	if (r != -ENOENT)
		return r < 0 ? r : find_sealed(b, boot, last.to_sequence, pair);
	r = stream_get(b->streams, of.boot, of.source, &stream);
	if (r < 0)
		return r;
	r = stream.has_last ? set_alone(pair, &stream.last) : -ENOENT;
	stream_done(&stream);
	return r;
}

static int latest_in(struct query *query, const struct boot *boot, enum sample_source source,
		     struct row_pair *pair)
{
	struct blocks *b = query_part_blocks(query);
	struct journal_row row;
	struct journal_end end;
	int r = journal_end(b->journal, boot->id, source, &end);

	if (r < 0)
		return r;
	if (end.samples > 0) {
		r = journal_row(b->journal, end.last_id, &row);
		return r < 0 ? r : find_before(b, boot, &row, NULL, pair);
	}
	return find_last(b, boot, pair);
}

int query_latest(struct query *query, const struct boot *boot, enum sample_source source,
		 struct row_pair *ret_pair)
{
	struct row_pair pair = { .row.source = source };
	int r = query_part_begin(query);

	if (r < 0)
		return r;
	r = latest_in(query, boot, source, &pair);
	/* They were the reader's. */
	forget_lists(&pair.row.sample);
	if (r == 0)
		r = finish(query_part_blocks(query), boot, &pair);
	query_part_end(query);
	if (r == 0)
		*ret_pair = pair;
	return r;
}

static bool has_reasons(const struct sample *sample)
{
	struct detail_iter iter;

	return detail_find(sample->detail, sample->detail_len, DETAIL_REASONS, &iter);
}

/* The lists of the last sample that has reasons, @to; a few rows back, or the last one sealed. */
static int find_lists(struct blocks *b, const struct boot *boot, enum sample_source source,
		      uint8_t *to, struct sample *sample)
{
	struct journal_row row = { 0 };
	struct journal_end end;
	struct stream stream;
	int r = journal_end(b->journal, boot->id, source, &end);

	forget_lists(sample);
	row.before = r == 0 && end.samples > 0 ? end.last_id : 0;
	for (int i = 0; i < LISTS_BACK && r == 0 && row.before; i++) {
		r = journal_row(b->journal, row.before, &row);
		if (r == 0 && has_reasons(&row.sample)) {
			keep_lists(&row.sample, to);
			sample->detail = row.sample.detail;
			sample->detail_len = row.sample.detail_len;
			return 0;
		}
	}
	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return r;
	r = stream_get(b->streams, boot->id, source, &stream);
	if (r < 0)
		return r;
	if (stream.has_last && has_reasons(&stream.last)) {
		keep_lists(&stream.last, to);
		sample->detail = stream.last.detail;
		sample->detail_len = stream.last.detail_len;
	}
	stream_done(&stream);
	return 0;
}

int query_latest_lists(struct query *query, const struct boot *boot, enum sample_source source,
		       struct row_pair *ret_pair)
{
	struct blocks *b = query_part_blocks(query);
	int r = query_part_check(query);

	if (r == 0)
		r = query_part_begin(query);
	if (r < 0)
		return r;
	r = query_latest(query, boot, source, ret_pair);
	if (r == 0)
		r = find_lists(b, boot, source, query_part_lists(query, false),
			       &ret_pair->row.sample);
	query_part_end(query);
	return r;
}

static int span_in(struct query *query, const struct boot *boot, enum sample_source source,
		   struct query_span *span)
{
	struct blocks *b = query_part_blocks(query);
	struct archive_of of = { .boot = boot->id, .source = source };
	struct archive_entry sum;
	struct journal_end end;
	int r = archive_sum(b->archive, &of, &sum);

	if (r == 0)
		r = journal_end(b->journal, boot->id, source, &end);
	if (r < 0)
		return r;
	span->samples = sum.samples + end.samples;
	span->from_ns = sum.samples ? sum.from_ns : end.from_ns;
	span->to_ns = end.samples ? end.to_ns : sum.to_ns;
	return 0;
}

int query_span(struct query *query, const struct boot *boot, enum sample_source source,
	       struct query_span *ret_span)
{
	struct query_span span;
	struct row_pair pair;
	int r = query_part_check(query);

	if (r == 0)
		r = span_in(query, boot, source, &span);
	if (r == 0)
		r = query_latest(query, boot, source, &pair);
	if (r < 0)
		return r;
	if (span.samples == 0)
		span.from_ns = span.to_ns = pair.row.sample.t_wall_ns;
	span.has_exits = pair.row.sample.has & SAMPLE_HAS_EXITS;
	span.exits = pair.exits;
	*ret_span = span;
	return 0;
}

static int pair_of(struct query *query, struct journal_row *row, struct row_pair *pair,
		   const struct query_vm **ret_vm)
{
	const struct boot *boot;
	int r = query_part_boot(query, row->boot, &boot, ret_vm);

	*pair = (struct row_pair){ .row = { .id = row->id, .source = row->source } };
	/* What is read next takes the place of the row's. */
	keep_lists(&row->sample, query_part_lists(query, false));
	if (r == 0)
		r = find_before(query_part_blocks(query), boot, row,
				query_part_lists(query, true), pair);
	return r < 0 ? r : finish(query_part_blocks(query), boot, pair);
}

int query_since(struct query *query, int64_t after, int limit, query_pair_fn fn, void *ctx)
{
	struct blocks *b = query_part_blocks(query);
	int r = 0;

	for (int i = 0; i < limit && r == 0; i++) {
		const struct query_vm *vm;
		struct journal_row row;
		struct row_pair pair;

		r = query_part_begin(query);
		if (r < 0)
			return r;
		r = journal_next(b->journal, after, &row);
		if (r == 0)
			r = pair_of(query, &row, &pair, &vm);
		query_part_end(query);
		if (r == 0) {
			after = row.id;
			r = fn(ctx, vm, &pair);
		}
	}
	return r == -ENOENT ? 0 : r;
}
