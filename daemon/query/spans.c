/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/spans.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/query/querypart.h"
#include "daemon/query/spanrows.h"
#include "daemon/store/listlead.h"

/* Of the journal the first and last time are known; between them the clock may be set back. */
#define SET_BACK_NS 600000000000LL

/*
 * Sequences are what tiers have in common: a chunk of any tier covers a range of them, and
 * each tier's rows are whole ones of the tier below. So a reader goes forward by sequence,
 * and what it is up to is done, whichever tier served it.
 */
struct reader {
	struct query *query;
	struct blocks *blocks;
	const struct spans_of *of;
	uint64_t after;			/* what is up to it is done */
	struct spanrows rows;
	uint64_t *samples;		/* count them instead of reading, unless NULL */
	bool older;			/* something came from coarser tiers than wanted */
};

int spans_tier(int64_t width_ns)
{
	int tier = ROLLUP_TIERS - 1;

	while (tier > 0 && rollup_width_ns[tier] > width_ns)
		tier--;
	return tier;
}

/* The first chunk of a tier with samples above @after. */
static int next_chunk(struct reader *r, int tier, uint64_t after, struct archive_entry *ret_entry)
{
	struct archive_of of = { r->of->boot->id, r->of->source, tier };

	return archive_next(r->blocks->archive, &of, after, INT64_MIN, INT64_MAX, ret_entry);
}

/*
 * Whether a chunk's times meet the range. Those of buckets are of each one's first and last
 * sample: where the clock was set back others in it lie outside, but within its width.
 */
static bool overlaps(const struct reader *r, int tier, const struct archive_entry *e)
{
	int64_t width_ns = rollup_width_ns[tier];

	return e->to_ns + width_ns >= r->of->from_ns && e->from_ns - width_ns <= r->of->to_ns;
}

/* A chunk, for chunk_free(). */
static int load(struct reader *r, const struct archive_entry *entry, struct chunk **ret_chunk)
{
	int e = query_part_check(r->query);

	return e < 0 ? e : archive_load(r->blocks->archive, entry->id, ret_chunk);
}

static void done_to(struct reader *r, uint64_t sequence)
{
	r->after = sequence > r->after ? sequence : r->after;
}

/* Of a journal's samples, no more than is looked at. */
static unsigned int kinds_of(const struct spanrows *rows)
{
	unsigned int kinds = 0;

	for (size_t i = 0; i < rows->wants_count; i++)
		kinds |= 1U << rows->wants[i].key.kind;
	return kinds;
}

/* Samples of @chunk up to @upto; @first is the first that is its own, not the one before. */
static int read_chunk(struct reader *r, struct chunk *chunk, uint64_t first, uint64_t upto)
{
	struct archive_of of = { r->of->boot->id, r->of->source, 0 };
	unsigned int lists = 0;
	struct listlead lead;
	struct spanrows_range range = {
		.after = r->after > first - 1 ? r->after : first - 1,
		.upto = upto,
		.from_ns = r->of->from_ns,
		.to_ns = r->of->to_ns,
		.first = first,
		.leads = &lead.leads,
	};
	int e;

	for (size_t i = 0; i < r->rows.wants_count; i++)
		lists |= 1U << liststep_list(&r->rows.wants[i].key);
	e = listlead_find(r->blocks->archive, &of, chunk, lists & LISTLEAD_ALL,
			  r->rows.origin.from_zero, &lead);
	if (e < 0)
		return e;
	e = spanrows_samples(&r->rows, chunk, &range);
	listlead_done(&lead);
	return e;
}

static int read_unsealed(struct reader *r)
{
	struct archive_entry entry;
	struct journal_end end;
	struct stream stream;
	struct chunk *chunk;
	int e = journal_end(r->blocks->journal, r->of->boot->id, r->of->source, &end);

	if (e < 0 || end.samples == 0 || end.to_ns + SET_BACK_NS < r->of->from_ns ||
	    end.from_ns - SET_BACK_NS > r->of->to_ns)
		return e;
	if (r->samples) {
		*r->samples += end.samples;
		return 0;
	}
	e = stream_get(r->blocks->streams, r->of->boot->id, r->of->source, &stream);
	if (e < 0)
		return e;
	e = blocks_unsealed(r->blocks, &stream, SIZE_MAX, 0, kinds_of(&r->rows), &entry, &chunk,
			    NULL);
	stream_done(&stream);
	if (e < 0)
		return e == -ENOENT ? 0 : e;
	e = read_chunk(r, chunk, entry.from_sequence, UINT64_MAX);
	chunk_free(chunk);
	return e;
}

static int read_sample_chunk(struct reader *r, const struct archive_entry *entry, uint64_t upto)
{
	struct chunk *chunk;
	int e;

	if (r->samples) {
		*r->samples += entry->samples;
		return 0;
	}
	e = load(r, entry, &chunk);
	if (e < 0)
		return e;
	e = read_chunk(r, chunk, entry->from_sequence, upto);
	chunk_free(chunk);
	return e;
}

/* Samples up to @upto. */
static int read_samples(struct reader *r, uint64_t upto)
{
	struct archive_entry entry;
	int e = 0;

	while (e == 0 && r->after < upto && (e = next_chunk(r, 0, r->after, &entry)) == 0 &&
	       entry.from_sequence <= upto) {
		if (overlaps(r, 0, &entry))
			e = read_sample_chunk(r, &entry, upto);
		/* What is damaged is a hole. */
		e = e == -EBADMSG ? 0 : e;
		done_to(r, entry.to_sequence < upto ? entry.to_sequence : upto);
	}
	if (e == -ENOENT)
		e = upto == UINT64_MAX ? read_unsealed(r) : 0;
	return e;
}

static int read_tier(struct reader *r, int tier, uint64_t upto);

enum place { BEFORE, WITHIN, CUT, BEHIND };

/* Where a bucket of @tier lies towards what is wanted. */
static enum place place_of(const struct reader *r, int tier, const struct rollup_bucket *bucket,
			   uint64_t upto)
{
	const uint64_t *v = bucket->value;
	int64_t start_ns = v[BUCKET_START_NS], end_ns = start_ns + rollup_width_ns[tier] - 1;

	if (v[BUCKET_FROM_SEQUENCE] > upto)
		return BEHIND;
	if (v[BUCKET_TO_SEQUENCE] <= r->after || end_ns < r->of->from_ns ||
	    start_ns > r->of->to_ns)
		return BEFORE;
	return v[BUCKET_FROM_SEQUENCE] > r->after && v[BUCKET_TO_SEQUENCE] <= upto &&
			       start_ns >= r->of->from_ns && end_ns <= r->of->to_ns
		       ? WITHIN
		       : CUT;
}

/*
 * A bucket of @tier that is wanted in part; *ret_whole: as what it was made from is gone, it
 * has to serve whole if a sample of it is wanted.
 */
static int read_cut(struct reader *r, int tier, const struct rollup_bucket *bucket, uint64_t upto,
		    bool *ret_whole)
{
	uint64_t from = bucket->value[BUCKET_FROM_SEQUENCE], to = bucket->value[BUCKET_TO_SEQUENCE];
	struct archive_entry finer;
	int e = next_chunk(r, tier - 1, from - 1, &finer);

	if (e < 0 && e != -ENOENT)
		return e;
	if (e == -ENOENT || finer.from_sequence > from) {
		*ret_whole = from > r->after &&
			     (int64_t)bucket->value[BUCKET_TO_NS] >= r->of->from_ns &&
			     (int64_t)bucket->value[BUCKET_FROM_NS] <= r->of->to_ns;
		return 0;
	}
	return read_tier(r, tier - 1, to < upto ? to : upto);
}

/* The rows of a chunk of buckets up to @upto. */
static int read_rows(struct reader *r, int tier, struct chunk *chunk,
		     const struct rollup_bucket *buckets, uint64_t upto)
{
	size_t count = chunk_rows(chunk);
	int e = 0;

	for (size_t i = 0, end; i < count && e == 0; i = end) {
		enum place place = place_of(r, tier, &buckets[i], upto);
		bool whole = place == WITHIN;

		for (end = i + 1; whole && end < count; end++) {
			if (place_of(r, tier, &buckets[end], upto) != WITHIN)
				break;
		}
		if (place == BEHIND)
			break;
		if (place == CUT)
			e = read_cut(r, tier, &buckets[i], upto, &whole);
		if (e == 0 && whole)
			e = spanrows_buckets(&r->rows, chunk, buckets, i, end);
		done_to(r, buckets[end - 1].value[BUCKET_TO_SEQUENCE]);
	}
	return e;
}

static int read_bucket_chunk(struct reader *r, int tier, const struct archive_entry *entry,
			     uint64_t upto)
{
	struct rollup_bucket *buckets;
	struct chunk *chunk;
	int e;

	if (r->samples) {
		*r->samples += entry->samples;
		return 0;
	}
	e = load(r, entry, &chunk);
	if (e == 0) {
		e = rollup_read_buckets(chunk, &buckets);
		if (e == 0) {
			e = read_rows(r, tier, chunk, buckets, upto);
			free(buckets);
		}
		chunk_free(chunk);
	}
	/* A damaged one's finer ones may be whole. */
	if (e == -EBADMSG)
		e = read_tier(r, tier - 1, entry->to_sequence < upto ? entry->to_sequence : upto);
	return e;
}

/* What is up to @upto, from @tier as far as that goes. */
static int read_tier(struct reader *r, int tier, uint64_t upto)
{
	struct archive_entry entry;
	bool first = true;
	int e = 0;

	if (tier == 0)
		return read_samples(r, upto);
	while (e == 0 && r->after < upto && (e = next_chunk(r, tier, r->after, &entry)) == 0 &&
	       entry.from_sequence <= upto) {
		if (first && entry.from_sequence > r->after + 1) {
			e = read_tier(r, tier - 1, entry.from_sequence - 1);
			done_to(r, entry.from_sequence - 1);
		}
		first = false;
		if (e == 0 && overlaps(r, tier, &entry))
			e = read_bucket_chunk(r, tier, &entry, upto);
		done_to(r, entry.to_sequence < upto ? entry.to_sequence : upto);
	}
	if (e == -ENOENT)
		e = 0;
	return e == 0 && r->after < upto ? read_tier(r, tier - 1, upto) : e;
}

/* The first sequence that @tier or a finer one has; UINT64_MAX: none. */
static int first_of(struct reader *r, int tier, uint64_t *ret_first)
{
	struct archive_entry entry;
	struct stream stream;
	int e = 0;

	*ret_first = UINT64_MAX;
	for (; tier >= 0 && e == 0; tier--) {
		e = next_chunk(r, tier, r->after, &entry);
		if (e == 0 && entry.from_sequence < *ret_first)
			*ret_first = entry.from_sequence;
		e = e == -ENOENT ? 0 : e;
	}
	if (e < 0 || *ret_first != UINT64_MAX)
		return e;
	e = stream_get(r->blocks->streams, r->of->boot->id, r->of->source, &stream);
	if (e < 0)
		return e;
	/* The journal's. */
	*ret_first = stream.sealed[0] + 1;
	stream_done(&stream);
	return 0;
}

/* What coarser tiers than @tier have and it has not, since retention dropped it. */
static int read_older(struct reader *r, int tier)
{
	struct archive_entry entry;
	uint64_t first;
	int e;

	if (tier + 1 == ROLLUP_TIERS)
		return 0;
	e = first_of(r, tier, &first);
	if (e == 0)
		e = read_older(r, tier + 1);
	while (e == 0 && r->after + 1 < first &&
	       (e = next_chunk(r, tier + 1, r->after, &entry)) == 0 &&
	       entry.from_sequence < first) {
		if (overlaps(r, tier + 1, &entry)) {
			r->older = true;
			e = read_bucket_chunk(r, tier + 1, &entry, first - 1);
		}
		done_to(r, entry.to_sequence < first ? entry.to_sequence : first - 1);
	}
	return e == -ENOENT ? 0 : e;
}

/*
 * Narrow the sequences (r->after, *upto] to those that can be in the range, as the chunks of
 * @tier tell, so that nobody walks all chunks of a fine tier to find the few that are asked
 * for. Where the host's clock was set back chunks behind the range may be followed by others
 * in it; of those that @tier does not have yet this is not known.
 */
static int narrow(struct reader *r, int tier, uint64_t *upto)
{
	uint64_t at = r->after, to = *upto;
	struct archive_entry entry;
	bool found = false;
	int e = 0;

	while (at < *upto && (e = next_chunk(r, tier, at, &entry)) == 0 &&
	       entry.from_sequence <= *upto) {
		if (overlaps(r, tier, &entry)) {
			found = true;
			to = *upto;
		} else if (entry.from_ns > r->of->to_ns) {
			if (to == *upto)
				to = entry.from_sequence - 1;
		} else if (!found && to == *upto) {
			done_to(r, entry.to_sequence);
		}
		at = entry.to_sequence;
	}
	*upto = to;
	return e == -ENOENT ? 0 : e;
}

/* A reader of @of on one state of the database, to be ended with end_reading() after 0. */
static int begin_reading(struct query *query, const struct spans_of *of, struct reader *r)
{
	int e = query_part_check(query);

	*r = (struct reader){ .query = query, .blocks = query_part_blocks(query), .of = of };
	return e < 0 ? e : query_part_begin(query);
}

static void end_reading(struct query *query, struct reader *r)
{
	spanrows_done(&r->rows);
	query_part_end(query);
}

/* All that is in the range, from @tier. */
static int read_all(struct reader *r, int tier)
{
	uint64_t upto = UINT64_MAX;
	int e = 0;

	for (int t = ROLLUP_TIERS - 1; t > tier && e == 0; t--)
		e = narrow(r, t, &upto);
	if (e == 0)
		e = read_older(r, tier);
	return e == 0 && r->after < upto ? read_tier(r, tier, upto) : e;
}

int spans_read(struct query *query, const struct spans_of *of, int tier,
	       const struct spans_want *wants, size_t wants_count, spans_fn fn, void *ctx)
{
	struct reader r;
	int e = begin_reading(query, of, &r);

	if (e < 0)
		return e;
	r.rows.wants = wants;
	r.rows.wants_count = wants_count;
	r.rows.fn = fn;
	r.rows.ctx = ctx;
	r.rows.origin = (struct rollup_origin){
		.from_zero = of->boot->cause == BOOT_CREATED,
		.opened_ns = of->boot->opened_ns,
	};
	e = read_all(&r, tier);
	end_reading(query, &r);
	return e;
}

int spans_count(struct query *query, const struct spans_of *of, int tier, uint64_t *ret_samples,
		bool *ret_whole)
{
	uint64_t samples = 0;
	struct reader r;
	int e = begin_reading(query, of, &r);

	if (e < 0)
		return e;
	r.samples = &samples;
	e = read_all(&r, tier);
	end_reading(query, &r);
	if (e < 0)
		return e;
	*ret_samples = samples;
	*ret_whole = !r.older;
	return 0;
}

/* Add the first or last chunk of a tier to what is known of the time. */
static void widen(int64_t from_ns, int64_t to_ns, bool *any, int64_t *ret_from_ns,
		  int64_t *ret_to_ns)
{
	*ret_from_ns = *any && *ret_from_ns < from_ns ? *ret_from_ns : from_ns;
	*ret_to_ns = *any && *ret_to_ns > to_ns ? *ret_to_ns : to_ns;
	*any = true;
}

static int find_times(struct reader *r, bool *any, int64_t *ret_from_ns, int64_t *ret_to_ns)
{
	struct journal_end end;
	int e = journal_end(r->blocks->journal, r->of->boot->id, r->of->source, &end);

	if (e == 0 && end.samples)
		widen(end.from_ns, end.to_ns, any, ret_from_ns, ret_to_ns);
	for (int tier = 0; tier < ROLLUP_TIERS && e == 0; tier++) {
		struct archive_of of = { r->of->boot->id, r->of->source, tier };
		struct archive_entry entry;

		e = next_chunk(r, tier, 0, &entry);
		if (e == 0) {
			widen(entry.from_ns, entry.to_ns, any, ret_from_ns, ret_to_ns);
			e = archive_last(r->blocks->archive, &of, &entry);
		}
		if (e == 0)
			widen(entry.from_ns, entry.to_ns, any, ret_from_ns, ret_to_ns);
		e = e == -ENOENT ? 0 : e;
	}
	return e;
}

int spans_times(struct query *query, const struct spans_of *of, int64_t *ret_from_ns,
		int64_t *ret_to_ns)
{
	int64_t from_ns = 0, to_ns = 0;
	bool any = false;
	struct reader r;
	int e = begin_reading(query, of, &r);

	if (e < 0)
		return e;
	e = find_times(&r, &any, &from_ns, &to_ns);
	end_reading(query, &r);
	if (e < 0)
		return e;
	from_ns = from_ns > of->from_ns ? from_ns : of->from_ns;
	to_ns = to_ns < of->to_ns ? to_ns : of->to_ns;
	if (!any || from_ns > to_ns)
		return -ENOENT;
	*ret_from_ns = from_ns;
	*ret_to_ns = to_ns;
	return 0;
}
