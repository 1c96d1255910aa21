/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Samples as the journal's bytes, and as rows of chunks; and back. */
#include "daemon/store/tick.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/testrandom.h"
#include "guest-agent/shared/tap.h"

static uint8_t lists[TESTRANDOM_DETAIL];

/* From memory that ends with the bytes. */
static int decode(const uint8_t *bytes, size_t len, struct sample *ret_sample, uint8_t **ret_copy)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, bytes, len);
	*ret_copy = copy;
	return tick_decode(copy, len, ret_sample);
}

static void test_round_trip(void)
{
	static uint8_t buf[TICK_FIXED_MAX + TESTRANDOM_DETAIL];
	size_t bad = 0, longest = 0;

	for (int run = 0; run < (testrandom_is_long() ? 100000 : 3000); run++) {
		struct sample sample = testrandom_sample(lists), again;
		size_t len = tick_encode(&sample, buf);
		uint8_t *copy;

		bad += decode(buf, len, &again, &copy) < 0 || !testrandom_same(&sample, &again);
		longest = len - sample.detail_len > longest ? len - sample.detail_len : longest;
		free(copy);
	}
	ok(bad == 0, "samples come back as they were");
	ok(longest <= TICK_FIXED_MAX, "in no more bytes than promised");
	printf("# the longest took %zu bytes beside its lists\n", longest);
}

static void test_largest(void)
{
	static uint8_t buf[TICK_FIXED_MAX];
	struct sample sample = testrandom_sample(lists), again;
	uint8_t *copy;
	size_t len;

	sample.detail_len = 0;
	sample.has = UINT32_MAX & ~SAMPLE_AFTER_GAP;
	sample.t_boot_ns = sample.exits = sample.handling_cycles = sample.away_cycles =
		sample.idle_cycles = sample.agent_exits = sample.taken = UINT64_MAX;
	sample.clock_error_ns = sample.interval_us = UINT32_MAX;
	sample.workload.mask = UINT64_MAX >> (64 - WORKLOAD_COUNT);
	memset(sample.workload.value, 0xff, sizeof(sample.workload.value));
	len = tick_encode(&sample, buf);
	ok(len <= TICK_FIXED_MAX && decode(buf, len, &again, &copy) == 0 &&
		   again.exits == UINT64_MAX && again.taken == UINT64_MAX &&
		   again.clock_error_ns == UINT32_MAX,
	   "the largest numbers fit");
	ok(again.has == (SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY |
			 SAMPLE_HAS_PACE | SAMPLE_HAS_AGENT | SAMPLE_HAS_TAKEN |
			 SAMPLE_HAS_CLOCK_ERROR),
	   "what is not stored is not said to be there");
	free(copy);
}

/* A cut may leave whole lists; never a number that was not there. */
static void test_cut(void)
{
	static uint8_t buf[TICK_FIXED_MAX + TESTRANDOM_DETAIL];
	size_t bad = 0;

	for (int run = 0; run < 60; run++) {
		struct sample sample = testrandom_sample(lists), again;
		size_t len = tick_encode(&sample, buf);

		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *copy;
			int r = decode(buf, cut, &again, &copy);

			bad += r != 0 && r != -EBADMSG;
			bad += r == 0 && cut < len - sample.detail_len;
			bad += r == 0 && !detail_is_valid(again.detail, again.detail_len);
			free(copy);
		}
	}
	ok(bad == 0, "what is cut is refused, or lacks whole lists");
}

static void test_garbage(void)
{
	size_t refused = 0, taken = 0;

	for (int run = 0; run < (testrandom_is_long() ? 1000000 : 50000); run++) {
		uint8_t bytes[120], *copy;
		size_t len = testrandom_below(sizeof(bytes));
		struct sample sample;

		for (size_t i = 0; i < len; i++)
			bytes[i] = testrandom_one_in(2) ? 0 : testrandom();
		if (decode(bytes, len, &sample, &copy) < 0) {
			refused++;
		} else {
			taken++;
			if (sample.workload.mask >> WORKLOAD_COUNT ||
			    !detail_is_valid(sample.detail, sample.detail_len))
				abort();
		}
		free(copy);
	}
	ok(refused > 0 && taken > 0, "any bytes: %zu refused, %zu were a sample", refused, taken);
	ok(tick_decode((const uint8_t *)"\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12,
		       &(struct sample){ 0 }) == -EBADMSG,
	   "workload values that nobody knows are refused");
}

int main(void)
{
	test_round_trip();
	test_largest();
	test_cut();
	test_garbage();
	return done_testing();
}
