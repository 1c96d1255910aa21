/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings that a guest may choose, as cells of CSV and as JSON. */
#include <stdlib.h>
#include <string.h>

#include "daemon/form/cells.h"
#include "guest-agent/shared/tap.h"

static const char *csv(const char *text, size_t len)
{
	static struct cells cells;

	cells.len = 0;
	cells_add_csv(&cells, text, len);
	cells_add(&cells, "", 1);
	return cells.failed ? "" : cells.buf;
}

static const char *json(const char *text)
{
	static struct cells cells;

	cells.len = 0;
	cells_add_json(&cells, text, strlen(text));
	cells_add(&cells, "", 1);
	return cells.failed ? "" : cells.buf;
}

static void test_csv(void)
{
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "a b", "a b" },
		{ "a,b", "\"a,b\"" },
		{ "say \"x\"", "\"say \"\"x\"\"\"" },
		{ "two\r\nlines", "\"two\r\nlines\"" },
		{ "=1+1", "'=1+1" },
		{ "+1", "'+1" },
		{ "-1", "'-1" },
		{ "@SUM(A1)", "'@SUM(A1)" },
		{ "\tx", "\"'\tx\"" },
		{ "\rx", "\"'\rx\"" },
		{ "'x", "''x" },
		{ "=cmd|' /C calc'!A0,\"", "\"'=cmd|' /C calc'!A0,\"\"\"" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		size_t len = strlen(pairs[i][0]);
		const char *cell = csv(pairs[i][0], len);

		ok(strcmp(cell, pairs[i][1]) == 0, "cell %zu: %zu bytes become %s", i, len,
		   i == 5 || i == 10 || i == 11 ? "a quoted cell" : cell);
		ok(strlen(cell) <= CELLS_CSV_MAX(len), "within its bound");
	}
}

/* What is written without quotes has no comma, quote or line's end in it, and comes back. */
static void test_guard(void)
{
	int wrong = 0;

	for (int a = 1; a < 256; a++) {
		for (int b = 0; b < 256; b += 5) {
			char text[3] = { a, b, 'x' };
			const char *cell = csv(text, 3);
			size_t len = 3 + (strchr("=+-@\t\r'", a) != NULL);
			const char *back;

			if (*cell == '"')
				continue;
			wrong += memchr(cell, ',', len) || memchr(cell, '"', len) ||
				 memchr(cell, '\n', len) || strchr("=+-@\t\r", *cell);
			back = cells_unguard(cell, &len);
			wrong += len != 3 || memcmp(back, text, 3) != 0;
		}
	}
	ok(wrong == 0, "no formula is left, and each cell comes back");
}

static void test_json(void)
{
	ok(strcmp(json("a\"b\\c"), "\"a\\\"b\\\\c\"") == 0, "quotes and backslashes");
	ok(strcmp(json("\n\x1b[2J\x7f"), "\"\\u000a\\u001b[2J\\u007f\"") == 0, "no control characters");
	ok(strcmp(json("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7"),
		  "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7\"") == 0, "UTF-8 stays");
	ok(strcmp(json("\xff\xc3"), "\"\xef\xbf\xbd\xef\xbf\xbd\"") == 0, "what is none does not");
	ok(strcmp(json("\xc0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\"") == 0, "nor an overlong one");
	ok(strcmp(json("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") == 0,
	   "nor half of a pair");
}

int main(void)
{
	test_csv();
	test_guard();
	test_json();
	return done_testing();
}
