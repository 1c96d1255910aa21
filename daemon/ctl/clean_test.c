/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/clean.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "guest-agent/shared/tap.h"

static char text[256];
static int columns;

static const char *clean(const char *untrusted, int max)
{
	columns = clean_text(untrusted, max, text, sizeof(text));
	return text;
}

static int is(const char *untrusted, int max, const char *wanted, int wanted_columns)
{
	if (strcmp(clean(untrusted, max), wanted) == 0 && columns == wanted_columns)
		return 1;
	printf("# got '%s' of %d columns\n", text, columns);
	return 0;
}

/* Whether no byte of it could be a command, whatever is put in. */
static int is_harmless(void)
{
	char in[4] = { 0 };

	for (int a = 1; a < 256; a++) {
		for (int b = 0; b < 256; b++) {
			in[0] = a;
			in[1] = b;
			clean(in, 40);
			for (const char *s = text; *s; s++) {
				if ((unsigned char)*s < 0x20 || *s == 0x7f ||
				    ((unsigned char)*s == 0xc2 && (unsigned char)s[1] < 0xa0))
					return 0;
			}
		}
	}
	return 1;
}

static void utf8(void)
{
	ok(clean_is_utf8(), "a locale with UTF-8");
	ok(is("web-1", 20, "web-1", 5), "a name");
	ok(is("", 20, "", 0), "none");
	ok(is("\x1b[2J\x1b]0;x\x07", 20, "?[2J?]0;x?", 10), "commands for a terminal are none");
	ok(is("a\nb\tc\rd\x7f", 20, "a?b?c?d?", 8), "nor are lines and tabs");
	ok(is("\xc2\x9b" "2J", 20, "?2J", 3), "nor the control characters behind ASCII");
	ok(is("a\xe2\x80\xae" "b\xe2\x80\x8b\xef\xbb\xbf" "c", 20, "a?b??c", 6), "nothing turns or hides");
	ok(is("e\xcc\x81", 20, "e?", 2), "nor piles up");
	ok(is("\xff\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80", 20, "??????????", 10), "what is no UTF-8");
	ok(is("M\xc3\xbcller \xe4\xb8\xad", 20, "M\xc3\xbcller \xe4\xb8\xad", 9), "wide ones count twice");
	ok(is("abcdef", 6, "abcdef", 6), "as wide as it may be");
	ok(is("abcdefg", 6, "abcde\xe2\x80\xa6", 6), "wider, it is cut");
	ok(is("abcd\xe4\xb8\xad\xe4\xb8\xad", 6, "abcd\xe2\x80\xa6", 5), "not within a character");
	ok(is("abc", 1, "\xe2\x80\xa6", 1) && is("abc", 0, "", 0), "down to nothing");
	ok(is_harmless(), "any two bytes");
}

static void small(void)
{
	char few[6];

	memset(few, 'x', sizeof(few));
	ok(clean_text("\xe4\xb8\xad\xe4\xb8\xad", 9, few, sizeof(few)) <= 2 && memchr(few, 0, sizeof(few)),
	   "what does not fit ends in time");
	memset(few, 'x', sizeof(few));
	ok(clean_text("abcdefgh", 9, few, 3) == 2 && strcmp(few, "ab") == 0 && few[3] == 'x',
	   "without room for a mark, too");
}

int main(void)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 1;
	utf8();
	small();
	(void)setlocale(LC_CTYPE, "C");
	ok(is("M\xc3\xbcller", 20, "M?ller", 6), "elsewhere, ASCII");
	ok(is("abcdefg", 6, "abcde~", 6), "and a mark of it");
	return done_testing();
}
