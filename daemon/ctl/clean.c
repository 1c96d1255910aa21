/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/clean.h"

#include <langinfo.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#define ELLIPSIS "\xe2\x80\xa6"

int clean_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* RFC 3629: no overlong forms, no surrogates. Returns the length, 0 if it is none. */
static size_t decode(const unsigned char *s, uint32_t *ret_c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;
	uint32_t c = len == 1 ? *s : *s & (0x7f >> len);

	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (len && (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)))
		return 0;
	*ret_c = c;
	return len;
}

/* Directions, joiners, invisible operators, tags, variations: no width, or a width that lies. */
static int is_format(uint32_t c)
{
	return c == 0xad || c == 0x61c || (c >= 0x180b && c <= 0x180f) ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff ||
	       (c >= 0xfff0 && c <= 0xfffb) || c >= 0xe0000;
}

static int width(uint32_t c)
{
	if (c < 0x80)
		return c >= 0x20 && c != 0x7f ? 1 : -1;
	return clean_is_utf8() && !is_format(c) ? wcwidth(c) : -1;
}

/* One character, or what stands for it, at @s. Returns its length in @s. */
static size_t next(const char *s, const char **ret_out, size_t *ret_len, int *ret_columns)
{
	uint32_t c = 0;
	size_t len = decode((const unsigned char *)s, &c);
	int columns = len ? width(c) : -1;

	*ret_out = columns > 0 ? s : "?";
	*ret_len = columns > 0 ? len : 1;
	*ret_columns = columns > 0 ? columns : 1;
	return len ? len : 1;
}

int clean_text(const char *untrusted, int columns, char *text, size_t size)
{
	const char *mark = clean_is_utf8() ? ELLIPSIS : "~";
	size_t used = 0, kept = 0;	/* kept: up to where the mark fits behind it */
	int taken = 0, kept_columns = 0;

	while (*untrusted) {
		const char *out;
		size_t len;
		int wide;

		untrusted += next(untrusted, &out, &len, &wide);
		if (taken + wide > columns || used + len >= size) {
			if (columns > kept_columns && kept + strlen(mark) < size) {
				memcpy(text + kept, mark, strlen(mark));
				used = kept + strlen(mark);
				taken = kept_columns + 1;
			}
			break;
		}
		memcpy(text + used, out, len);
		used += len;
		taken += wide;
		if (taken < columns && used + strlen(mark) < size) {
			kept = used;
			kept_columns = taken;
		}
	}
	if (size)
		text[used] = '\0';
	return taken;
}
