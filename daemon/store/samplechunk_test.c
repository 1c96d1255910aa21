/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Samples as rows of chunks, and back. */
#include "daemon/store/samplechunk.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/store/testrandom.h"
#include "guest-agent/shared/tap.h"

#define MOST 61			/* one more than there are at a time */

static struct sample samples[MOST];
static uint8_t lists[MOST][TESTRANDOM_DETAIL];

static struct chunk *chunk_of(size_t count)
{
	struct chunk *chunk = chunk_new();

	for (size_t i = 0; i < count; i++)
		samplechunk_add(chunk, &samples[i]);
	return chunk;
}

/* As a blob and back. */
static struct chunk *through_blob(struct chunk *chunk)
{
	struct chunk *again = NULL;
	uint8_t *blob;
	size_t len;

	if (chunk_encode(chunk, &blob, &len) < 0 || chunk_decode(blob, len, &again) < 0)
		abort();
	free(blob);
	return again;
}

static bool holds(struct chunk *chunk, size_t count, bool with_detail)
{
	struct samplechunk_reader *reader;
	struct sample sample;
	size_t n = 0;

	if (samplechunk_open(chunk, with_detail, &reader) < 0)
		return false;
	while (samplechunk_next(reader, &sample)) {
		struct sample want = samples[n % MOST];

		if (!with_detail)
			want.detail_len = 0;
		n = n < count && testrandom_same(&want, &sample) ? n + 1 : MOST;
	}
	samplechunk_close(reader);
	return n == count;
}

/* Lists are the same in all samples, or new in each, or anything between. */
static void fill(size_t count)
{
	uint64_t list_of = testrandom();

	for (size_t i = 0; i < count; i++) {
		uint64_t state = testrandom_state;

		if (testrandom_one_in(2))
			testrandom_state = list_of;
		samples[i] = testrandom_sample(lists[i]);
		testrandom_state = state + i;
		samples[i].sequence = i + 1;
		samples[i].t_wall_ns = testrandom_one_in(5) ? testrandom() >> 1 : 1000 * i;
		if (testrandom_one_in(5))
			samples[i].has |= SAMPLE_AFTER_GAP;
	}
}

static void test_round_trip(void)
{
	size_t bad = 0;

	for (int run = 0; run < (testrandom_is_long() ? 3000 : 100); run++) {
		size_t count = 1 + testrandom_below(MOST - 1);
		struct chunk *chunk, *again;

		fill(count);
		chunk = chunk_of(count);
		again = through_blob(chunk);
		bad += !holds(chunk, count, true) || !holds(again, count, true) ||
		       !holds(again, count, false);
		chunk_free(chunk);
		chunk_free(again);
	}
	ok(bad == 0, "samples come back as they were, with their lists and without");
}

/* Lists with entries, empty ones and none are three things. */
static void test_lists(void)
{
	static const char *const what[] = { "no lists", "one that is empty", "all empty" };

	for (size_t i = 0; i < 3; i++) {
		struct wire_writer w = { .buf = lists[i], .size = sizeof(lists[i]) };

		for (int list = DETAIL_FIRST; list <= DETAIL_UNITS; list++) {
			if (i == 2 || (i == 1 && list == DETAIL_VCPUS))
				detail_end(&w, detail_begin(&w, list));
		}
		samples[i] = (struct sample){ .sequence = i + 1, .detail = lists[i], .detail_len = w.len };
	}
	for (size_t i = 0; i < 3; i++) {
		struct sample first = samples[0];
		struct chunk *chunk;

		samples[0] = samples[i];
		chunk = chunk_of(1);
		ok(holds(chunk, 1, true), "%s", what[i]);
		chunk_free(chunk);
		samples[0] = first;
	}
}

static void put(struct wire_writer *w, enum detail_list list, uint32_t id, const char *name,
		uint64_t value)
{
	struct detail_entry entry = {
		.id = id,
		.name = name,
		.name_len = strlen(name),
		.value = value,
	};

	detail_put(w, list, &entry);
}

/* Names that are empty, that repeat, that stand in another order; as a guest may send them. */
static void test_names(void)
{
	struct wire_writer w = { .buf = lists[0], .size = sizeof(lists[0]) }, want;
	struct samplechunk_reader *reader;
	struct sample sample = { .sequence = 1 }, read = { 0 };
	struct chunk *chunk = chunk_new();
	size_t began = detail_begin(&w, DETAIL_PROCESSES);

	put(&w, DETAIL_PROCESSES, 9, "", 1);
	put(&w, DETAIL_PROCESSES, 5, "b", 2);
	put(&w, DETAIL_PROCESSES, 1, "", 3);
	put(&w, DETAIL_PROCESSES, 5, "a", 4);
	put(&w, DETAIL_PROCESSES, 9, "", 5);
	detail_end(&w, began);
	sample.detail = w.buf;
	sample.detail_len = w.len;
	samplechunk_add(chunk, &sample);

	want = (struct wire_writer){ .buf = lists[1], .size = sizeof(lists[1]) };
	began = detail_begin(&want, DETAIL_PROCESSES);
	put(&want, DETAIL_PROCESSES, 9, "", 1);
	put(&want, DETAIL_PROCESSES, 5, "b", 2);
	put(&want, DETAIL_PROCESSES, 1, "", 3);
	put(&want, DETAIL_PROCESSES, 5, "a", 4);
	detail_end(&want, began);
	if (samplechunk_open(chunk, true, &reader) < 0)
		abort();
	ok(samplechunk_next(reader, &read) && read.detail_len == want.len &&
		   memcmp(read.detail, want.buf, want.len) == 0,
	   "of entries with one name the first counts, in the order in which they came");
	samplechunk_close(reader);
	chunk_free(chunk);
}

/* As many entries as a message has room for. */
static void test_longest(void)
{
	struct wire_writer w = { .buf = lists[0], .size = TESTRANDOM_DETAIL };
	size_t began = detail_begin(&w, DETAIL_REASONS), entries = 0;
	struct chunk *chunk, *again;
	struct detail_entry entry = { .value = 1 };

	for (; detail_add(&w, DETAIL_REASONS, &entry); entry.id++)
		entries++;
	detail_end(&w, began);
	samples[0] = (struct sample){ .sequence = 1, .detail = w.buf, .detail_len = w.len };
	chunk = chunk_of(1);
	again = through_blob(chunk);
	ok(entries > 1500 && holds(again, 1, true), "%zu reasons", entries);
	chunk_free(chunk);
	chunk_free(again);
}

int main(void)
{
	test_round_trip();
	test_lists();
	test_names();
	test_longest();
	return done_testing();
}
