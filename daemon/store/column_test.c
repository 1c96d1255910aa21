/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers into bits and back; and what is no such bits. */
#include "daemon/store/column.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/testrandom.h"
#include "guest-agent/shared/tap.h"

#define MOST 16384

static uint64_t values[MOST], again[MOST];

/* Fill in @count numbers of a shape. */
typedef void (*shape_fn)(size_t count);

static void constant(size_t count)
{
	uint64_t v = testrandom_any();

	for (size_t i = 0; i < count; i++)
		values[i] = v;
}

static void ramp(size_t count)
{
	uint64_t v = testrandom_any(), step = testrandom_any();

	for (size_t i = 0; i < count; i++)
		values[i] = v += step;
}

/* Even, with a jump now and then. */
static void bursts(size_t count)
{
	uint64_t v = testrandom_any(), step = testrandom_any() >> 20, now;

	for (size_t i = 0; i < count; i++) {
		now = testrandom_one_in(20) ? step * testrandom_below(1000) : step;
		values[i] = v += now;
	}
}

/* Steps around a mean, some 10 % off. */
static void noisy(size_t count)
{
	uint64_t v = testrandom_any(), step = 1 + (testrandom_any() >> 16);

	for (size_t i = 0; i < count; i++)
		values[i] = v += step + testrandom_below(step / 8 + 1);
}

static void full_range(size_t count)
{
	for (size_t i = 0; i < count; i++)
		values[i] = testrandom();
}

static void any_magnitude(size_t count)
{
	for (size_t i = 0; i < count; i++)
		values[i] = testrandom_any();
}

static void extremes(size_t count)
{
	for (size_t i = 0; i < count; i++)
		values[i] = i & 1 ? UINT64_MAX : 0;
}

static void signed_extremes(size_t count)
{
	for (size_t i = 0; i < count; i++)
		values[i] = testrandom_one_in(2) ? 1ULL << 63 : (1ULL << 63) - 1;
}

/* Long even runs, each cut by the worst that there is. */
static void cut_runs(size_t count)
{
	uint64_t v = 0;

	for (size_t i = 0; i < count; i++) {
		if (testrandom_one_in(1 + count / 8))
			v = testrandom();
		values[i] = v;
	}
}

/* Even for long, so that runs are long, then nothing that compresses. */
static void turns_wild(size_t count)
{
	for (size_t i = 0; i < count; i++)
		values[i] = i < count / 2 ? 7 : testrandom() | 1ULL << 63;
}

/* The middle tells a predictor that suits nothing else. */
static void misleading(size_t count)
{
	for (size_t i = 0; i < count; i++)
		values[i] = i > count / 2 - 200 && i < count / 2 + 200 ? i * 1000 : testrandom();
}

static void gauge(size_t count)
{
	uint64_t v = testrandom_any();

	for (size_t i = 0; i < count; i++) {
		if (testrandom_one_in(10))
			v += testrandom_below(8192) - 4096;
		values[i] = v;
	}
}

static const struct {
	const char *name;
	shape_fn fill;
	double most;			/* bytes a number, of 1024 or more */
} shapes[] = {
	{ "constant", constant, 0.03 },
	{ "ramp", ramp, 0.03 },
	{ "bursts", bursts, 1 },
	{ "noisy", noisy, 2 },
	{ "full range", full_range, 12 },
	{ "any magnitude", any_magnitude, 9 },
	{ "extremes", extremes, 1 },
	{ "signed extremes", signed_extremes, 2 },
	{ "cut runs", cut_runs, 0.1 },
	{ "turns wild", turns_wild, 12 },
	{ "misleading", misleading, 12 },
	{ "gauge", gauge, 0.5 },
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

/* Bytes that the numbers took, 0 if they did not come back. */
static size_t round_trip(size_t count)
{
	size_t bound = column_bound(count);
	/* Memory that ends where a column may: a sanitizer sees what goes beyond. */
	uint8_t *buf = malloc(bound), *exact;
	size_t len = column_encode(values, count, buf);
	int r;

	exact = malloc(len);
	memcpy(exact, buf, len);
	memset(again, 0xa5, count * sizeof(*again));
	r = column_decode(exact, len, again, count);
	free(exact);
	free(buf);
	return r == 0 && len <= bound && memcmp(values, again, count * sizeof(*values)) == 0 ? len
											     : 0;
}

static void test_shapes(void)
{
	for (size_t i = 0; i < SHAPES; i++) {
		size_t bad = 0, bytes = 0, numbers = 0;

		for (size_t run = 0; run < (testrandom_is_long() ? 3000 : 150); run++) {
			size_t count = testrandom_one_in(8) ? MOST : 1 + (testrandom_any() % 2048);
			size_t len;

			shapes[i].fill(count);
			len = round_trip(count);
			bad += len == 0;
			if (count >= 1024) {
				bytes += len;
				numbers += count;
			}
		}
		ok(bad == 0, "%s: what went in comes out", shapes[i].name);
		ok((double)bytes / numbers <= shapes[i].most, "%s: at most %.2f bytes a number",
		   shapes[i].name, shapes[i].most);
		printf("# %s: %.3f bytes a number\n", shapes[i].name, (double)bytes / numbers);
	}
}

static void test_few(void)
{
	static const uint64_t ends[] = { 0, 1, 2, (1ULL << 63) - 1, 1ULL << 63, UINT64_MAX - 1,
					 UINT64_MAX };
	size_t n = sizeof(ends) / sizeof(ends[0]), bad = 0;

	for (size_t a = 0; a < n; a++) {
		values[0] = ends[a];
		bad += round_trip(1) == 0;
		for (size_t b = 0; b < n; b++) {
			values[1] = ends[b];
			bad += round_trip(2) == 0;
			for (size_t c = 0; c < n * n; c++) {
				values[2] = ends[c / n];
				values[3] = ends[c % n];
				bad += round_trip(3) == 0;
				bad += round_trip(4) == 0;
			}
		}
	}
	ok(bad == 0, "one to four numbers at the ends of their range");
}

/* Every start of a column is refused, or says something else; nothing is read behind it. */
static void test_cut(void)
{
	size_t believed = 0;

	for (size_t i = 0; i < SHAPES; i++) {
		uint8_t buf[16384];
		size_t len;

		shapes[i].fill(300);
		len = column_encode(values, 300, buf);
		for (size_t cut = 0; cut < len; cut++) {
			uint8_t *exact = malloc(cut ? cut : 1);

			memcpy(exact, buf, cut);
			believed += column_decode(exact, cut, again, 300) == 0;
			free(exact);
		}
	}
	ok(believed == 0, "a column that is cut is refused");
}

/* Bits that are nobody's: no more than refused, or some numbers. */
static void test_garbage(void)
{
	size_t refused = 0, taken = 0;

	for (size_t run = 0; run < (testrandom_is_long() ? 300000 : 10000); run++) {
		size_t len = testrandom_below(200), count = 1 + testrandom_any() % MOST;
		uint8_t *buf = malloc(len ? len : 1);

		for (size_t i = 0; i < len; i++)
			buf[i] = testrandom_one_in(3) ? 0 : testrandom();
		if (column_decode(buf, len, again, count) == -EBADMSG)
			refused++;
		else
			taken++;
		free(buf);
	}
	ok(refused > 0 && taken > 0, "any bits: %zu refused, %zu were numbers", refused, taken);
}

static void test_flips(void)
{
	uint8_t buf[16384];
	size_t len, other = 0, flips = 0;

	for (size_t i = 0; i < SHAPES; i++) {
		shapes[i].fill(200);
		len = column_encode(values, 200, buf);
		for (size_t bit = 0; bit < len * 8; bit++) {
			buf[bit / 8] ^= 1 << bit % 8;
			flips++;
			other += column_decode(buf, len, again, 200) < 0 ||
				 memcmp(values, again, 200 * sizeof(*values)) != 0;
			buf[bit / 8] ^= 1 << bit % 8;
		}
	}
	/* The last byte is filled up with bits that say nothing. */
	ok(other > flips - 8 * SHAPES && other <= flips, "a bit that fell over changes what is said");
}

int main(void)
{
	test_shapes();
	test_few();
	test_cut();
	test_garbage();
	test_flips();
	return done_testing();
}
