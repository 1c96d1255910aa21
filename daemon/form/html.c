/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/html.h"

#include <stdbool.h>
#include <stdint.h>

#include "daemon/report/words.h"

/* How many bytes the UTF-8 character at @s has; 0: it is none. */
static int decode(const unsigned char *s, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int len = *s < 0x80 ? 1 : *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 0;
	uint32_t code = len < 2 ? *s : *s & (0x7f >> len);

	for (int i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (len == 0 || code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret_code = code;
	return len;
}

static bool is_shown(uint32_t code)
{
	return code >= 0x20 && !(code >= 0x7f && code < 0xa0) && !(code >= 0x200b && code <= 0x200f) &&
	       !(code >= 0x2028 && code <= 0x202e) && !(code >= 0x2060 && code <= 0x206f) &&
	       code != 0xfeff && (code & 0xfffe) != 0xfffe;
}

static const char *entity_of(uint32_t code)
{
	switch (code) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void html_text(FILE *f, const char *untrusted_text)
{
	const unsigned char *s = (const unsigned char *)untrusted_text;

	while (*s) {
		uint32_t code = 0;
		int len = decode(s, &code);
		const char *entity = entity_of(code);

		if (entity)
			fputs(entity, f);
		else if (len && is_shown(code))
			(void)fwrite(s, 1, len, f);
		else
			fputc('?', f);
		s += len ? len : 1;
	}
}

void html_sentence(FILE *f, const char *text)
{
	for (const char *s = text; *s; s++) {
		const char *entity = entity_of((unsigned char)*s);

		if (*s == ' ' && words_keeps(text, s))
			fputs("&#160;", f);
		else if (entity)
			fputs(entity, f);
		else
			fputc(*s, f);
	}
}
