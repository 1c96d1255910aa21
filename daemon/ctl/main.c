/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmexitctl: asks vmexitd from a shell. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/version.h"
#include "guest-agent/shared/log.h"

static const struct {
	const char *name;
	const char *words;
	const char *help;
	int (*run)(const struct command_context *ctx, int argc, char **argv);
} commands[] = {
	{ "list", "", "VMs with their state and latest exit rate", command_list },
	{ "attach", " DOMAIN", "give a libvirt domain the agent's channel", command_attach },
	{ "detach", " DOMAIN", "take it away", command_detach },
	{ "rate", " VM HZ|auto", "ask a VM's agent for so many samples a second", command_rate },
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
	     "  -V, --version          version");
}

static int usage(void)
{
	fputs("Try 'vmexitctl --help'.\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "socket", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	struct command_context ctx = { .socket = CLIENT_DEFAULT_SOCKET };
	int c;

	log_init("vmexitctl", LOG_NOTICE);
	while ((c = getopt_long(argc, argv, "js:hV", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			ctx.json = true;
			break;
		case 's':
			ctx.socket = optarg;
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
	if (optind == argc) {
		log_error("which command?");
		return usage();
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, argv[optind]) == 0) {
			int r = commands[i].run(&ctx, argc - optind - 1, argv + optind + 1);

			return r == 2 ? usage() : r;
		}
	}
	log_error("command '%s' is not known", argv[optind]);
	return usage();
}
