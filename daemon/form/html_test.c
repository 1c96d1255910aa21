/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/html.h"

#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/tap.h"

static void is_by(void (*write)(FILE *, const char *), const char *text, const char *expected)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	write(f, text);
	fclose(f);
	ok(strcmp(out, expected) == 0, "%s", expected);
	free(out);
}

static void is(const char *text, const char *expected)
{
	is_by(html_text, text, expected);
}

int main(void)
{
	is("", "");
	is("fio writes", "fio writes");
	is("<script>alert('x')</script>", "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;");
	is("\"><img src=x onerror=y>&amp;", "&quot;&gt;&lt;img src=x onerror=y&gt;&amp;amp;");
	is("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa7");
	is("a\xff" "b\xc3", "a?b?");
	is("\xc0\xbc \xe0\x80\xbc \xf0\x80\x80\xbc", "?? ??? ????");	/* '<' in too many bytes */
	is("\xed\xa0\x80", "???");					/* half of a surrogate pair */
	is("\xf4\x90\x80\x80\xf8", "?????");
	is("a\nb\tc\x7f\xc2\x85", "a?b?c??");
	is("\xe2\x80\xae" "gpj.exe\xe2\x81\xa6", "?gpj.exe?");		/* turned around */
	is("\xef\xbb\xbf\xef\xbf\xbf", "??");
	is_by(html_sentence, "In 1 min 53 s, 37 % of 12 samples; its 3 d & more.",
	      "In 1&#160;min 53&#160;s, 37&#160;% of 12 samples; its 3&#160;d &amp; more.");
	is_by(html_sentence, " s % 5", " s % 5");
	return done_testing();
}
