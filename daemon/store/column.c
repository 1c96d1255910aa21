/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/column.h"

#include <errno.h>

#include "daemon/store/bits.h"

/*
 * A column: 2 bits predictor, 6 bits first Rice parameter, the first number; 1 less than
 * what all others differ from it by multiples of (bytes in sectors, times in ticks), by
 * which these differences are divided; for all
 * predictors but the first the step to the second one, folded; then one code for every
 * other. A number stands as 7 bits length (0 to 64) and its bits.
 */
enum predictor { SAME_VALUE, SAME_STEP, MEAN_STEP_4, MEAN_STEP_16, PREDICTORS };

/* So many of a column's numbers, from its middle, decide on its predictor. */
#define TRIAL 128

#define FAR (1ULL << 62)

#define UNARY_MAX 24			/* longer ones escape to a plain number */
#define WORST_BITS (1 + UNARY_MAX + 7 + 64)

/* Malvar's adaptation of the run length, with the constants of [MS-RDPRFX] 3.1.8.1.7.3. */
#define RUN_SCALE 3
#define RUN_MAX 80
#define RUN_FULL_UP 4
#define RUN_CUT_DOWN 6
#define RUN_NONE_STEP 3

/* The mean of what was missed, over some 16 numbers, tells the Rice parameter. */
#define MEAN_SHIFT 4
#define MISS_MAX (1ULL << 57)		/* more does not count for the mean */

struct state {
	enum predictor predictor;
	uint64_t value, step;		/* the last ones */
	uint64_t steps;			/* their mean, times 4 or 16 */
	uint64_t misses;		/* their mean, times 16 */
	unsigned int run;		/* log2 of the usual run of zeros, times 8 */
};

static inline uint64_t fold(uint64_t miss)
{
	return miss << 1 ^ (uint64_t)((int64_t)miss >> 63);
}

static inline uint64_t unfold(uint64_t folded)
{
	return folded >> 1 ^ -(folded & 1);
}

static inline unsigned int length_of(uint64_t v)
{
	return v ? 64 - __builtin_clzll(v) : 0;
}

static inline uint64_t expected(const struct state *s)
{
	switch (s->predictor) {
	case SAME_STEP:
		return s->step;
	case MEAN_STEP_4:
		return (uint64_t)((int64_t)(s->steps + 2) >> 2);
	case MEAN_STEP_16:
		return (uint64_t)((int64_t)(s->steps + 8) >> 4);
	default:
		return 0;
	}
}

/* Take in a step of the values. */
static inline void learn_step(struct state *s, uint64_t step)
{
	s->step = step;
	s->value += step;
	if (s->predictor == MEAN_STEP_4)
		s->steps += step - (uint64_t)((int64_t)(s->steps + 2) >> 2);
	else if (s->predictor == MEAN_STEP_16)
		s->steps += step - (uint64_t)((int64_t)(s->steps + 8) >> 4);
}

static inline void learn_miss(struct state *s, uint64_t folded)
{
	uint64_t miss = folded < MISS_MAX ? folded : MISS_MAX;

	s->misses += miss - (s->misses >> MEAN_SHIFT);
}

/* Golomb's parameter is some 0.69 of the mean (Gallager and van Voorhis, 1975). */
static inline unsigned int rice(const struct state *s)
{
	return length_of((s->misses - (s->misses >> 2)) >> MEAN_SHIFT);
}

static void begin_misses(struct state *s, unsigned int k)
{
	s->misses = k ? (3ULL << (k - 1)) << MEAN_SHIFT >> 1 : 0;
	s->misses += s->misses >> 2;
}

static void put_number(struct bit_writer *w, uint64_t v)
{
	unsigned int length = length_of(v);

	bits_put(w, length, 7);
	if (length > 32)
		bits_put(w, v & bits_mask(32), 32);
	bits_put(w, length > 32 ? v >> 32 : v, length > 32 ? length - 32 : length);
}

static uint64_t take_number(struct bit_reader *r)
{
	unsigned int length = bits_take(r, 7);
	uint64_t v = 0;

	if (length > 64) {
		r->overflow = true;
		return 0;
	}
	if (length > 32) {
		v = bits_take(r, 32);
		return v | bits_take(r, length - 32) << 32;
	}
	return bits_take(r, length);
}

static inline void put_miss(struct bit_writer *w, struct state *s, uint64_t folded)
{
	unsigned int k = rice(s);
	uint64_t q = k < 64 ? folded >> k : 0;

	if (q >= UNARY_MAX) {
		bits_put(w, bits_mask(UNARY_MAX), UNARY_MAX);
		put_number(w, folded);
	} else {
		bits_put(w, bits_mask(q), q + 1);
		if (k > 32) {
			bits_put(w, folded & bits_mask(32), 32);
			bits_put(w, folded >> 32 & bits_mask(k - 32), k - 32);
		} else {
			bits_put(w, folded & bits_mask(k), k);
		}
	}
	learn_miss(s, folded);
}

static inline uint64_t take_miss(struct bit_reader *r, struct state *s)
{
	unsigned int k = rice(s);
	uint64_t ones = ~bits_peek(r);
	unsigned int q = ones ? __builtin_ctzll(ones) : 64;
	uint64_t folded;

	if (q >= UNARY_MAX) {
		bits_skip(r, UNARY_MAX);
		folded = take_number(r);
	} else {
		bits_skip(r, q + 1);
		folded = (uint64_t)q << k;
		if (k > 32) {
			folded |= bits_take(r, 32);
			folded |= bits_take(r, k - 32) << 32;
		} else {
			folded |= bits_take(r, k);
		}
	}
	learn_miss(s, folded);
	return folded;
}

static void run_up(struct state *s, unsigned int by)
{
	s->run = s->run + by < RUN_MAX ? s->run + by : RUN_MAX;
}

static void run_down(struct state *s, unsigned int by)
{
	s->run = s->run > by ? s->run - by : 0;
}

/* Numbers to write. */
struct numbers {
	const uint64_t *values;
	size_t count;
	uint64_t unit;			/* their differences from the first one are multiples of it */
};

static inline uint64_t number_at(const struct numbers *n, size_t i)
{
	if (n->unit == 1)
		return n->values[i];
	return n->values[0] + (uint64_t)((int64_t)(n->values[i] - n->values[0]) / (int64_t)n->unit);
}

static inline uint64_t folded_at(const struct state *s, const struct numbers *n, size_t i)
{
	return fold(number_at(n, i) - s->value - expected(s));
}

static inline void learn_value(struct state *s, uint64_t value)
{
	learn_step(s, value - s->value);
}

/*
 * Zeros from @i on: whole runs of the usual length are one bit each; a cut one says
 * how many there were, and what is no zero follows unless the column ends. Returns
 * the number behind.
 */
static size_t put_run(struct bit_writer *w, struct state *s, const struct numbers *n, size_t i)
{
	uint64_t zeros = 0, folded = 0;
	size_t count = n->count;

	while (i < count && (folded = folded_at(s, n, i)) == 0) {
		learn_value(s, number_at(n, i++));
		if (++zeros == 1ULL << (s->run >> RUN_SCALE)) {
			bits_put(w, 0, 1);
			run_up(s, RUN_FULL_UP);
			zeros = 0;
		}
	}
	if (i == count && zeros == 0)
		return i;
	bits_put(w, 1, 1);
	bits_put(w, zeros, s->run >> RUN_SCALE);
	run_down(s, RUN_CUT_DOWN);
	if (i == count)
		return i;
	put_miss(w, s, folded - 1);
	learn_value(s, number_at(n, i));
	return i + 1;
}

static size_t take_run(struct bit_reader *r, struct state *s, uint64_t *values, size_t i,
		       size_t count)
{
	bool cut = bits_take(r, 1);
	unsigned int bits = s->run >> RUN_SCALE;
	uint64_t zeros = cut ? bits_take(r, bits) : 1ULL << bits;

	if (zeros > count - i) {
		r->overflow = true;
		return count;
	}
	for (; zeros > 0; zeros--) {
		learn_step(s, expected(s));
		values[i++] = s->value;
	}
	if (!cut) {
		run_up(s, RUN_FULL_UP);
		return i;
	}
	run_down(s, RUN_CUT_DOWN);
	if (i == count)
		return i;
	learn_step(s, expected(s) + unfold(take_miss(r, s) + 1));
	values[i] = s->value;
	return i + 1;
}

/* Whether a column of @count numbers has its first step written. */
static bool has_step(enum predictor predictor, size_t count)
{
	return predictor != SAME_VALUE && count > 1;
}

/* The state behind the first number and, as if it had always been like that, step. */
static struct state begin(enum predictor predictor, uint64_t first, uint64_t step, unsigned int k)
{
	struct state s = { .predictor = predictor, .value = first + step, .step = step };

	s.steps = step * (predictor == MEAN_STEP_4 ? 4 : 16);
	begin_misses(&s, k);
	return s;
}

/* Bits that the misses of a predictor have in all, as a measure of what they cost. */
static uint64_t cost(enum predictor predictor, const struct numbers *n, unsigned int *ret_k)
{
	bool step = has_step(predictor, n->count);
	struct state s = begin(predictor, n->values[0],
			       step ? number_at(n, 1) - n->values[0] : 0, 0);
	uint64_t bits = step ? length_of(fold(s.step)) : 0;

	for (size_t i = step ? 2 : 1; i < n->count; i++) {
		bits += length_of(folded_at(&s, n, i));
		learn_value(&s, number_at(n, i));
	}
	*ret_k = bits / n->count;
	return bits;
}

/* The best predictor; *ret_bits of the numbers that were tried. */
static enum predictor choose(const struct numbers *numbers, unsigned int *ret_k,
			     uint64_t *ret_bits)
{
	enum predictor best = SAME_VALUE;
	struct numbers n = *numbers;
	uint64_t least;

	if (n.count > TRIAL) {
		n.values += (n.count - TRIAL) / 2;
		n.count = TRIAL;
	}
	least = cost(best, &n, ret_k);
	for (enum predictor p = SAME_STEP; p < PREDICTORS && least > 0; p++) {
		unsigned int k;
		uint64_t bits = cost(p, &n, &k);

		if (bits < least) {
			least = bits;
			best = p;
			*ret_k = k;
		}
	}
	*ret_bits = least;
	return best;
}

/*
 * The largest unit. Numbers that lie far apart may go round at 2^64, where a division would
 * tear them apart; they have none.
 */
static struct numbers measure(const uint64_t *values, size_t count)
{
	uint64_t unit = 0;

	for (size_t i = 1; i < count && unit != 1; i++) {
		uint64_t a = values[i] - values[0];

		a = (int64_t)a < 0 ? -a : a;
		if (a >= FAR)
			unit = 1;
		while (a && unit != 1) {
			uint64_t rest = unit % a;

			unit = a;
			a = rest;
		}
	}
	return (struct numbers){ values, count, unit ? unit : 1 };
}

uint64_t column_cost(const uint64_t *values, size_t count)
{
	struct numbers n = measure(values, count);
	unsigned int k;
	uint64_t bits;

	(void)choose(&n, &k, &bits);
	/* Each code has some two bits beside what it misses by. */
	return count > TRIAL ? bits * count / TRIAL + 2 * count : bits + 2 * count;
}

size_t column_bound(size_t count)
{
	return (2 + 6 + 3 * (7 + 64) + count * WORST_BITS) / 8 + 1 + BITS_SLACK;
}

size_t column_encode(const uint64_t *values, size_t count, uint8_t *buf)
{
	struct bit_writer w = { .buf = buf, .size = column_bound(count) - BITS_SLACK };
	struct numbers n = measure(values, count);
	unsigned int k;
	uint64_t bits;
	enum predictor predictor = choose(&n, &k, &bits);
	bool step = has_step(predictor, count);
	struct state s;

	k = k > 63 ? 63 : k;
	s = begin(predictor, values[0], step ? number_at(&n, 1) - values[0] : 0, k);
	bits_put(&w, predictor, 2);
	bits_put(&w, k, 6);
	put_number(&w, values[0]);
	put_number(&w, n.unit - 1);
	if (step)
		put_number(&w, fold(s.step));
	for (size_t i = step ? 2 : 1; i < count;) {
		uint64_t folded;

		if (s.run >> RUN_SCALE) {
			i = put_run(&w, &s, &n, i);
			continue;
		}
		folded = folded_at(&s, &n, i);
		put_miss(&w, &s, folded);
		learn_value(&s, number_at(&n, i++));
		if (folded == 0)
			run_up(&s, RUN_NONE_STEP);
		else
			run_down(&s, RUN_NONE_STEP);
	}
	return bits_end(&w);
}

int column_decode(const uint8_t *untrusted, size_t len, uint64_t *ret_values, size_t count)
{
	struct bit_reader r = { .buf = untrusted, .size = len };
	enum predictor predictor = bits_take(&r, 2);
	unsigned int k = bits_take(&r, 6);
	uint64_t first = take_number(&r), unit = take_number(&r) + 1;
	bool step = has_step(predictor, count);
	struct state s = begin(predictor, first, step ? unfold(take_number(&r)) : 0, k);

	if (count > 0)
		ret_values[0] = first;
	if (step)
		ret_values[1] = s.value;
	for (size_t i = step ? 2 : 1; i < count && !r.overflow;) {
		uint64_t folded;

		if (s.run >> RUN_SCALE) {
			i = take_run(&r, &s, ret_values, i, count);
			continue;
		}
		folded = take_miss(&r, &s);
		learn_step(&s, expected(&s) + unfold(folded));
		ret_values[i++] = s.value;
		if (folded == 0)
			run_up(&s, RUN_NONE_STEP);
		else
			run_down(&s, RUN_NONE_STEP);
	}
	for (size_t i = 1; i < count && unit != 1 && !r.overflow; i++)
		ret_values[i] = first + (ret_values[i] - first) * unit;
	return r.overflow ? -EBADMSG : 0;
}
