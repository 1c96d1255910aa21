/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmexitctl: asks vmexitd from a shell. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/options.h"
#include "daemon/version.h"
#include "guest-agent/shared/log.h"

static const struct {
	const char *name;
	const char *words;
	const char *help;
	int (*run)(const struct command_context *ctx, int argc, char **argv);
	bool own_options;
} commands[] = {
	{ "list", "", "VMs with their state and latest exit rate", command_list, false },
	{ "attach", " DOMAIN", "give a libvirt domain the agent's channel", command_attach, false },
	{ "detach", " DOMAIN", "take it away", command_detach, false },
	{ "rate", " VM HZ|auto", "ask a VM's agent for so many samples a second", command_rate, false },
	{ "export", " VM", "a VM's samples as CSV or JSON lines", command_export, true },
	{ "import", " FILE", "make a new database of an exported CSV", command_import, true },
	{ "sql", " [WORD]...", "sqlite3 on the database, read-only, with its tables", command_sql, true },
	{ "backup", " FILE", "copy the database, also while it is written to", command_backup, true },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	puts("Usage: vmexitctl [OPTION]... COMMAND\n"
	     "Ask vmexitd about the VM exits of KVM guests.\n\nCommands:");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %s%-*s %s\n", commands[i].name, (int)(22 - strlen(commands[i].name)),
		       commands[i].words, commands[i].help);
	puts("\nOptions:\n"
	     "  -j, --json             print vmexitd's answer as JSON\n"
	     "  -s, --socket=PATH      vmexitd's socket [" CLIENT_DEFAULT_SOCKET "]\n"
	     "  -h, --help             this text\n"
	     "  -V, --version          version\n"
	     "\nOptions behind export:\n"
	     "  --boot=N|latest        of one boot [all]\n"
	     "  --source=NAME          guest or host [both]\n"
	     "  --from=TIME, --to=TIME a range, as RFC 3339 or seconds since the epoch\n"
	     "  --mark=LABEL           the interval of that mark, or of its begin's sequence\n"
	     "  --after=SEQUENCE       what is behind it, of one boot and source, without header\n"
	     "  --format=FORMAT        wide, long or jsonl [wide]\n"
	     "  -o, --output=FILE      into a file, which is there when it is whole\n"
	     "\nOption behind import, sql and backup:\n"
	     "  --database=FILE        the database [" OPTIONS_DATABASE "]");
}

static int usage(void)
{
	fputs("Try 'vmexitctl --help'.\n", stderr);
	return 2;
}

/* Options up to the first other word, or in between: -1, or the status to end with. */
static int parse(struct command_context *ctx, int argc, char **argv, const char *letters)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "socket", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		switch (c) {
		case 'j':
			ctx->json = true;
			break;
		case 's':
			ctx->socket = optarg;
			break;
		case 'h':
			print_help();
			return 0;
		case 'V':
			puts("vmexitctl " VMEXIT_VERSION);
			return 0;
		default:
			return usage();
		}
	}
	return -1;
}

/* @argv begins with the command's name. */
static int run(struct command_context *ctx, size_t i, int argc, char **argv)
{
	int r;

	/* getopt_long() begins anew. */
	optind = 0;
	if (commands[i].own_options)
		return commands[i].run(ctx, argc, argv);
	r = parse(ctx, argc, argv, "js:hV");
	return r >= 0 ? r : commands[i].run(ctx, argc - optind, argv + optind);
}

int main(int argc, char **argv)
{
	struct command_context ctx = { .socket = CLIENT_DEFAULT_SOCKET };
	int first, r;

	log_init("vmexitctl", LOG_NOTICE);
	r = parse(&ctx, argc, argv, "+js:hV");
	if (r >= 0)
		return r;
	if (optind == argc) {
		log_error("which command?");
		return usage();
	}
	first = optind;
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, argv[first]) == 0) {
			r = run(&ctx, i, argc - first, argv + first);
			return r == 2 ? usage() : r;
		}
	}
	log_error("command '%s' is not known", argv[first]);
	return usage();
}
