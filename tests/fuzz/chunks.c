/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a chunk: its columns, samples and rollups. What can be read must be the
 * same when it is written again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "daemon/store/rollup.h"
#include "daemon/store/samplechunk.h"
#include "guest-agent/shared/detail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A blob may say that it has more numbers than can be read in the time for one input. */
#define VALUES_MAX 200000

static void check(bool good)
{
	if (!good)
		abort();
}

/* Rows ascend within the chunk. */
static bool read_columns(struct chunk *chunk)
{
	bool all = true;

	for (size_t i = 0; i < chunk_columns(chunk); i++) {
		const struct chunk_column *c = chunk_column(chunk, i);

		for (size_t n = 0; c && n < c->count; n++)
			check(c->rows[n] < chunk_rows(chunk) &&
			      (n == 0 || c->rows[n] > c->rows[n - 1]));
		all &= c != NULL;
	}
	return all;
}

static void read_samples(struct chunk *chunk)
{
	struct samplechunk_reader *reader;
	struct sample sample;
	size_t n = 0;

	if (samplechunk_open(chunk, true, &reader) < 0)
		return;
	for (; samplechunk_next(reader, &sample); n++)
		check(sample.detail_len <= SAMPLECHUNK_DETAIL_MAX);
	check(n == chunk_rows(chunk));
	samplechunk_close(reader);
}

static void read_rollups(struct chunk *chunk)
{
	struct rollup_bucket *buckets;
	struct rollup_point *points;

	if (rollup_read_buckets(chunk, &buckets) < 0)
		return;
	points = malloc((chunk_rows(chunk) + 1) * sizeof(*points));
	for (size_t i = 0; points && i < chunk_columns(chunk); i++) {
		struct key key = *chunk_key(chunk, i);

		if (key.aspect != ASPECT_LAST)
			continue;
		key.aspect = ASPECT_VALUE;
		(void)rollup_read(chunk, &key, buckets, points);
	}
	free(points);
	free(buckets);
}

static void roll_up(struct chunk *chunk)
{
	struct rollup_origin origin = { .from_zero = chunk_rows(chunk) % 2 };
	struct chunk *into = chunk_new(), *higher = chunk_new();

	if (into && higher && rollup_samples(chunk, chunk_columns(chunk) % 5, &origin, into) == 0) {
		read_rollups(into);
		check(rollup_buckets(into, 0, rollup_width_ns[2], higher) == 0 ||
		      chunk_rows(into) > 0);
		read_rollups(higher);
	}
	chunk_free(into);
	chunk_free(higher);
	into = chunk_new();
	if (into)
		(void)rollup_buckets(chunk, 0, rollup_width_ns[3], into);
	chunk_free(into);
}

/* Written again, it is what it was. */
static void write_again(struct chunk *chunk)
{
	struct chunk *again;
	uint8_t *blob;
	size_t len;

	check(chunk_encode(chunk, &blob, &len) == 0);
	check(chunk_decode(blob, len, &again) == 0);
	check(chunk_rows(again) == chunk_rows(chunk) &&
	      chunk_columns(again) == chunk_columns(chunk));
	for (size_t i = 0; i < chunk_columns(chunk); i++) {
		const struct chunk_column *a = chunk_column(chunk, i), *b = chunk_column(again, i);

		check(a && b && key_equal(&a->key, &b->key) && a->count == b->count);
		check(memcmp(a->values, b->values, a->count * sizeof(*a->values)) == 0 &&
		      memcmp(a->rows, b->rows, a->count * sizeof(*a->rows)) == 0);
	}
	chunk_free(again);
	free(blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct chunk *chunk;

	if (chunk_decode(data, size, &chunk) < 0)
		return 0;
	if (chunk_rows(chunk) * chunk_columns(chunk) <= VALUES_MAX) {
		bool all = read_columns(chunk);

		read_samples(chunk);
		read_rollups(chunk);
		roll_up(chunk);
		if (all && chunk_columns(chunk) > 0)
			write_again(chunk);
	}
	chunk_free(chunk);
	return 0;
}
