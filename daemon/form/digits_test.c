/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers and times as printf() and strftime() write them. */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/form/digits.h"
#include "guest-agent/shared/tap.h"

static uint64_t state = 1;

/* Numbers of all lengths. */
static uint64_t some(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return state >> (state >> 3 & 63);
}

static bool same(const char *got, const char *end, const char *wanted)
{
	return (size_t)(end - got) == strlen(wanted) && memcmp(got, wanted, end - got) == 0;
}

static bool number_is_right(uint64_t v)
{
	char got[64], wanted[32];

	snprintf(wanted, sizeof(wanted), "%" PRIu64, v);
	if (!same(got, digits_put(got, v), wanted))
		return false;
	snprintf(wanted, sizeof(wanted), "%" PRId64, (int64_t)v);
	return same(got, digits_put_signed(got, v), wanted);
}

static void test_numbers(void)
{
	uint64_t power = 1;
	int wrong = 0;

	for (int i = 0; i < 20; i++, power *= 10)
		wrong += !number_is_right(power) + !number_is_right(power - 1) +
			 !number_is_right(power + 1);
	for (uint64_t v = 0; v < 200000; v++)
		wrong += !number_is_right(v);
	for (int i = 0; i < 500000; i++)
		wrong += !number_is_right(some());
	wrong += !number_is_right(UINT64_MAX) + !number_is_right(INT64_MAX) +
		 !number_is_right(1ULL << 63);
	ok(wrong == 0, "numbers of all lengths");
}

static void text_of(int64_t ns, int digits, char *time_text, char *epoch_text)
{
	int64_t seconds = ns / 1000000000, rest = ns % 1000000000;
	uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	time_t t = rest < 0 ? seconds - 1 : seconds;
	char date[32];
	struct tm tm;

	rest = rest < 0 ? rest + 1000000000 : rest;
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", gmtime_r(&t, &tm));
	sprintf(time_text, "%s.%0*dZ", date, digits, (int)(digits == 6 ? rest / 1000 : rest));
	sprintf(epoch_text, "%s%" PRIu64 ".%0*d", ns < 0 ? "-" : "", size / 1000000000, digits,
		(int)(digits == 6 ? size % 1000000000 / 1000 : size % 1000000000));
}

static void test_times(void)
{
	static struct digits_day day;
	int wrong = 0;

	for (int i = 0; i < 300000; i++) {
		int64_t ns = i < 100000 ? 1763874000000000000LL + i * 977777777777LL
					: (int64_t)some() * (i & 1 ? 1 : -1);
		int digits = i % 3 ? 9 : 6;
		char time_text[64], epoch_text[64], got[64];

		text_of(ns, digits, time_text, epoch_text);
		wrong += !same(got, digits_put_time(got, ns, digits, &day), time_text);
		wrong += !same(got, digits_put_epoch(got, ns, digits), epoch_text);
	}
	ok(wrong == 0, "times in all of 64 bits, in two forms");
}

int main(void)
{
	test_numbers();
	test_times();
	return done_testing();
}
