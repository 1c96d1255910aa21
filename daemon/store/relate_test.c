/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Columns that are written as what they differ from others come back as they were. */
#include <endian.h>
#include <string.h>
#include <zlib.h>

#include "daemon/store/relate.c"
#include "guest-agent/shared/tap.h"

#define ROWS 600
#define REASONS 5

static uint64_t state = 1;

static uint64_t random_below(uint64_t n)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % n;
}

static void set(struct chunk *chunk, uint8_t kind, uint8_t aspect, uint32_t id, uint64_t value)
{
	struct key key = { .kind = kind, .aspect = aspect, .id = id };

	chunk_set(chunk, &key, value);
}

/* Where counters begin, and how rows lack values. */
struct shape {
	const char *name;
	uint64_t base;
	unsigned int absent;		/* one reason is not in one of so many rows; 0: in all */
	uint32_t late;			/* another one comes in this row */
	bool unrelated;			/* nothing adds up */
	uint8_t aspect;
};

static void fill_row(struct chunk *chunk, const struct shape *s, uint64_t *count, uint64_t *handling,
		     uint64_t *away, uint32_t row)
{
	uint64_t exits = 0, handled = 0, gone = 0, idle = s->base + row * 1000003ULL + random_below(999999);

	(void)chunk_add_row(chunk);
	for (uint32_t i = 0; i < REASONS; i++) {
		uint64_t n = random_below(1000);

		count[i] += n;
		handling[i] += n * (i + 1) * 1700 + random_below(5000);
		away[i] += n * (i + 1) * 1900 + random_below(9000);
		exits += count[i];
		handled += handling[i];
		gone += away[i];
	}
	if (s->unrelated)
		exits = handled = gone = random_below(UINT32_MAX) << 32;
	set(chunk, KEY_FIELD, s->aspect, FIELD_T_NS, row * 1000000000ULL + random_below(99999));
	set(chunk, KEY_FIELD, s->aspect, FIELD_EXITS, exits);
	set(chunk, KEY_FIELD, s->aspect, FIELD_HANDLING, handled);
	set(chunk, KEY_FIELD, s->aspect, FIELD_AWAY, gone);
	set(chunk, KEY_FIELD, s->aspect, FIELD_IDLE, idle);
	for (uint32_t i = 0; i < REASONS; i++) {
		if ((i == 1 && s->absent && random_below(s->absent) == 0) || (i == 2 && row < s->late))
			continue;
		set(chunk, KEY_REASON_COUNT, s->aspect, i, count[i]);
		set(chunk, KEY_REASON_HANDLING, s->aspect, i, handling[i]);
		set(chunk, KEY_REASON_AWAY, s->aspect, i, away[i]);
	}
	set(chunk, KEY_REASON_AWAY, s->aspect, VMEXIT_REASON_IDLE, idle);
	set(chunk, KEY_WORKLOAD, s->aspect, WORKLOAD_disk_reads, row * 3);
	set(chunk, KEY_WORKLOAD, s->aspect, WORKLOAD_disk_read_bytes,
	    s->base + row * 3 * 4096ULL + 512 * random_below(9));
	set(chunk, KEY_WORKLOAD, s->aspect, WORKLOAD_memory_available_bytes,
	    4096 * random_below(UINT32_MAX));
}

static struct chunk *filled(const struct shape *s)
{
	uint64_t count[REASONS], handling[REASONS], away[REASONS];
	struct chunk *chunk = chunk_new();

	for (int i = 0; i < REASONS; i++)
		count[i] = handling[i] = away[i] = s->base;
	for (uint32_t row = 0; row < ROWS; row++)
		fill_row(chunk, s, count, handling, away, row);
	return chunk;
}

static bool same(struct chunk *a, struct chunk *b)
{
	bool equal = chunk_columns(a) == chunk_columns(b) && chunk_rows(a) == chunk_rows(b);

	for (size_t i = chunk_columns(a); i > 0 && equal; i--) {
		const struct chunk_column *x = chunk_column(a, i - 1);
		const struct chunk_column *y = chunk_find(b, &x->key);

		equal = y && x->count == y->count &&
			memcmp(x->values, y->values, x->count * sizeof(*x->values)) == 0 &&
			memcmp(x->rows, y->rows, x->count * sizeof(*x->rows)) == 0;
	}
	return equal && !chunk_is_damaged(b);
}

static void test_round_trips(void)
{
	static const struct shape shapes[] = {
		{ "counters", 0, 0, 0, false, ASPECT_VALUE },
		{ "counters that began long ago", 1ULL << 60, 0, 0, false, ASPECT_VALUE },
		{ "counters that overflow", UINT64_MAX - 100000, 0, 0, false, ASPECT_VALUE },
		{ "a reason that some rows lack, one that comes late", 0, 7, 300, false, ASPECT_VALUE },
		{ "totals that are none", 0, 0, 0, true, ASPECT_VALUE },
		{ "a rollup's last values", 0, 0, 100, false, ASPECT_LAST },
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct chunk *chunk = filled(&shapes[i]), *back = NULL;
		uint8_t *blob = NULL;
		size_t len = 0;

		if (ok(chunk_encode(chunk, &blob, &len) == 0, "encoded: %s", shapes[i].name))
			ok(chunk_decode(blob, len, &back) == 0 && same(chunk, back),
			   "they come back, from %zu bytes", len);
		chunk_free(chunk);
		chunk_free(back);
		free(blob);
	}
}

static size_t size_of(struct chunk *chunk)
{
	uint8_t *blob;
	size_t len;

	if (chunk_encode(chunk, &blob, &len) < 0)
		return 0;
	free(blob);
	return len;
}

static void test_choice(void)
{
	struct shape shape = { .base = 1000 };
	struct chunk *related = filled(&shape), *unrelated;
	uint64_t relations[64];
	size_t scaled = 0, rest = 0;

	ok(relate_choose(related, relations) == 0, "relations are chosen");
	for (size_t i = 0; i < chunk_columns(related); i++) {
		const struct key *key = chunk_key(related, i);

		scaled += relations[i] >= RELATION_SCALED;
		rest += relations[i] == RELATION_REST;
		if (key->kind == KEY_REASON_AWAY && key->id == VMEXIT_REASON_IDLE)
			ok(relations[i] == RELATION_SCALED + (1ULL << SCALE_SHIFT),
			   "the idle ones' cycles are those of the total");
	}
	ok(scaled >= 8 && rest == 3, "%zu grow with another, %zu are what is left of a total",
	   scaled, rest);
	shape.unrelated = true;
	unrelated = filled(&shape);
	ok(size_of(related) + ROWS < size_of(unrelated), "so %zu bytes, without totals %zu",
	   size_of(related), size_of(unrelated));
	chunk_free(related);
	chunk_free(unrelated);
}

/* Each relation is believed of any column, with a checksum that fits. */
static void test_hostile(void)
{
	struct shape shape = { .base = 1000, .absent = 3 };
	struct chunk *chunk = filled(&shape);
	size_t len, damaged = 0;
	uint8_t *blob;

	if (!ok(chunk_encode(chunk, &blob, &len) == 0, "a chunk to spoil"))
		return;
	for (size_t at = 5; at < len; at += 1 + at / 40) {
		uint8_t was = blob[at];

		for (int value = 0; value < 4; value++) {
			struct chunk *back;
			uint32_t crc;

			blob[at] = value;
			crc = crc32(0, blob + 4, len - 4);
			memcpy(blob, &(uint32_t){ htole32(crc) }, sizeof(crc));
			if (chunk_decode(blob, len, &back) < 0) {
				damaged++;
				continue;
			}
			for (size_t i = 0; i < chunk_columns(back); i++)
				(void)chunk_column(back, i);
			damaged += chunk_is_damaged(back);
			chunk_free(back);
		}
		blob[at] = was;
	}
	ok(damaged > 10, "of spoilt ones %zu are seen to be damaged, and none does harm", damaged);
	free(blob);
	chunk_free(chunk);
}

int main(void)
{
	test_round_trips();
	test_choice();
	test_hostile();
	return done_testing();
}
