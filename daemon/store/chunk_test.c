/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunks as blobs and back; blobs that are damaged, or somebody's invention. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

/* Memory may be given so often before there is none. */
static size_t allocations = SIZE_MAX;

static bool may_allocate(void)
{
	return allocations > 0 && allocations--;
}

#define calloc(count, size) (may_allocate() ? (calloc)(count, size) : NULL)
#define malloc(size) (may_allocate() ? (malloc)(size) : NULL)
#define realloc(old, size) (may_allocate() ? (realloc)(old, size) : NULL)
#include "daemon/store/chunk.c"
#undef calloc
#undef malloc
#undef realloc

#include "daemon/store/testrandom.h"
#include "guest-agent/shared/tap.h"

/* A chunk beside what it should hold, in plain arrays. */
struct model {
	size_t rows, columns;
	struct key *keys;
	bool *present;			/* columns * rows */
	uint64_t *values;
};

static struct model new_model(size_t rows, size_t columns)
{
	return (struct model){
		.rows = rows,
		.columns = columns,
		.keys = calloc(columns, sizeof(struct key)),
		.present = calloc(rows * columns, sizeof(bool)),
		.values = calloc(rows * columns, sizeof(uint64_t)),
	};
}

static void drop_model(struct model *m)
{
	free(m->keys);
	free(m->present);
	free(m->values);
}

static char names[4096][DETAIL_NAME_MAX];

/* Keys that differ: by id, by name up to the longest, by aspect, by kind. */
static void choose_keys(struct model *m)
{
	for (size_t i = 0; i < m->columns; i++) {
		size_t which = i % 4096, len = 1 + which % DETAIL_NAME_MAX;

		memset(names[which], '!' + (int)(which % 90), DETAIL_NAME_MAX);
		m->keys[i] = (struct key){ .kind = KEY_PROCESS, .id = i, .name = names[which] };
		m->keys[i].name_len = i % 3 == 0 ? 0 : len;
		if (i % 5 == 0)
			m->keys[i].kind = i % KEY_KINDS;
		if (i % 7 == 1) {
			/* As rollups have them: the series before, another aspect. */
			m->keys[i] = m->keys[i - 1];
			m->keys[i].aspect = ASPECT_WEIGHT;
		}
	}
}

static void fill_model(struct model *m)
{
	choose_keys(m);
	for (size_t c = 0; c < m->columns; c++) {
		size_t sparse = testrandom_one_in(2) ? 1 : 1 + testrandom_below(50);
		bool wild = testrandom_one_in(4);
		uint64_t v = testrandom_any();

		for (size_t row = 0; row < m->rows; row++) {
			v = wild ? testrandom() : v + testrandom_below(100);
			if (!testrandom_one_in(sparse) && row != c % m->rows)
				continue;
			m->present[c * m->rows + row] = true;
			m->values[c * m->rows + row] = v;
		}
	}
}

static struct chunk *chunk_of(const struct model *m)
{
	struct chunk *chunk = chunk_new();

	for (size_t row = 0; row < m->rows; row++) {
		chunk_add_row(chunk);
		for (size_t c = 0; c < m->columns; c++) {
			if (!m->present[c * m->rows + row])
				continue;
			chunk_set(chunk, &m->keys[c], m->values[c * m->rows + row]);
			/* What is set twice stays. */
			if (testrandom_one_in(50))
				chunk_set(chunk, &m->keys[c], 12345);
		}
	}
	return chunk;
}

static bool holds_column(const struct model *m, size_t c, const struct chunk_column *column)
{
	size_t next = 0;

	if (!column || !key_equal(&column->key, &m->keys[c]))
		return false;
	for (size_t row = 0; row < m->rows; row++) {
		if (!m->present[c * m->rows + row])
			continue;
		if (next == column->count || column->rows[next] != row ||
		    column->values[next] != m->values[c * m->rows + row])
			return false;
		next++;
	}
	return next == column->count;
}

static bool holds(const struct model *m, struct chunk *chunk)
{
	if (chunk_rows(chunk) != m->rows || chunk_columns(chunk) != m->columns)
		return false;
	for (size_t c = 0; c < m->columns; c++) {
		if (!holds_column(m, c, chunk_find(chunk, &m->keys[c])))
			return false;
	}
	return !chunk_is_damaged(chunk);
}

/* As a blob, which is decoded from memory that ends with it; NULL if it failed. */
static struct chunk *through_blob(struct chunk *chunk, size_t *ret_len)
{
	struct chunk *again = NULL;
	uint8_t *blob, *exact;
	size_t len;

	if (chunk_encode(chunk, &blob, &len) < 0)
		return NULL;
	exact = malloc(len);
	memcpy(exact, blob, len);
	free(blob);
	if (chunk_decode(exact, len, &again) < 0)
		again = NULL;
	free(exact);
	*ret_len = len;
	return again;
}

static bool round_trips(size_t rows, size_t columns, size_t *ret_len)
{
	struct model m = new_model(rows, columns);
	struct chunk *chunk, *again;
	bool good;

	fill_model(&m);
	chunk = chunk_of(&m);
	again = through_blob(chunk, ret_len);
	good = again && holds(&m, again) && holds(&m, chunk);
	chunk_free(chunk);
	chunk_free(again);
	drop_model(&m);
	return good;
}

static void test_round_trip(void)
{
	size_t bad = 0, len = 0;

	for (int run = 0; run < (testrandom_is_long() ? 2000 : 100); run++)
		bad += !round_trips(1 + testrandom_any() % 600, 1 + testrandom_below(60), &len);
	ok(bad == 0, "random chunks come back as they were");
	ok(round_trips(1, 1, &len), "one number");
	ok(round_trips(CHUNK_ROWS_MAX, 3, &len), "as many rows as there may be");
	ok(round_trips(40, 6000, &len), "6000 columns");
	printf("# 6000 sparse columns of 40 rows: %zu bytes\n", len);
}

/* A blob is gone on with, row by row and out of order of columns. */
static void test_go_on(void)
{
	struct model m = new_model(300, 20);
	struct chunk *chunk, *again;
	size_t len;

	fill_model(&m);
	chunk = chunk_new();
	for (size_t row = 0; row < m.rows; row++) {
		if (row == m.rows / 2) {
			again = through_blob(chunk, &len);
			chunk_free(chunk);
			chunk = again;
		}
		(void)chunk_add_row(chunk);
		for (size_t i = m.columns; i-- > 0;) {
			size_t c = (i * 7 + row) % m.columns;

			if (m.present[c * m.rows + row])
				chunk_set_at(chunk, &m.keys[c], row, m.values[c * m.rows + row]);
		}
	}
	ok(holds(&m, chunk), "a blob is gone on with");
	again = through_blob(chunk, &len);
	ok(again && holds(&m, again), "and is one again");
	chunk_clear(again);
	ok(chunk_rows(again) == 0 && chunk_columns(again) == 0 && !chunk_find(again, &m.keys[0]),
	   "what was cleared is empty");
	chunk_free(again);
	chunk_free(chunk);
	drop_model(&m);
}

static void test_rows_before(void)
{
	struct key key = { .kind = KEY_FIELD, .id = 1 };
	struct chunk *chunk = chunk_new();
	const struct chunk_column *c;

	for (int i = 0; i < 10; i++)
		chunk_add_row(chunk);
	chunk_set_at(chunk, &key, 3, 33);
	chunk_set_at(chunk, &key, 7, 77);
	chunk_set_at(chunk, &key, 5, 55);
	chunk_set_at(chunk, &key, 7, 78);
	c = chunk_find(chunk, &key);
	ok(c && c->count == 2 && c->rows[0] == 3 && c->rows[1] == 7 && c->values[1] == 77,
	   "a row that is passed, or has a value, is not set again");
	ok(!chunk_column(chunk, 1), "there is no column behind the last");
	chunk_free(chunk);
}

/* Read everything there is. */
static void read_all(struct chunk *chunk)
{
	for (size_t i = 0; i < chunk_columns(chunk); i++) {
		const struct chunk_column *c = chunk_column(chunk, i);

		for (size_t n = 0; c && n < c->count; n++) {
			if (c->rows[n] >= chunk_rows(chunk) || (n && c->rows[n] <= c->rows[n - 1]))
				abort();
		}
	}
}

/* True if @blob, in memory that ends with it, is refused. */
static bool refused(const uint8_t *blob, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	struct chunk *chunk = NULL;
	int r;

	memcpy(exact, blob, len);
	r = chunk_decode(exact, len, &chunk);
	free(exact);
	if (r == 0)
		read_all(chunk);
	chunk_free(chunk);
	return r == -EBADMSG;
}

static void right_checksum(uint8_t *blob, size_t len)
{
	uint32_t crc = crc32(0, blob + 4, len - 4);

	for (int i = 0; i < 4; i++)
		blob[i] = crc >> 8 * i;
}

static void test_damaged(void)
{
	struct model m = new_model(30, 12);
	size_t believed = 0, harmless = 0, len;
	struct chunk *chunk;
	uint8_t *blob;

	fill_model(&m);
	chunk = chunk_of(&m);
	if (chunk_encode(chunk, &blob, &len) < 0)
		abort();
	chunk_free(chunk);
	for (size_t cut = 0; cut < len; cut++)
		believed += !refused(blob, cut);
	ok(believed == 0, "a blob that is cut is refused");
	for (size_t bit = 0; bit < len * 8; bit++) {
		blob[bit / 8] ^= 1 << bit % 8;
		believed += !refused(blob, len);
		if (bit >= 32) {
			right_checksum(blob, len);
			harmless += !refused(blob, len);
		}
		blob[bit / 8] ^= 1 << bit % 8;
		right_checksum(blob, len);
	}
	ok(believed == 0, "so is one with a bit that fell over");
	ok(harmless > 0 && harmless < len * 8, "with the right checksum %zu of %zu are read, harmlessly",
	   harmless, len * 8);
	for (size_t cut = 4; cut < len; cut++) {
		uint8_t *part = malloc(cut);

		memcpy(part, blob, cut);
		right_checksum(part, cut);
		believed += !refused(part, cut);
		free(part);
	}
	ok(believed == 0, "one that is cut, with a checksum of its own, is refused too");
	free(blob);
	drop_model(&m);
}

/* A blob by hand: what follows the checksum. */
static bool is_refused(const char *what, size_t len)
{
	uint8_t blob[256];

	memcpy(blob + 4, what, len);
	right_checksum(blob, len + 4);
	return refused(blob, len + 4);
}

#define REFUSED(what) is_refused(what, sizeof(what) - 1)

static void test_hostile(void)
{
	/* Version 1, 1 row, 1 column: a field with id 1 in all rows, 2 bytes: the number 0. */
	ok(!REFUSED("\x01\x01\x01\x00\x01\x00\x00\x02\x00\x00"), "a blob by hand");
	ok(REFUSED("\x02\x01\x01\x00\x01\x00\x00\x02\x00\x00"), "another version");
	ok(REFUSED("\x01\x00\x00"), "no rows");
	ok(REFUSED("\x01\x81\x80\x01\x00"), "more rows than there may be");
	ok(REFUSED("\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "2^64 - 1 columns");
	ok(REFUSED("\x01\x01\x05\x00\x01\x00\x00\x02\x00\x00"), "more columns than there are");
	ok(REFUSED("\x01\x01\x01\x01\x00\x02\x00\x00"), "as the entry before, of which there is none");
	ok(REFUSED("\x01\x01\x01\x00\xff\xff\xff\xff\x1f\x00\x00\x02\x00\x00"), "an id beyond 32 bits");
	ok(REFUSED("\x01\x01\x01\xb0\x01\x00\x00\x02\x00\x00"), "an unknown kind");
	ok(REFUSED("\x01\x01\x01\x0e\x01\x00\x00\x02\x00\x00"), "an unknown aspect");
	ok(REFUSED("\x01\x01\x01\x00\x01\x41\x00\x02\x00\x00"), "a name that is not there");
	ok(REFUSED("\x01\x01\x01\x00\x01\x00\x01\x02\x00\x00"), "a column without a value");
	ok(REFUSED("\x01\x01\x01\x00\x01\x00\x00\x03\x00\x00"), "more bytes than there are");
	ok(REFUSED("\x01\x01\x01\x00\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00"),
	   "2^64 - 1 bytes");
	ok(REFUSED("\x01\x01\x01\x00\x01\x00\x00\x02\x00\x00\x00"), "bytes behind the last column");
	ok(REFUSED("\x01\x01\x02\x00\x01\x00\x00\x02\x00\x01\x00\x00\x02\x00\x00\x00\x00"),
	   "the same column twice");
	ok(REFUSED("\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), "a varint without an end");
}

/* Runs of rows that lead beyond the last, or nowhere. */
static void test_hostile_runs(void)
{
	static const struct {
		const char *runs;
		size_t len;
		bool good;
	} all[] = {
		{ "\x01\x02", 2, true },
		{ "\x00\x01\x01\x01", 4, true },
		{ "\x02\x02", 2, false },
		{ "\x00\x03", 2, false },
		{ "\x00\x00\x00\x02", 4, false },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02", 11, false },
		{ "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, false },
		{ "\x01", 1, false },
	};
	size_t bad = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		/* 3 rows, one without: two numbers, both 0, that go with no other column's. */
		uint8_t blob[64] = { 0, 0, 0, 0, 1, 3, 1, 0, 1, 0, 1, 1 + all[i].len + 3 };
		size_t len = 13 + all[i].len + 3;
		struct chunk *chunk = NULL;

		memcpy(blob + 13, all[i].runs, all[i].len);
		right_checksum(blob, len);
		if (chunk_decode(blob, len, &chunk) < 0)
			abort();
		bad += (chunk_column(chunk, 0) != NULL) != all[i].good;
		bad += chunk_is_damaged(chunk) == all[i].good;
		if (!all[i].good) {
			uint8_t *again;

			bad += chunk_encode(chunk, &again, &len) != -EBADMSG;
		}
		chunk_free(chunk);
	}
	ok(bad == 0, "runs of rows are believed only if they are right");
}

/* Fill one, write it, read it. True if memory sufficed, and then all is there. */
static bool live_in(size_t memory, const struct model *m)
{
	struct chunk *chunk, *again = NULL;
	uint8_t *blob = NULL;
	size_t len = 0;
	int r = -ENOMEM;
	bool all = false;

	allocations = memory;
	chunk = chunk_new();
	for (size_t row = 0; chunk && row < m->rows; row++) {
		chunk_add_row(chunk);
		for (size_t c = 0; c < m->columns; c++) {
			if (m->present[c * m->rows + row])
				chunk_set(chunk, &m->keys[c], m->values[c * m->rows + row]);
		}
	}
	if (chunk)
		r = chunk_encode(chunk, &blob, &len);
	if (r == 0)
		r = chunk_decode(blob, len, &again);
	if (r == 0)
		all = holds(m, again);
	if (r != 0 && r != -ENOMEM)
		abort();
	allocations = SIZE_MAX;
	free(blob);
	chunk_free(chunk);
	chunk_free(again);
	return all;
}

static void test_no_memory(void)
{
	struct model m = new_model(40, 150);
	size_t memory = 0;

	fill_model(&m);
	while (memory < 100000 && !live_in(memory, &m))
		memory++;
	ok(memory > 300 && memory < 100000, "without memory for any of %zu pieces it says so",
	   memory);
	drop_model(&m);
}

int main(void)
{
	test_no_memory();
	test_round_trip();
	test_go_on();
	test_rows_before();
	test_damaged();
	test_hostile();
	test_hostile_runs();
	return done_testing();
}
