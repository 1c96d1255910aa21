/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/params.h"

#include <string.h>

#include "guest-agent/shared/tap.h"

static int64_t time_of(const char *text)
{
	struct params p = { .untrusted = { { "t", text } }, .count = 1 };
	int64_t ns = -1;

	return params_time(&p, "t", &ns) == 0 ? ns : -2;
}

static int number_of(const char *text)
{
	struct params p = { .untrusted = { { "n", text } }, .count = 1 };
	unsigned int n = 0;

	return params_uint(&p, "n", 2, 100, &n) == 0 ? (int)n : -1;
}

int main(void)
{
	struct params p = { .untrusted = { { "boot", "1" }, { "form", "2" } }, .count = 2 };

	ok(time_of("1763874000") == 1763874000000000000, "epoch");
	ok(time_of("1763874000.25") == 1763874000250000000, "epoch with a fraction");
	ok(time_of("2025-11-23T05:00:00Z") == 1763874000000000000, "RFC 3339");
	ok(time_of("2025-11-23T05:00:00.5Z") == 1763874000500000000, "RFC 3339 with a fraction");
	ok(time_of("2025-11-23T06:30:00+01:30") == 1763874000000000000, "RFC 3339 with an offset");
	ok(time_of("2025-11-23T03:00:00-02:00") == 1763874000000000000, "a negative offset");
	ok(time_of("yesterday") == -2 && time_of("-1") == -2 && time_of("1e9") == -2 &&
		   time_of("99999999999999999999") == -2 && time_of("2025-11-23") == -2 &&
		   time_of("2025-11-23T05:00:00") == -2 && time_of("1 ") == -2,
	   "what is no time is refused");
	ok(number_of("2") == 2 && number_of("100") == 100, "numbers in range");
	ok(number_of("1") == -1 && number_of("101") == -1 && number_of("+5") == -1 &&
		   number_of("-5") == -1 && number_of("5x") == -1 && number_of(" 5") == -1 &&
		   number_of("99999999999999999999999") == -1,
	   "other numbers are refused");
	ok(params_check(&p, "boot form") == 0, "known parameters");
	ok(params_check(&p, "boot from") < 0 && strstr(p.error, "'form'"), "an unknown one is named");
	ok(params_check(&p, "xboot formx boots") < 0, "a part of a known one is not known");
	p.untrusted[1].key = "boot";
	ok(params_check(&p, "boot from") < 0, "one may be there only once");
	p.count = 1;
	p.untrusted[0].value = NULL;
	ok(params_check(&p, "boot from") < 0, "one needs a value");
	ok(params_get(&p, "from") == NULL, "absent");
	return done_testing();
}
