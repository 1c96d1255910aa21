/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/remote/remotelabels.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

int main(void)
{
	static const char *const wrong[] = {
		"a", "a=", "=b", "1a=b", "a-b=c", "a=b,", ",a=b", "a=b,,c=d", " a=b", "a=1,a=2",
		"vm=x", "host=x", "name=x", "source=x", "reason=x", "mode=x", "__name__=x", "__a=b",
		"a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1", "\xc3\xa4=b",
	};
	struct remotelabels l;
	char text[REMOTELABELS_TEXT_MAX + 2];

	log_init("remotelabels_test", LOG_ERROR - 1);
	ok(remotelabels_parse("", &l) == 0 && l.count == 0, "none");
	ok(remotelabels_parse("dc=north,rack_7=a=b \xc3\xa4", &l) == 0 && l.count == 2 &&
	   strcmp(l.labels[0].name, "dc") == 0 && strcmp(l.labels[0].value, "north") == 0 &&
	   strcmp(l.labels[1].name, "rack_7") == 0 && strcmp(l.labels[1].value, "a=b \xc3\xa4") == 0,
	   "two; a value has what it likes but a comma");
	ok(remotelabels_parse("a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1", &l) == 0 && l.count == 8, "as many as there may be");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(remotelabels_parse(wrong[i], &l) == -EINVAL, "'%s' is refused", wrong[i]);
	memset(text, 'a', sizeof(text));
	text[1] = '=';
	text[REMOTELABELS_TEXT_MAX] = '\0';
	ok(remotelabels_parse(text, &l) == 0, "the longest");
	text[REMOTELABELS_TEXT_MAX] = 'a';
	text[REMOTELABELS_TEXT_MAX + 1] = '\0';
	ok(remotelabels_parse(text, &l) == -EINVAL, "a longer one is refused");
	return done_testing();
}
