/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shell completion: what could stand at the end of a command line, by the table of commands.
 * completewords.c knows the words that are not in it. Non-logging.
 */
#ifndef DAEMON_CTL_COMPLETE_H
#define DAEMON_CTL_COMPLETE_H

#include <stdbool.h>
#include <stddef.h>

#define COMPLETE_WORDS_MAX 128
#define COMPLETE_TEXT_MAX 4096

struct command;

/* A command line up to its cursor, taken apart as a shell does. */
struct complete_line {
	char text[2 * COMPLETE_TEXT_MAX];
	char *words[COMPLETE_WORDS_MAX];	/* into text; the last is the one being typed */
	size_t count;
};

/* What is known besides: which VM the line is about, and whom to ask. */
struct complete_context {
	const char *socket;
	const char *vm;			/* NULL: it does not say */
};

/* A word that fits; @goes_on: something comes right behind it. */
typedef void (*complete_fn)(void *ctx, const char *word, bool goes_on);

/* Returns 0, or -E2BIG for more than there is room for. */
int complete_split(const char *text, struct complete_line *line);

/*
 * @fn gets every word that could be the last of @line. Returns true if it is a file's name,
 * which the shell knows better.
 */
bool complete_line(const struct complete_line *line, const char *default_socket, complete_fn fn,
		   void *ctx);

#endif
