/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lines of a file of /proc or /sys that stays open, through a buffer of the
 * caller's; and numbers in them. Non-logging, no allocation.
 */
#ifndef GUEST_AGENT_LINES_H
#define GUEST_AGENT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What several readers use in turn, some of them for directories. */
struct lines_buffer {
	_Alignas(8) char text[8192];
};

/*
 * Read the file from its start and hand over each line without its end. Of a line
 * longer than the buffer comes what fits, once. Returns 0 or -errno.
 */
typedef void (*lines_fn)(void *context, char *line);
int lines_read(int fd, struct lines_buffer *buffer, lines_fn line, void *context);

/*
 * Open @dir/@name unless *@fd is open already (0 or above). Returns 0, with the
 * descriptor in *@fd, or -errno.
 */
int lines_open(int *fd, const char *dir, const char *name);
void lines_close(int *fd);

/* A whole small file from its start, with a terminator: its length, or -errno. */
int lines_read_small(int fd, char *text, size_t size);

/* Up to @max numbers from @p, with blanks between; returns how many. Stops at what is none. */
size_t lines_numbers(const char *p, uint64_t *values, size_t max);

/* Whether @line begins with @word; what is behind it in *@ret_rest. */
bool lines_starts(const char *line, const char *word, const char **ret_rest);

#endif
