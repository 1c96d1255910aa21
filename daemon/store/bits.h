/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Single bits into and out of a buffer, lowest first. Reading or writing past the
 * end does nothing but say so. For column.c only; inline, since it is called for every
 * number that is stored.
 */
#ifndef DAEMON_BITS_H
#define DAEMON_BITS_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* At most so many bits in one call. */
#define BITS_MAX 56

/* Bytes behind the last that a writer may touch. */
#define BITS_SLACK 8

struct bit_writer {
	uint8_t *buf;			/* @size bytes and BITS_SLACK more */
	size_t size;
	size_t len;			/* whole bytes written */
	uint64_t held;			/* bits not yet in the buffer */
	unsigned int held_bits;		/* below 8 between calls */
	bool overflow;
};

struct bit_reader {
	const uint8_t *buf;
	size_t size;
	size_t bit;			/* the next */
	bool overflow;
};

static inline uint64_t bits_mask(unsigned int bits)
{
	return bits < 64 ? (1ULL << bits) - 1 : ~0ULL;
}

/* The lowest @bits of @v; the others must be 0. */
static inline void bits_put(struct bit_writer *w, uint64_t v, unsigned int bits)
{
	uint64_t le;

	if (w->len >= w->size) {
		w->overflow = true;
		return;
	}
	w->held |= v << w->held_bits;
	w->held_bits += bits;
	le = htole64(w->held);
	memcpy(w->buf + w->len, &le, sizeof(le));
	w->len += w->held_bits / 8;
	w->held = w->held_bits / 8 < 8 ? w->held >> (w->held_bits / 8 * 8) : 0;
	w->held_bits %= 8;
}

/* Bytes in all, the last one filled up with zeros. */
static inline size_t bits_end(struct bit_writer *w)
{
	if (w->held_bits > 0)
		w->len++;
	if (w->len > w->size)
		w->overflow = true;
	return w->len;
}

/* The next 57 bits or more, those behind the end being 0; nothing is consumed. */
static inline uint64_t bits_peek(const struct bit_reader *r)
{
	size_t byte = r->bit / 8;
	uint64_t le = 0;

	if (byte + 8 <= r->size)
		memcpy(&le, r->buf + byte, 8);
	else if (byte < r->size)
		memcpy(&le, r->buf + byte, r->size - byte);
	return le64toh(le) >> r->bit % 8;
}

static inline void bits_skip(struct bit_reader *r, unsigned int bits)
{
	r->bit += bits;
	if (r->bit > r->size * 8)
		r->overflow = true;
}

static inline uint64_t bits_take(struct bit_reader *r, unsigned int bits)
{
	uint64_t v = bits_peek(r) & bits_mask(bits);

	bits_skip(r, bits);
	return v;
}

#endif
