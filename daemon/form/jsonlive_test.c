/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsonlive.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define ALL (SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY)

static struct boot boot = { .cause = BOOT_FOUND, .vcpus = 2, .tsc_khz = 1000000, .opened_ns = S };

struct lists {
	uint8_t bytes[65536];
	size_t len;
};

/* @count reasons from @first on, each @per more frequent than the one before. */
static void fill(struct lists *lists, uint32_t first, unsigned int count, uint64_t base, uint64_t per)
{
	struct wire_writer w = { .buf = lists->bytes, .size = sizeof(lists->bytes) };
	size_t began = detail_begin(&w, DETAIL_REASONS);

	for (unsigned int i = 0; i < count; i++) {
		struct detail_entry entry = { .id = first + i, .value = base + i * per,
					      .handling_cycles = (base + i * per) * 1000000,
					      .away_cycles = (base + i * per) * 2000000 };

		detail_put(&w, DETAIL_REASONS, &entry);
	}
	detail_end(&w, began);
	lists->len = w.len;
}

static struct row_pair pair_of(const struct lists *before, const struct lists *now, uint32_t has)
{
	struct row_pair pair = {
		.row = { .boot = &boot, .sample = { .has = has, .exits = 2000, .t_wall_ns = 12 * S } },
		.has_before = before != NULL,
		.before = { .has = has, .exits = 1000, .t_wall_ns = 10 * S },
	};

	if (now) {
		pair.row.sample.detail = now->bytes;
		pair.row.sample.detail_len = now->len;
	}
	if (before && before->len) {
		pair.before.detail = before->bytes;
		pair.before.detail_len = before->len;
	}
	return pair;
}

/* What it says; the caller decrefs. */
static json_t *reasons(const struct row_pair *pair)
{
	char *text;
	json_t *json;

	if (jsonlive_reasons(pair, &text) < 0)
		abort();
	json = json_loads(text, JSON_DECODE_ANY, NULL);
	free(text);
	return json;
}

static bool says(const struct row_pair *pair, const char *text)
{
	json_t *is = reasons(pair), *should = json_loads(text, JSON_DECODE_ANY, NULL);
	bool equal = json_equal(is, should);

	if (!equal && is)
		json_dumpf(is, stdout, JSON_ENCODE_ANY);
	json_decref(is);
	json_decref(should);
	return equal;
}

static void test_rates(void)
{
	static struct lists a, b, none, fewer;
	struct row_pair pair;

	fill(&a, 10, 2, 100, 0);
	fill(&b, 10, 3, 100, 20);	/* 100, 120, 140 */
	fill(&fewer, 10, 3, 90, 20);
	pair = pair_of(&a, &b, ALL);
	ok(says(&pair, "[[12,70,0.035,0.07],[11,10,0.005,0.01]]"),
	   "since the sample before; what is new was zero, what did not occur is left out");
	pair = pair_of(&a, &b, SAMPLE_HAS_EXITS);
	ok(says(&pair, "[[12,70,null,null],[11,10,null,null]]"), "without cycles");
	boot.tsc_khz = 0;
	pair = pair_of(&a, &b, ALL);
	ok(says(&pair, "[[12,70,null,null],[11,10,null,null]]"), "without the TSC's frequency");
	boot.tsc_khz = 1000000;
	pair = pair_of(&a, &a, ALL);
	ok(says(&pair, "[]"), "nothing occurred");
	pair = pair_of(&a, NULL, ALL);
	ok(says(&pair, "null"), "without a list");
	pair = pair_of(&none, &b, ALL);
	ok(says(&pair, "null"), "without one before");
	pair = pair_of(&a, &fewer, ALL);
	ok(says(&pair, "null"), "what fell tells nothing");
	pair = pair_of(&a, &b, ALL | SAMPLE_AFTER_GAP);
	ok(says(&pair, "null"), "nor what is behind a gap");
	pair = pair_of(NULL, &a, ALL);
	ok(says(&pair, "null"), "nor the first of a boot that was found");
	boot.cause = BOOT_CREATED;
	pair.row.sample.t_wall_ns = 5 * S;
	ok(says(&pair, "[[10,25,0.0125,0.025],[11,25,0.0125,0.025]]"),
	   "the first of one whose creation was seen counts from there");
	boot.cause = BOOT_FOUND;
}

/* A guest may claim any number of reasons, and of exits. */
static void test_hostile(void)
{
	static struct lists before, many;
	struct row_pair pair;
	json_t *list;

	fill(&before, 0, 0, 0, 0);
	fill(&many, 1, 1000, 1, 1);
	pair = pair_of(&before, &many, ALL);
	list = reasons(&pair);
	ok(json_array_size(list) == JSONLIVE_REASONS_MAX &&
		   json_integer_value(json_array_get(json_array_get(list, 0), 0)) == 1000,
	   "of many the most frequent");
	json_decref(list);
	fill(&many, UINT32_MAX - 200, 200, UINT64_MAX / 4, 1);
	pair = pair_of(&before, &many, ALL);
	list = reasons(&pair);
	ok(json_array_size(list) == JSONLIVE_REASONS_MAX, "the largest numbers fit");
	json_decref(list);
}

int main(void)
{
	test_rates();
	test_hostile();
	return done_testing();
}
