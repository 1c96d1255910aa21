/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report/words.h"

#include <math.h>
#include <string.h>

#include "guest-agent/shared/tap.h"

static void is(const char *text, const char *expected)
{
	ok(strcmp(text, expected) == 0, "%s (%s)", expected, text);
}

int main(void)
{
	char t[WORDS_MAX];

	is(words_count(t, 0), "0");
	is(words_count(t, 999), "999");
	is(words_count(t, 1000), "1,000");
	is(words_count(t, UINT64_MAX), "18,446,744,073,709,551,615");
	is(words_number(t, 0.0123), "0.012");
	is(words_number(t, 1.234), "1.23");
	is(words_number(t, 45.67), "45.7");
	is(words_number(t, 99.97), "100");
	is(words_number(t, -12345.6), "-12,346");
	is(words_number(t, 1e300), "1e+300");
	is(words_number(t, INFINITY), "inf");
	is(words_share(t, 0), "0 %");
	is(words_share(t, 0.00001), "under 0.01 %");
	is(words_share(t, 0.0012), "0.12 %");
	is(words_share(t, 0.042), "4.2 %");
	is(words_share(t, 0.567), "57 %");
	is(words_share(t, 1.5), "150 %");
	is(words_seconds(t, 0), "0 s");
	is(words_seconds(t, 0.08), "80 ms");
	is(words_seconds(t, 4.16), "4.2 s");
	is(words_seconds(t, 57.4), "57 s");
	is(words_seconds(t, 59.7), "1 min");
	is(words_seconds(t, 125), "2 min 5 s");
	is(words_seconds(t, 12000), "3 h 20 min");
	is(words_seconds(t, 2 * 86400 + 4 * 3600), "2 d 4 h");
	is(words_seconds(t, INFINITY), "11574074074 d 1 h");
	is(words_time(t, 1795410000, 0), "2026-11-23 05:00:00");
	is(words_time(t, 1795410000.96, 1), "2026-11-23 05:00:01.0");
	is(words_time(t, 1795410000.42, 1), "2026-11-23 05:00:00.4");
	is(words_time(t, -INFINITY, 1), "?");
	return done_testing();
}
