/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/seal.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/store/listlead.h"
#include "daemon/store/rollup.h"
#include "daemon/store/samplechunk.h"
#include "guest-agent/shared/log.h"

/* A chunk with more series ends; a guest may name them as it likes. */
#define COLUMNS_MAX 4096

/* A chunk with fewer rows than that is gone on with. */
static const size_t rows_least[ROLLUP_TIERS] = { 512, 96, 96, 96, 96 };

/* A tier is rolled up when so many of its buckets lie behind its end. */
#define BUCKETS_DUE 128

/* Rows of @from, but for those up to @after, behind those of @to. */
static int append_samples(struct chunk *to, struct chunk *from, uint64_t after)
{
	struct samplechunk_reader *reader;
	struct sample sample;
	int r = samplechunk_open(from, true, &reader);

	if (r < 0)
		return r;
	while (samplechunk_next(reader, &sample)) {
		if (sample.sequence > after)
			samplechunk_add(to, &sample);
	}
	samplechunk_close(reader);
	return chunk_is_damaged(to) ? -EBADMSG : 0;
}

/* The last chunk, if it is to be gone on with: *ret_chunk, else NULL. */
static int open_last(struct blocks *b, const struct archive_of *of, struct archive_entry *ret_last,
		     struct chunk **ret_chunk)
{
	int r = archive_last(b->archive, of, ret_last);

	*ret_chunk = NULL;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (ret_last->rows >= rows_least[of->tier])
		return 0;
	r = archive_load(b->archive, ret_last->id, ret_chunk);
	/* A damaged one stays as it is, for whoever may want to look at it. */
	if (r == 0 && chunk_columns(*ret_chunk) > COLUMNS_MAX) {
		chunk_free(*ret_chunk);
		*ret_chunk = NULL;
	}
	return r == -EBADMSG ? 0 : r;
}

/* @more's samples follow @entry's. */
static void extend(struct archive_entry *entry, const struct archive_entry *more)
{
	entry->to_sequence = more->to_sequence;
	entry->from_ns = more->from_ns < entry->from_ns ? more->from_ns : entry->from_ns;
	entry->to_ns = more->to_ns > entry->to_ns ? more->to_ns : entry->to_ns;
	entry->samples += more->samples;
	entry->rows += more->rows;
}

static int put_samples(struct blocks *b, const struct stream *stream,
		       const struct archive_entry *entry, struct chunk *chunk)
{
	struct archive_of of = { .boot = stream->boot, .source = stream->source };
	struct archive_entry last, whole = *entry;
	struct chunk *open;
	int r = open_last(b, &of, &last, &open);

	if (r < 0)
		return r;
	if (open && append_samples(open, chunk, last.to_sequence) == 0) {
		whole = last;
		extend(&whole, entry);
		r = archive_put(b->archive, &of, &whole, open);
	} else {
		whole.id = 0;
		r = archive_put(b->archive, &of, &whole, chunk);
	}
	chunk_free(open);
	return r;
}

static int origin_of(struct blocks *b, int64_t boot, struct rollup_origin *ret_origin)
{
	*ret_origin = (struct rollup_origin){ 0 };
	return stream_origin(b->streams, boot, &ret_origin->from_zero, &ret_origin->opened_ns);
}

/* Take in what buckets say of a chunk of them, from row @first on. */
static int describe(struct chunk *chunk, size_t first, struct archive_entry *ret_entry)
{
	struct archive_entry e = { .rows = chunk_rows(chunk) - first };
	struct rollup_bucket *buckets;
	int r = rollup_read_buckets(chunk, &buckets);

	if (r < 0)
		return r;
	for (size_t i = first; i < chunk_rows(chunk); i++) {
		const uint64_t *v = buckets[i].value;
		/* Host time may have been set back. */
		int64_t ends_ns[] = { v[BUCKET_FROM_NS], v[BUCKET_TO_NS] };

		if (i == first) {
			e.from_sequence = v[BUCKET_FROM_SEQUENCE];
			e.from_ns = e.to_ns = ends_ns[0];
		}
		e.to_sequence = v[BUCKET_TO_SEQUENCE];
		for (int n = 0; n < 2; n++) {
			e.from_ns = ends_ns[n] < e.from_ns ? ends_ns[n] : e.from_ns;
			e.to_ns = ends_ns[n] > e.to_ns ? ends_ns[n] : e.to_ns;
		}
		e.samples += v[BUCKET_SAMPLES];
	}
	free(buckets);
	*ret_entry = e;
	return 0;
}

/* Roll up samples into @into; what @stream has rolled up already is behind them. */
static int roll_up_samples(struct blocks *b, const struct stream *stream, struct chunk *chunk,
			   struct chunk *into)
{
	struct archive_of of = { .boot = stream->boot, .source = stream->source };
	struct rollup_origin origin;
	struct listlead lead;
	int r = origin_of(b, stream->boot, &origin);

	if (r == 0)
		r = listlead_find(b->archive, &of, chunk, LISTLEAD_ALL, origin.from_zero, &lead);
	if (r < 0)
		return r;
	/* What is behind samples does not begin at zero, even if these cannot be read. */
	origin.from_zero &= stream->sealed[1] == 0;
	origin.leads = &lead.leads;
	r = rollup_samples(chunk, stream->sealed[1], &origin, into);
	listlead_done(&lead);
	return r;
}

/* Roll up one chunk of the tier below into the last chunk of @tier, or a new one. */
static int roll_up_chunk(struct blocks *b, struct stream *stream, int tier, struct chunk *chunk)
{
	struct archive_of of = { .boot = stream->boot, .source = stream->source, .tier = tier };
	struct archive_entry last, more;
	struct chunk *into;
	size_t first;
	int r = open_last(b, &of, &last, &into);

	if (r == 0 && !into) {
		last = (struct archive_entry){ 0 };
		into = chunk_new();
		r = into ? 0 : -ENOMEM;
	}
	if (r < 0)
		return r;
	first = chunk_rows(into);
	if (tier == 1)
		r = roll_up_samples(b, stream, chunk, into);
	else
		r = rollup_buckets(chunk, stream->sealed[tier], rollup_width_ns[tier], into);
	if (r == 0)
		r = describe(into, first, &more);
	if (r == 0) {
		if (last.id == 0)
			last = more;
		else
			extend(&last, &more);
		r = archive_put(b->archive, &of, &last, into);
	}
	if (r == 0)
		stream->sealed[tier] = more.to_sequence;
	chunk_free(into);
	return r == -ENOENT ? 0 : r;
}

int seal_roll_up(struct blocks *blocks, struct stream *stream, int tier)
{
	struct archive_of of = {
		.boot = stream->boot,
		.source = stream->source,
		.tier = tier - 1,
	};
	struct archive_entry entry;
	int r = 0;

	while (r == 0 && (r = archive_next(blocks->archive, &of, stream->sealed[tier], INT64_MIN,
					   INT64_MAX, &entry)) == 0) {
		struct chunk *chunk = NULL;

		r = archive_load(blocks->archive, entry.id, &chunk);
		if (r == 0)
			r = roll_up_chunk(blocks, stream, tier, chunk);
		chunk_free(chunk);
		if (r == -EBADMSG) {
			log_error("database: chunk %lld is damaged; its samples are not rolled up",
				  (long long)entry.id);
			r = 0;
		}
		/* Whatever was in it, it is behind us. */
		if (r == 0)
			stream->sealed[tier] = entry.to_sequence;
	}
	return r == -ENOENT ? 0 : r;
}

/* Whether the tier below has enough behind the end of @tier. */
static int is_due(struct blocks *b, const struct stream *stream, int tier, bool *ret_due)
{
	struct archive_of of = {
		.boot = stream->boot,
		.source = stream->source,
		.tier = tier - 1,
	};
	struct archive_entry first, last;
	int r = archive_next(b->archive, &of, stream->sealed[tier], INT64_MIN, INT64_MAX,
			     &first);

	if (r == 0)
		r = archive_last(b->archive, &of, &last);
	*ret_due = r == 0 && last.to_ns - first.from_ns >= BUCKETS_DUE * rollup_width_ns[tier];
	return r == -ENOENT ? 0 : r;
}

static int roll_up_due(struct blocks *b, struct stream *stream)
{
	for (int tier = 2; tier < ROLLUP_TIERS; tier++) {
		bool due;
		int r = is_due(b, stream, tier, &due);

		if (r == 0 && due)
			r = seal_roll_up(b, stream, tier);
		if (r < 0)
			return r;
		if (!due)
			break;
	}
	return 0;
}

/* The last sample of @chunk, with its lists, becomes the stream's. */
static int take_last(struct stream *stream, struct chunk *chunk)
{
	struct samplechunk_reader *reader;
	struct sample sample = { 0 };
	int r = samplechunk_open(chunk, true, &reader);

	if (r < 0)
		return r;
	while (samplechunk_next(reader, &sample))
		;
	r = stream_set_last(stream, &sample);
	samplechunk_close(reader);
	return r;
}

/*
 * Add samples (row 0 stands before, if @stream has a last one) to the chunks of @stream,
 * whose last sample is the caller's to set.
 */
static int seal_chunk(struct blocks *blocks, struct stream *stream,
		      const struct archive_entry *entry, struct chunk *chunk)
{
	bool rolled = stream->sealed[1] == stream->sealed[0];
	int r = put_samples(blocks, stream, entry, chunk);

	if (r == 0)
		r = rolled ? roll_up_chunk(blocks, stream, 1, chunk)
			   : seal_roll_up(blocks, stream, 1);
	stream->sealed[0] = entry->to_sequence;
	if (r == 0)
		r = roll_up_due(blocks, stream);
	return r;
}

/* Seal what a boot and source has in the journal. As seal_due(). */
static int seal_stream(struct blocks *blocks, int64_t boot, enum sample_source source)
{
	struct archive_entry entry;
	struct journal_row last;
	struct chunk *chunk = NULL;
	struct stream stream;
	int64_t last_id;
	int r = stream_get(blocks->streams, boot, source, &stream);

	if (r < 0)
		return r;
	r = blocks_unsealed(blocks, &stream, SEAL_SAMPLES, COLUMNS_MAX, SAMPLECHUNK_ALL, &entry, &chunk,
			    &last_id);
	if (r == 0)
		r = seal_chunk(blocks, &stream, &entry, chunk);
	if (r == 0)
		r = journal_row(blocks->journal, last_id, &last);
	if (r == 0)
		r = stream_set_last(&stream, &last.sample);
	if (r == 0)
		r = stream_put(blocks->streams, &stream);
	if (r == 0)
		r = journal_keep_above(blocks->journal, boot, source, entry.to_sequence);
	/* All that is there is damaged: without it the journal goes on. */
	else if (r == -ENOENT)
		r = journal_keep_above(blocks->journal, boot, source, INT64_MAX);
	chunk_free(chunk);
	stream_done(&stream);
	return r < 0 ? r : 1;
}

static int find_due(struct blocks *b, int64_t now_ns, int64_t *ret_boot,
		    enum sample_source *ret_source)
{
	return journal_due(b->journal, SEAL_SAMPLES, SEAL_BYTES, now_ns - SEAL_AGE_NS, ret_boot,
			   ret_source);
}

int seal_is_due(struct blocks *blocks, int64_t now_ns)
{
	enum sample_source source;
	int64_t boot;
	int r = find_due(blocks, now_ns, &boot, &source);

	return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

int seal_due(struct blocks *blocks, int64_t now_ns)
{
	enum sample_source source;
	int64_t boot;
	int r = find_due(blocks, now_ns, &boot, &source);

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : seal_stream(blocks, boot, source);
}

/* The samples of a chunk up to @sequence, and the row before them, as a chunk of its own. */
static int shorten_samples(struct chunk *chunk, uint64_t sequence, struct archive_entry *entry,
			   struct chunk *into)
{
	struct samplechunk_reader *reader;
	uint64_t from = entry->from_sequence;
	struct archive_entry e = { .id = entry->id, .bytes = entry->bytes, .from_sequence = from };
	struct sample sample;
	int r = samplechunk_open(chunk, true, &reader);

	if (r < 0)
		return r;
	while (samplechunk_next(reader, &sample) && sample.sequence <= sequence) {
		int64_t t_ns = sample.t_wall_ns;

		samplechunk_add(into, &sample);
		if (sample.sequence < from)
			continue;
		e.from_ns = e.samples && e.from_ns < t_ns ? e.from_ns : t_ns;
		e.to_ns = e.samples && e.to_ns > t_ns ? e.to_ns : t_ns;
		e.to_sequence = sample.sequence;
		e.rows = ++e.samples;
	}
	samplechunk_close(reader);
	*entry = e;
	return 0;
}

/* Likewise the rows of a rollup that end up to @sequence. */
static int shorten_buckets(struct chunk *chunk, uint64_t sequence, struct archive_entry *entry,
			   struct chunk *into)
{
	struct archive_entry e = { 0 };
	struct rollup_bucket *buckets;
	int r = rollup_read_buckets(chunk, &buckets);

	if (r < 0)
		return r;
	for (size_t i = 0; i < chunk_rows(chunk) &&
			   buckets[i].value[BUCKET_TO_SEQUENCE] <= sequence; i++)
		(void)chunk_add_row(into);
	free(buckets);
	for (size_t i = 0; i < chunk_columns(chunk); i++) {
		const struct chunk_column *c = chunk_column(chunk, i);

		if (!c)
			return -EBADMSG;
		for (size_t n = 0; n < c->count && c->rows[n] < chunk_rows(into); n++)
			chunk_set_at(into, &c->key, c->rows[n], c->values[n]);
	}
	if (chunk_rows(into) > 0)
		r = describe(into, 0, &e);
	e.id = entry->id;
	e.bytes = entry->bytes;
	*entry = e;
	return r;
}

/* Cut the chunk that @sequence parts. One that is damaged goes: it cannot be parted. */
static int cut_chunk(struct blocks *b, const struct archive_of *of, struct archive_entry *entry,
		     uint64_t sequence)
{
	struct chunk *chunk = NULL, *into = chunk_new();
	struct archive_entry whole = *entry;
	int r = into ? archive_load(b->archive, entry->id, &chunk) : -ENOMEM;

	if (r == 0)
		r = of->tier == 0 ? shorten_samples(chunk, sequence, entry, into)
				  : shorten_buckets(chunk, sequence, entry, into);
	if (r == 0 && entry->samples)
		r = archive_put(b->archive, of, entry, into);
	else if (r == 0 || r == -EBADMSG)
		r = archive_drop(b->archive, of, &whole);
	chunk_free(into);
	chunk_free(chunk);
	return r;
}

/* Where a tier ends now, and for samples the last one. */
static int find_end(struct blocks *b, struct stream *stream, const struct archive_of *of)
{
	struct chunk *chunk = NULL;
	struct archive_entry last;
	int r = archive_last(b->archive, of, &last);

	stream->sealed[of->tier] = r == 0 ? last.to_sequence : 0;
	if (of->tier > 0 || r < 0) {
		if (of->tier == 0)
			stream_done(stream);
		return r == -ENOENT ? 0 : r;
	}
	r = archive_load(b->archive, last.id, &chunk);
	if (r == 0)
		r = take_last(stream, chunk);
	if (r == -EBADMSG) {
		stream_done(stream);
		r = 0;
	}
	chunk_free(chunk);
	return r;
}

int seal_cut(struct blocks *blocks, struct stream *stream, uint64_t sequence)
{
	int r = 0;

	/*
	 * Rows of rollups that are not behind the cut stay: a higher tier ends with one of
	 * them, and what is rolled up anew must not be cut otherwise there.
	 */
	for (int tier = ROLLUP_TIERS - 1; tier >= 0 && r == 0; tier--) {
		struct archive_of of = { stream->boot, stream->source, tier };
		struct archive_entry entry;

		if (stream->sealed[tier] <= sequence)
			continue;
		while (r == 0 && (r = archive_last(blocks->archive, &of, &entry)) == 0 &&
		       entry.to_sequence > sequence) {
			if (entry.from_sequence <= sequence)
				r = cut_chunk(blocks, &of, &entry, sequence);
			else
				r = archive_drop(blocks->archive, &of, &entry);
		}
		if (r == 0 || r == -ENOENT)
			r = find_end(blocks, stream, &of);
	}
	/* As ever: what is sealed is rolled up once. The boot may get no more samples. */
	return r < 0 ? r : seal_roll_up(blocks, stream, 1);
}
