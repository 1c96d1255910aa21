/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/listlead.h"

#include <errno.h>
#include <string.h>

/* A walk back from a sample. */
struct search {
	struct archive *archive;
	struct archive_of of;
	struct listlead *lead;
	unsigned int lists;		/* still to be found */
	uint64_t sequence;		/* the sample that is to be looked at next */
	int64_t from_ns;		/* what ended before is too far back */
	bool from_zero;			/* the boot's counters are */
};

static const struct chunk_column *field(struct chunk *chunk, enum key_field id)
{
	struct key key = { .kind = KEY_FIELD, .id = id };

	return chunk_find(chunk, &key);
}

/* Whether there is a gap before @row; rows are asked for from the last on, *left gaps to go. */
static bool has_gap(const struct chunk_column *gap, size_t row, size_t *left)
{
	while (*left && gap->rows[*left - 1] > row)
		(*left)--;
	return *left && gap->rows[*left - 1] == row;
}

/* The row of the sample with a sequence; false: it is not there. */
static bool find_row(const struct chunk_column *sequence, uint64_t wanted, size_t *ret_row)
{
	for (size_t row = sequence->count; row-- > 0;) {
		*ret_row = row;
		if (sequence->values[row] <= wanted)
			return sequence->values[row] == wanted;
	}
	return false;
}

static void take(struct search *s, struct chunk *chunk, size_t row, int64_t t_ns,
		 unsigned int lists)
{
	for (unsigned int list = 0; list < LISTSTEP_LISTS; list++) {
		if (!(lists & s->lists & 1U << list))
			continue;
		s->lead->leads.of[list].chunk = chunk;
		s->lead->leads.of[list].row = row;
		s->lead->leads.of[list].t_ns = t_ns;
		s->lists &= ~(1U << list);
	}
}

/*
 * Look for lists in a chunk, from s->sequence back. Returns 1 if the chunk before is to be
 * looked at, with s->sequence of the row that they have in common, else 0.
 */
static int search_chunk(struct search *s, const struct archive_entry *entry, struct chunk *chunk)
{
	const struct chunk_column *sequence = field(chunk, FIELD_SEQUENCE);
	const struct chunk_column *t = field(chunk, FIELD_T_NS), *gap = field(chunk, FIELD_GAP);
	const struct chunk_column *has = field(chunk, FIELD_LISTS);
	size_t rows = chunk_rows(chunk), gaps = gap ? gap->count : 0, row;

	if (chunk_is_damaged(chunk) || !sequence || !t || !has || sequence->count != rows ||
	    t->count != rows || has->count != rows || !find_row(sequence, s->sequence, &row))
		return 0;
	for (row++; row-- > 0;) {
		take(s, chunk, row, t->values[row], has->values[row]);
		if (s->lists == 0)
			return 0;
		if (has_gap(gap, row, &gaps))
			s->lead->leads.over_gap |= s->lists;
	}
	if (sequence->values[0] >= entry->from_sequence) {
		take(s, chunk, 0, t->values[0], 1U << LISTSTEP_PROCESSES);
		s->lead->leads.zero = s->from_zero ? s->lists : 0;
		return 0;
	}
	s->sequence = sequence->values[0];
	return entry->to_ns >= s->from_ns;
}

/* The chunk with the sample s->sequence. As search_chunk(), or -errno. */
static int search_next(struct search *s)
{
	struct listlead *lead = s->lead;
	struct archive_entry entry;
	unsigned int before = s->lists;
	struct chunk *chunk;
	int r = archive_next(s->archive, &s->of, s->sequence - 1, INT64_MIN, INT64_MAX, &entry);

	if (r < 0 || entry.from_sequence > s->sequence)
		return r == -ENOENT ? 0 : r;
	r = archive_load(s->archive, entry.id, &chunk);
	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	r = search_chunk(s, &entry, chunk);
	if (s->lists != before)
		lead->loaded[lead->loaded_count++] = chunk;
	else
		chunk_free(chunk);
	return r;
}

int listlead_find(struct archive *archive, const struct archive_of *of, struct chunk *chunk,
		  unsigned int lists, bool from_zero, struct listlead *ret_lead)
{
	const struct chunk_column *sequence = field(chunk, FIELD_SEQUENCE);
	const struct chunk_column *t = field(chunk, FIELD_T_NS);
	struct search s = {
		.archive = archive,
		.of = { of->boot, of->source, 0 },
		.lead = ret_lead,
		.lists = liststep_open(chunk, lists),
		.from_zero = from_zero,
	};
	int r = 1;

	memset(ret_lead, 0, sizeof(*ret_lead));
	if (s.lists == 0 || !sequence || sequence->count == 0 || !t || t->count == 0)
		return 0;
	s.sequence = sequence->values[0];
	/* The host's clock may have been set back meanwhile. */
	s.from_ns = (int64_t)t->values[0] - 2 * LISTSTEP_FAR_NS;
	for (int n = 0; n < LISTLEAD_CHUNKS_MAX && r > 0; n++)
		r = search_next(&s);
	if (r < 0)
		listlead_done(ret_lead);
	return r < 0 ? r : 0;
}

void listlead_done(struct listlead *lead)
{
	for (size_t i = 0; i < lead->loaded_count; i++)
		chunk_free(lead->loaded[i]);
	memset(lead, 0, sizeof(*lead));
}
