/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers and times as text, fast: printf() takes ten times as long, which is most of an
 * export. Each function writes at its first argument, with up to DIGITS_SLACK bytes behind
 * what it returns the end of. Non-logging, no allocation.
 */
#ifndef DAEMON_DIGITS_H
#define DAEMON_DIGITS_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define DIGITS_MAX 20			/* of 64 bits, or with a sign */
#define DIGITS_SLACK 8

/*
 * The eight digits of @v, below 10^8, one a byte, the first one lowest. After P. Khuong,
 * "How to print integers really fast", 2017: all digits are divided at once.
 */
static inline uint64_t digits_eight(uint32_t v)
{
	uint64_t merged = v / 10000 | (uint64_t)(v % 10000) << 32;
	uint64_t top = (merged * 10486 >> 20) & (0x7fULL << 32 | 0x7f);
	uint64_t hundreds = ((merged - 100 * top) << 16) + top;
	uint64_t tens = (hundreds * 103 >> 10) & 0x000f000f000f000fULL;

	return tens + ((hundreds - 10 * tens) << 8);
}

/* Exactly eight digits. */
static inline char *digits_put_eight(char *p, uint32_t v)
{
	uint64_t le = htole64(digits_eight(v) + 0x3030303030303030ULL);

	memcpy(p, &le, 8);
	return p + 8;
}

/* Below 10^8, without zeros in front. */
static inline char *digits_put_small(char *p, uint32_t v)
{
	uint64_t digits = digits_eight(v);
	unsigned int zeros = __builtin_ctzll(digits | 1ULL << 56) / 8;
	uint64_t le = htole64((digits + 0x3030303030303030ULL) >> 8 * zeros);

	memcpy(p, &le, 8);
	return p + 8 - zeros;
}

static inline char *digits_put(char *p, uint64_t v)
{
	if (v < 100000000)
		return digits_put_small(p, v);
	if (v < 10000000000000000ULL) {
		p = digits_put_small(p, v / 100000000);
		return digits_put_eight(p, v % 100000000);
	}
	p = digits_put_small(p, v / 10000000000000000ULL);
	v %= 10000000000000000ULL;
	p = digits_put_eight(p, v / 100000000);
	return digits_put_eight(p, v % 100000000);
}

static inline char *digits_put_signed(char *p, int64_t v)
{
	if (v < 0)
		*p++ = '-';
	return digits_put(p, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

/* Two digits. */
static inline char *digits_put_two(char *p, unsigned int v)
{
	p[0] = '0' + v / 10;
	p[1] = '0' + v % 10;
	return p + 2;
}

/* A point and the first @digits, 6 or 9, of @ns, below 10^9. */
static inline char *digits_put_fraction(char *p, uint32_t ns, int digits)
{
	*p = '.';
	p[1] = '0' + ns / 100000000;
	(void)digits_put_eight(p + 2, ns % 100000000);
	return p + 1 + digits;
}

/* Keeps the text of the day that was written last. Zero-initialise. */
struct digits_day {
	int64_t day;			/* since the epoch */
	char text[16];			/* "2026-11-23T"; "" at first */
};

#define DIGITS_TIME_MAX 40

/* RFC 3339 in UTC, with @digits (6 or 9) of the second's fraction. */
char *digits_put_time(char *p, int64_t t_ns, int digits, struct digits_day *day);

/* Seconds with @digits (6 or 9) behind the point, cut off; and since the epoch. */
char *digits_put_seconds(char *p, uint64_t ns, int digits);
char *digits_put_epoch(char *p, int64_t t_ns, int digits);

#endif
