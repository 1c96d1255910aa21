/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/cells.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/digits.h"

void cells_done(struct cells *cells)
{
	free(cells->buf);
	memset(cells, 0, sizeof(*cells));
}

char *cells_room(struct cells *cells, size_t more)
{
	size_t size = cells->size ? cells->size : 4096;
	char *buf;

	more += DIGITS_SLACK;
	if (cells->failed)
		return NULL;
	if (cells->size - cells->len >= more)
		return cells->buf + cells->len;
	while (size - cells->len < more)
		size *= 2;
	buf = realloc(cells->buf, size);
	if (!buf) {
		cells->failed = true;
		return NULL;
	}
	cells->buf = buf;
	cells->size = size;
	return buf + cells->len;
}

void cells_add(struct cells *cells, const char *text, size_t len)
{
	char *p = cells_room(cells, len);

	if (!p)
		return;
	memcpy(p, text, len);
	cells->len += len;
}

static bool is_guarded(const char *text, size_t len)
{
	return len > 0 && strchr("=+-@\t\r'", *text) && *text;
}

char *cells_put_csv(char *p, const char *text, size_t len)
{
	bool quoted = false;

	for (size_t i = 0; i < len && !quoted; i++)
		quoted = text[i] == ',' || text[i] == '"' || (unsigned char)text[i] < 0x20;
	if (quoted)
		*p++ = '"';
	if (is_guarded(text, len))
		*p++ = '\'';
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			*p++ = '"';
		*p++ = text[i];
	}
	if (quoted)
		*p++ = '"';
	return p;
}

const char *cells_unguard(const char *cell, size_t *len)
{
	if (*len == 0 || *cell != '\'')
		return cell;
	--*len;
	return cell + 1;
}

void cells_add_csv(struct cells *cells, const char *text, size_t len)
{
	char *p = cells_room(cells, CELLS_CSV_MAX(len));

	if (p)
		cells->len = cells_put_csv(p, text, len) - cells->buf;
}

/* Bytes of the character of UTF-8 at @text; 0: it is none. */
static size_t character(const char *text, size_t len)
{
	const unsigned char *u = (const unsigned char *)text;
	size_t n = *u < 0x80 ? 1 : *u >> 5 == 6 ? 2 : *u >> 4 == 14 ? 3 : *u >> 3 == 30 ? 4 : 0;
	uint32_t code = n < 2 ? *u : *u & (0x7f >> n);

	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (u[i] >> 6 != 2)
			return 0;
		code = code << 6 | (u[i] & 0x3f);
	}
	/* Overlong, a surrogate, beyond the last. */
	if ((n == 2 && code < 0x80) || (n == 3 && (code < 0x800 || code >> 11 == 27)) ||
	    (n == 4 && (code < 0x10000 || code > 0x10ffff)))
		return 0;
	return n;
}

void cells_add_json(struct cells *cells, const char *text, size_t len)
{
	char *p = cells_room(cells, 6 * len + 2);

	if (!p)
		return;
	*p++ = '"';
	for (size_t i = 0; i < len;) {
		size_t n = character(text + i, len - i);
		unsigned char c = text[i];

		if (c == '"' || c == '\\') {
			*p++ = '\\';
			*p++ = c;
		} else if (c < 0x20 || c == 0x7f) {
			p += sprintf(p, "\\u%04x", c);
		} else if (n > 0) {
			memcpy(p, text + i, n);
			p += n;
		} else {
			memcpy(p, "\xef\xbf\xbd", 3);
			p += 3;
		}
		i += n ? n : 1;
	}
	*p++ = '"';
	cells->len = p - cells->buf;
}
