/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MINUTE 60L
#define HOUR 3600L
#define DAY 86400L

/* No report is about more: so nothing overflows. */
#define LARGEST 1e15

const char *words_count(char text[WORDS_MAX], uint64_t count)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	char *to = text;

	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return text;
}

const char *words_number(char text[WORDS_MAX], double value)
{
	double size = fabs(value);

	if (!(size <= LARGEST)) {
		snprintf(text, WORDS_MAX, "%.3g", value);
	} else if (size >= 99.95) {
		*text = '-';
		(void)words_count(text + (value < 0), llround(size));
	} else {
		snprintf(text, WORDS_MAX, "%.*f", size >= 9.995 ? 1 : size >= 0.1 ? 2 : 3, value);
	}
	return text;
}

const char *words_share(char text[WORDS_MAX], double share)
{
	double part = share * 100, size = fabs(part);

	if (size > 0 && size < 0.005)
		snprintf(text, WORDS_MAX, "under 0.01 %%");
	else
		snprintf(text, WORDS_MAX, "%.*f %%", size >= 9.95 || size == 0 ? 0 : size >= 0.995 ? 1 : 2, part);
	return text;
}

/* "3 h 20 min": @big units and the next smaller ones. */
static void two_units(char text[WORDS_MAX], long seconds, long big, const char *big_name, long small,
		      const char *small_name)
{
	long first = seconds / big, second = seconds % big / small;

	if (second)
		snprintf(text, WORDS_MAX, "%ld %s %ld %s", first, big_name, second, small_name);
	else
		snprintf(text, WORDS_MAX, "%ld %s", first, big_name);
}

const char *words_seconds(char text[WORDS_MAX], double seconds)
{
	double size = fmin(fabs(seconds), LARGEST);
	long whole = lround(size);

	if (size == 0)
		snprintf(text, WORDS_MAX, "0 s");
	else if (size < 0.0995)
		snprintf(text, WORDS_MAX, "%.3g ms", size * 1000);
	else if (size < 9.95)
		snprintf(text, WORDS_MAX, "%.1f s", size);
	else if (whole < MINUTE)
		snprintf(text, WORDS_MAX, "%ld s", whole);
	else if (whole < HOUR)
		two_units(text, whole, MINUTE, "min", 1, "s");
	else if (whole < DAY)
		two_units(text, whole, HOUR, "h", MINUTE, "min");
	else
		two_units(text, whole, DAY, "d", HOUR, "h");
	return text;
}

const char *words_time(char text[WORDS_MAX], double epoch, int tenths)
{
	double rounded = tenths ? round(epoch * 10) / 10 : round(epoch);
	time_t t = floor(rounded);
	struct tm tm;
	size_t n;

	if (!(fabs(epoch) < 2e11) || !gmtime_r(&t, &tm)) {
		snprintf(text, WORDS_MAX, "?");
		return text;
	}
	n = strftime(text, WORDS_MAX, "%Y-%m-%d %H:%M:%S", &tm);
	if (tenths)
		snprintf(text + n, WORDS_MAX - n, ".%d", (int)lround((rounded - t) * 10) % 10);
	return text;
}

bool words_keeps(const char *text, const char *blank)
{
	static const char *const units[] = { "%", "ms", "s", "min", "h", "d" };
	size_t len = strcspn(blank + 1, " .,;:()");

	if (blank == text || blank[-1] < '0' || blank[-1] > '9')
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i]) == len && strncmp(units[i], blank + 1, len) == 0)
			return true;
	}
	return false;
}
