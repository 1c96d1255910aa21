/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/workload/lines.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t lines_numbers(const char *p, uint64_t *values, size_t max)
{
	size_t n = 0;

	while (n < max) {
		char *end;

		while (*p == ' ')
			p++;
		if (!isdigit((unsigned char)*p))
			break;
		values[n++] = strtoull(p, &end, 10);
		p = end;
	}
	return n;
}

bool lines_starts(const char *line, const char *word, const char **ret_rest)
{
	size_t len = strlen(word);

	if (strncmp(line, word, len) != 0)
		return false;
	*ret_rest = line + len;
	return true;
}

int lines_open(int *fd, const char *dir, const char *name)
{
	char path[256];

	if (*fd >= 0)
		return 0;
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

void lines_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static ssize_t read_at(int fd, char *buf, size_t size, off_t at)
{
	ssize_t n;

	do {
		n = pread(fd, buf, size, at);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int lines_read_small(int fd, char *text, size_t size)
{
	ssize_t n = read_at(fd, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return n;
}

/*
 * Hand over the lines among the first @len bytes of the buffer, move what is behind
 * the last to the front and return its length. A line longer than the buffer is
 * handed over as far as it fits and the rest of it skipped: *@inside.
 */
static size_t split(struct lines_buffer *buffer, size_t len, bool last, bool *inside,
		    lines_fn line, void *context)
{
	char *start = buffer->text, *end = start + len, *newline;

	while ((newline = memchr(start, '\n', end - start))) {
		*newline = '\0';
		if (!*inside)
			line(context, start);
		*inside = false;
		start = newline + 1;
	}
	if (start < end &&
	    (last || (start == buffer->text && len == sizeof(buffer->text) - 1))) {
		*end = '\0';
		if (!*inside)
			line(context, start);
		*inside = true;
		start = end;
	}
	memmove(buffer->text, start, end - start);
	return end - start;
}

int lines_read(int fd, struct lines_buffer *buffer, lines_fn line, void *context)
{
	bool inside = false;
	size_t len = 0;
	off_t at = 0;
	ssize_t n;

	do {
		n = read_at(fd, buffer->text + len, sizeof(buffer->text) - 1 - len, at);
		if (n < 0)
			return n;
		at += n;
		len = split(buffer, len + n, n == 0, &inside, line, context);
	} while (n != 0);
	return 0;
}
