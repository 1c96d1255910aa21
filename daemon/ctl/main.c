/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmexitctl: asks vmexitd from a shell. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ctl/answer.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/commands.h"
#include "daemon/ctl/options.h"
#include "daemon/version.h"
#include "guest-agent/shared/log.h"

static int usage(const struct command *command)
{
	fprintf(stderr, "Try 'vmexitctl%s%s --help'.\n", command ? " " : "",
		command ? command->name : "");
	return 2;
}

/* What was not asked for a run: the status to end with. */
static int answer(enum options_result result, const struct command *command, bool json)
{
	if (result == OPTIONS_HELP)
		options_help(command);
	else if (result == OPTIONS_VERSION)
		puts(json ? "{\"version\":\"" VMEXIT_VERSION "\"}" : "vmexitctl " VMEXIT_VERSION);
	else
		return usage(command);
	return 0;
}

static bool has_right_words(const struct command *command, int count)
{
	char text[256];

	if (count >= command->words_min && count <= command->words_max)
		return true;
	options_usage(command, text, sizeof(text));
	log_error("that is not how it is used: %s", text);
	return false;
}

/* @argv begins with the command's name. */
static int run(const struct command *command, struct command_context *ctx, int argc, char **argv)
{
	enum options_result result = OPTIONS_RUN;
	int first = 1, r;

	if (!command->raw)
		result = options_parse(command, ctx, argc, argv, &first);
	else if (argc > 1 && strcmp(argv[1], "--help") == 0)
		result = OPTIONS_HELP;
	if (result != OPTIONS_RUN)
		return answer(result, command, ctx->json);
	if (!command->raw && !has_right_words(command, argc - first))
		return usage(command);
	r = command->run(ctx, argc - first, argv + first);
	return r == 2 ? usage(command) : r;
}

/* Returns the exit status. */
static int run_words(struct command_context *ctx, int argc, char **argv)
{
	const struct command *command;
	int first;
	enum options_result result = options_parse(NULL, ctx, argc, argv, &first);

	if (result != OPTIONS_RUN)
		return answer(result, NULL, ctx->json);
	if (first == argc) {
		log_error("which command?");
		return usage(NULL);
	}
	command = commands_find(argv[first]);
	if (!command) {
		log_error("command '%s' is not known", argv[first]);
		return usage(NULL);
	}
	return run(command, ctx, argc - first, argv + first);
}

int main(int argc, char **argv)
{
	struct command_context ctx = { .socket = CLIENT_DEFAULT_SOCKET };
	int status;

	(void)setlocale(LC_CTYPE, "");
	log_init("vmexitctl", LOG_NOTICE);
	answer_begin();
	status = run_words(&ctx, argc, argv);
	return answer_end(status, ctx.json);
}
