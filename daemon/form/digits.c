/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/digits.h"

#include <time.h>

#define DAY_S 86400
#define NS 1000000000

/* Seconds and the rest, which is never negative. */
static int64_t split(int64_t ns, uint32_t *ret_rest)
{
	int64_t seconds = ns / NS, rest = ns % NS;

	if (rest < 0) {
		seconds--;
		rest += NS;
	}
	*ret_rest = rest;
	return seconds;
}

static void set_day(struct digits_day *day, int64_t number)
{
	time_t t = number * DAY_S;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(day->text, sizeof(day->text), "%Y-%m-%dT", &tm);
	day->day = number;
}

char *digits_put_time(char *p, int64_t t_ns, int digits, struct digits_day *day)
{
	uint32_t rest;
	int64_t seconds = split(t_ns, &rest);
	int64_t number = seconds / DAY_S;
	unsigned int of_day;

	if (seconds % DAY_S < 0)
		number--;
	of_day = seconds - number * DAY_S;
	if (number != day->day || !*day->text)
		set_day(day, number);
	/* Times of 64 bits are within four digits of a year. */
	memcpy(p, day->text, 11);
	p = digits_put_two(p + 11, of_day / 3600);
	*p++ = ':';
	p = digits_put_two(p, of_day / 60 % 60);
	*p++ = ':';
	p = digits_put_two(p, of_day % 60);
	p = digits_put_fraction(p, rest, digits);
	*p++ = 'Z';
	return p;
}

char *digits_put_seconds(char *p, uint64_t ns, int digits)
{
	p = digits_put(p, ns / NS);
	return digits_put_fraction(p, ns % NS, digits);
}

char *digits_put_epoch(char *p, int64_t t_ns, int digits)
{
	if (t_ns < 0)
		*p++ = '-';
	return digits_put_seconds(p, t_ns < 0 ? -(uint64_t)t_ns : (uint64_t)t_ns, digits);
}
