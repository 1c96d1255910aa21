/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ctl/command.h"
#include "daemon/ctl/commands.h"
#include "guest-agent/shared/log.h"

/* Values of getopt_long(): the index in the command's table, or behind it in that of all. */
#define OF_COMMAND 0x1000
#define OF_ALL 0x2000
#define COMMON_MAX 8

/* Both forms of getopt_long()'s tables. */
struct tables {
	struct option options[COMMAND_OPTIONS_MAX + COMMON_MAX + 1];
	char letters[2 * (COMMAND_OPTIONS_MAX + COMMON_MAX) + 2];
	size_t count, letters_len;
};

static void add(struct tables *tables, const struct command_option *options, int base)
{
	for (int i = 0; options && options[i].name; i++) {
		tables->options[tables->count++] = (struct option){
			options[i].name, options[i].value ? required_argument : no_argument, NULL,
			base + i,
		};
		if (!options[i].letter)
			continue;
		tables->letters[tables->letters_len++] = options[i].letter;
		if (options[i].value)
			tables->letters[tables->letters_len++] = ':';
	}
}

/* A letter that getopt_long() found, as a value of above: it is one of these. */
static int by_letter(const struct command_option *own, int c)
{
	const struct command_option *all = commands_options;

	for (int i = 0; own && own[i].name; i++) {
		if (own[i].letter == c)
			return OF_COMMAND + i;
	}
	for (int i = 0; all[i].name; i++) {
		if (all[i].letter == c)
			return OF_ALL + i;
	}
	return c;
}

/* What getopt_long() found goes into @ctx. */
static enum options_result take(struct command_context *ctx, int c)
{
	if (c < OF_ALL) {
		ctx->values[c - OF_COMMAND] = optarg ? optarg : "";
		return OPTIONS_RUN;
	}
	switch (commands_options[c - OF_ALL].letter) {
	case 'j':
		ctx->json = true;
		break;
	case 's':
		ctx->socket = optarg;
		break;
	case 'h':
		return OPTIONS_HELP;
	case 'V':
		return OPTIONS_VERSION;
	}
	return OPTIONS_RUN;
}

/* getopt_long() has a message of its own, which --json would not see. */
static void complain(char **argv, int c)
{
	const char *word = argv[optind - 1];

	if (optopt > 0 && optopt < OF_COMMAND && strncmp(word, "--", 2) != 0)
		log_error(c == ':' ? "option -%c needs a value" : "option -%c is not known", optopt);
	else if (c == ':')
		log_error("option %s needs a value", word);
	else if (optopt >= OF_COMMAND)
		log_error("option %s takes no value", word);
	else
		log_error("option %s is not known, or not unique", word);
}

enum options_result options_parse(const struct command *command, struct command_context *ctx,
				  int argc, char **argv, int *ret_first)
{
	const struct command_option *own = command ? command->options : NULL;
	/* "+": up to the first other word; ":": messages are ours. */
	struct tables tables = { .letters = "+:", .letters_len = 2 };
	enum options_result result = OPTIONS_RUN;
	bool wrong = false;
	int c;

	add(&tables, own, OF_COMMAND);
	add(&tables, commands_options, OF_ALL);
	/* getopt_long() begins anew. */
	optind = 0;
	while (result == OPTIONS_RUN &&
	       (c = getopt_long(argc, argv, tables.letters + !!command, tables.options, NULL)) != -1) {
		if (c == '?' || c == ':') {
			/* The first is said; behind it may be --json. */
			if (!wrong)
				complain(argv, c);
			wrong = true;
			continue;
		}
		if (c < OF_COMMAND)
			c = by_letter(own, c);
		result = take(ctx, c);
	}
	*ret_first = optind;
	return wrong ? OPTIONS_WRONG : result;
}

/* ---- help ---- */

static void print_options(const struct command_option *options)
{
	for (size_t i = 0; options && options[i].name; i++) {
		char left[64];
		int n = snprintf(left, sizeof(left), "--%s%s%s", options[i].name,
				 options[i].value ? "=" : "",
				 options[i].value ? options[i].value : "");

		if (options[i].letter)
			printf("  -%c, %-*s", options[i].letter, 20, left);
		else
			printf("  %-24s", left);
		/* Too long for its column: the text below. */
		if (n > (options[i].letter ? 19 : 23))
			printf("\n  %24s", "");
		printf(" %s\n", options[i].help);
	}
}

static void help_of_all(void)
{
	puts("Usage: vmexitctl [OPTION]... COMMAND [OPTION | WORD]...\n"
	     "Ask vmexitd about the VM exits of KVM guests.\n\nCommands:");
	for (size_t i = 0; commands_all[i]; i++) {
		const struct command *command = commands_all[i];
		int n;

		if (command->hidden)
			continue;
		n = printf("  %s%s%s", command->name, *command->words ? " " : "",
			       command->words);

		printf("%*s %s\n", n < 26 ? 26 - n : 0, "", command->help);
	}
	puts("\nOptions, in front of a command or behind it:");
	print_options(commands_options);
	puts("\n'vmexitctl COMMAND --help' lists that command's own options.");
}

void options_usage(const struct command *command, char *text, unsigned long size)
{
	(void)snprintf(text, size, "vmexitctl %s%s%s%s", command->name,
		       command->options ? " [OPTION]..." : "", *command->words ? " " : "",
		       command->words);
}

void options_help(const struct command *command)
{
	char usage[256];

	if (!command) {
		help_of_all();
		return;
	}
	options_usage(command, usage, sizeof(usage));
	printf("Usage: %s\n%c%s.\n", usage, toupper(*command->help), command->help + 1);
	if (command->about)
		printf("\n%s\n", command->about);
	puts("\nOptions:");
	print_options(command->options);
	print_options(commands_options);
}
