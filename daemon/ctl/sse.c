/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/sse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Append to a text that may have SSE_DATA_MAX bytes. Returns 0, -E2BIG or -ENOMEM. */
static int append(char **text, size_t *used, size_t *size, const char *bytes, size_t len)
{
	if (len > SSE_DATA_MAX - *used)
		return -E2BIG;
	if (*used + len + 1 > *size) {
		size_t wanted = 2 * (*used + len + 1);
		char *more = realloc(*text, wanted);

		if (!more)
			return -ENOMEM;
		*text = more;
		*size = wanted;
	}
	memcpy(*text + *used, bytes, len);
	*used += len;
	(*text)[*used] = '\0';
	return 0;
}

static void forget_event(struct sse *sse)
{
	sse->data_len = 0;
	sse->has_data = sse->is_bad = false;
	*sse->name = '\0';
}

void sse_reset(struct sse *sse)
{
	sse->line_len = 0;
	sse->after_cr = false;
	forget_event(sse);
}

static void dispatch(struct sse *sse)
{
	if (sse->is_bad)
		sse->dropped++;
	else if (sse->has_data)
		sse->fn(sse->ctx, *sse->name ? sse->name : "message", sse->data);
	forget_event(sse);
}

/* "data: x": field and value of a line; without a colon all of it is the field. */
static int take_field(struct sse *sse, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t field = colon ? (size_t)(colon - line) : len;
	const char *value = colon ? colon + 1 : line + len;
	size_t value_len = line + len - value;

	if (value_len > 0 && *value == ' ') {
		value++;
		value_len--;
	}
	if (field == 5 && memcmp(line, "event", 5) == 0) {
		(void)snprintf(sse->name, sizeof(sse->name), "%.*s", (int)value_len, value);
		return 0;
	}
	if (field != 4 || memcmp(line, "data", 4) != 0)
		return 0;
	if (sse->has_data) {
		int r = append(&sse->data, &sse->data_len, &sse->data_size, "\n", 1);

		if (r < 0)
			return r;
	}
	sse->has_data = true;
	return append(&sse->data, &sse->data_len, &sse->data_size, value, value_len);
}

static int take_line(struct sse *sse)
{
	int r = 0;

	if (sse->line_len == 0)
		dispatch(sse);
	else if (!sse->is_bad)
		r = take_field(sse, sse->line, sse->line_len);
	sse->line_len = 0;
	if (r == -E2BIG)
		sse->is_bad = true;
	return r == -ENOMEM ? r : 0;
}

int sse_feed(struct sse *sse, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t n = 0;
		int r;

		/* The second half of a CR LF. */
		if (sse->after_cr && *bytes == '\n') {
			sse->after_cr = false;
			bytes++;
			len--;
			continue;
		}
		sse->after_cr = false;
		while (n < len && bytes[n] != '\n' && bytes[n] != '\r')
			n++;
		r = append(&sse->line, &sse->line_len, &sse->line_size, bytes, n);
		if (r == -ENOMEM)
			return r;
		if (r == -E2BIG)
			sse->is_bad = true;
		if (n < len) {
			sse->after_cr = bytes[n] == '\r';
			r = take_line(sse);
			if (r < 0)
				return r;
			n++;
		}
		bytes += n;
		len -= n;
	}
	return 0;
}

void sse_done(struct sse *sse)
{
	free(sse->line);
	free(sse->data);
}
