/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/journalend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where @key is, or would be. */
static size_t place_of(const struct journalends *ends, int64_t key)
{
	size_t from = 0, to = ends->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (ends->ends[middle].key < key)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

struct journalend *journalends_find(struct journalends *ends, int64_t key)
{
	size_t at = place_of(ends, key);

	return at < ends->count && ends->ends[at].key == key ? &ends->ends[at] : NULL;
}

struct journalend *journalends_get(struct journalends *ends, int64_t key)
{
	size_t at = place_of(ends, key);

	if (at < ends->count && ends->ends[at].key == key)
		return &ends->ends[at];
	if (ends->count == ends->room) {
		size_t room = ends->room ? 2 * ends->room : 64;
		struct journalend *more = realloc(ends->ends, room * sizeof(*more));

		if (!more)
			return NULL;
		ends->ends = more;
		ends->room = room;
	}
	memmove(&ends->ends[at + 1], &ends->ends[at], (ends->count - at) * sizeof(*ends->ends));
	ends->ends[at] = (struct journalend){ .key = key };
	ends->count++;
	return &ends->ends[at];
}

static void drop(struct journalends *ends, struct journalend *end)
{
	ends->count--;
	memmove(end, end + 1, (ends->ends + ends->count - end) * sizeof(*end));
}

int journalends_put(struct journalends *ends, int64_t key, const struct journal_end *end)
{
	struct journalend *e = end->samples ? journalends_get(ends, key)
					    : journalends_find(ends, key);

	if (!e)
		return end->samples ? -ENOMEM : 0;
	if (end->samples)
		*e = (struct journalend){ .key = key, .end = *end };
	else
		drop(ends, e);
	return 0;
}

const struct journalend *journalends_due(const struct journalends *ends, uint64_t samples,
					 uint64_t bytes, int64_t before_ns)
{
	for (size_t i = 0; i < ends->count; i++) {
		const struct journal_end *end = &ends->ends[i].end;

		if (end->samples > 0 && (end->samples >= samples || end->bytes >= bytes ||
					 end->from_ns < before_ns))
			return &ends->ends[i];
	}
	return NULL;
}

int64_t journalends_first_id(const struct journalends *ends)
{
	int64_t first_id = INT64_MAX;

	for (size_t i = 0; i < ends->count; i++) {
		int64_t id = ends->ends[i].end.first_id;

		first_id = id < first_id ? id : first_id;
	}
	return first_id;
}

void journalends_done(struct journalends *ends)
{
	free(ends->ends);
	memset(ends, 0, sizeof(*ends));
}
