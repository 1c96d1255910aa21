/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command that the shells' completions run; see completion/. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ctl/command.h"
#include "daemon/ctl/complete.h"

/* Who waits for a key's effect does not wait longer; SIGALRM ends the program. */
#define PATIENCE_S 2

/*
 * A line "+word" (something comes right behind it) or " word" each. A shell that takes the
 * characters of @breaks for words of their own replaces only what is behind the last of them.
 */
struct printer {
	size_t skip;
};

static void print(void *ctx, const char *word, bool goes_on)
{
	const struct printer *printer = ctx;

	if (!strchr(word, '\n'))
		printf("%c%s\n", goes_on ? '+' : ' ', word + printer->skip);
}

static size_t behind_breaks(const char *typed, const char *breaks)
{
	size_t skip = 0;

	for (size_t i = 0; typed[i]; i++) {
		if (strchr(breaks, typed[i]) && (typed[i] == '=' || typed[i] == ':'))
			skip = i + 1;
	}
	return skip;
}

static int run(const struct command_context *ctx, int argc, char **argv)
{
	struct complete_line line;
	struct printer printer;

	(void)argc;
	(void)alarm(PATIENCE_S);
	if (complete_split(argv[1], &line) < 0)
		return 0;
	printer.skip = behind_breaks(line.words[line.count - 1], argv[0]);
	if (complete_line(&line, ctx->socket, print, &printer))
		puts("files");
	return 0;
}

const struct command command_complete = {
	.name = "complete",
	.words = "BREAKS LINE",
	.words_min = 2,
	.words_max = 2,
	.help = "print what could stand at the end of a command line",
	.hidden = true,
	.run = run,
};
