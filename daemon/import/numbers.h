/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of a CSV, taken as strictly as they are written. Non-logging. */
#ifndef DAEMON_NUMBERS_H
#define DAEMON_NUMBERS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Digits, and nothing else. Each returns 0 or -EINVAL. */
static inline int numbers_u64(const char *text, size_t len, uint64_t *ret_value)
{
	uint64_t v = 0;

	if (len == 0 || len > 20)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(text[i] - '0'), &v))
			return -EINVAL;
	}
	*ret_value = v;
	return 0;
}

/* With a '-' in front of them, if need be. */
static inline int numbers_s64(const char *text, size_t len, int64_t *ret_value)
{
	bool minus = len > 0 && *text == '-';
	uint64_t v;

	if (numbers_u64(text + minus, len - minus, &v) < 0 || v > (uint64_t)INT64_MAX + minus)
		return -EINVAL;
	*ret_value = minus ? (int64_t)-v : (int64_t)v;
	return 0;
}

/* Seconds with a point and up to nine digits behind it, as nanoseconds. */
static inline int numbers_seconds(const char *text, size_t len, uint64_t *ret_ns)
{
	size_t point = 0, digits;
	uint64_t seconds, rest;

	while (point < len && text[point] != '.')
		point++;
	digits = len - point - 1;
	if (point == len || digits > 9 || numbers_u64(text, point, &seconds) < 0 ||
	    numbers_u64(text + point + 1, digits, &rest) < 0)
		return -EINVAL;
	for (; digits < 9; digits++)
		rest *= 10;
	if (__builtin_mul_overflow(seconds, 1000000000, &seconds) ||
	    __builtin_add_overflow(seconds, rest, ret_ns))
		return -EINVAL;
	return 0;
}

#endif
