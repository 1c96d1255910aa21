/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/control.h"
#include "guest-agent/shared/log.h"

static const struct {
	char letter;
	const char *name;
	const char *argument;
	const char *help;
} table[] = {
	{ 'i', "interval", "MS", "milliseconds between samples, 10 to 10000 [1000]" },
	{ 'b', "buffer", "SECONDS", "keep samples that the host has not stored, 1 to 3600 [600]" },
	{ 'p', "port", "PATH", "port to the host, or unix:PATH to listen on [found by its name]" },
	{ 's', "socket", "PATH", "where mark and run find the agent [" CONTROL_PATH "]" },
	{ 'm', "socket-mode", "MODE", "who may mark: the socket's mode, octal [0666]" },
	{ 'g', "socket-group", "GROUP", "the socket's group, name or number [the agent's]" },
	{ 'l', "label", "TEXT", "run: what the marks say [the command's name]" },
	{ 'P', "phase", NULL, "mark: a phase of the boot begins (root)" },
	{ 'j', "json", NULL, "read, run: print JSON" },
	{ 'v', "verbose", NULL, "say more" },
	{ 'h', "help", NULL, "this text" },
	{ 'V', "version", NULL, "version" },
};

#define TABLE (sizeof(table) / sizeof(table[0]))

static int number(const char *name, const char *text, unsigned int min, unsigned int max,
		  unsigned int *ret)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || v < min || v > max) {
		log_error("--%s=%s is not a number from %u to %u", name, text, min, max);
		return -EINVAL;
	}
	*ret = v;
	return 0;
}

static int mode(const char *text, unsigned int *ret)
{
	unsigned long v;
	char *end;

	v = strtoul(text, &end, 8);
	if (end == text || *end || *text == '-' || v > 0777) {
		log_error("--socket-mode=%s is not an octal number up to 0777", text);
		return -EINVAL;
	}
	*ret = v;
	return 0;
}

static int apply(struct options *options, int letter)
{
	switch (letter) {
	case 'i':
		return number("interval", optarg, 10, 10000, &options->interval_ms);
	case 'b':
		return number("buffer", optarg, 1, 3600, &options->buffer_s);
	case 'p':
		options->port = optarg;
		return 0;
	case 's':
		options->socket = optarg;
		return 0;
	case 'm':
		return mode(optarg, &options->socket_mode);
	case 'g':
		options->socket_group = optarg;
		return 0;
	case 'l':
		options->label = optarg;
		return 0;
	case 'P':
		options->phase = true;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case 'h':
		options->action = OPTIONS_HELP;
		return 0;
	case 'V':
		options->action = OPTIONS_VERSION;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Up to the first that is no option, since a command's options are its own. */
static int parse_options(struct options *options, int argc, char **argv)
{
	struct option longs[TABLE + 1] = { 0 };
	char shorts[2 * TABLE + 2] = "+";
	int c, r;

	for (size_t i = 0; i < TABLE; i++) {
		size_t len = strlen(shorts);

		longs[i] = (struct option){ table[i].name,
					    table[i].argument ? required_argument : no_argument, NULL,
					    table[i].letter };
		shorts[len] = table[i].letter;
		shorts[len + 1] = table[i].argument ? ':' : '\0';
	}
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		r = apply(options, c);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct {
	const char *name;
	enum options_action action;
	int least, most;		/* arguments */
} commands[] = {
	{ "read", OPTIONS_READ, 0, 0 },
	{ "mark", OPTIONS_MARK, 1, 1 },
	{ "run", OPTIONS_RUN, 1, INT_MAX },
};

static int parse_command(struct options *options, int argc, char **argv)
{
	const char *name = argv[optind++];
	int r;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		r = parse_options(options, argc, argv);
		if (r < 0)
			return r;
		options->arguments = argv + optind;
		/* Help needs no arguments. */
		if (options->action != OPTIONS_AGENT)
			return 0;
		options->action = commands[i].action;
		if (argc - optind >= commands[i].least && argc - optind <= commands[i].most)
			return 0;
		log_error("'%s' with %d arguments; it takes %s", name, argc - optind,
			  commands[i].most == 0 ? "none" :
			  commands[i].most == 1 ? "one" : "a command");
		return -EINVAL;
	}
	log_error("'%s' is no command; there are: read, mark, run", name);
	return -EINVAL;
}

int options_parse(struct options *options, int argc, char **argv)
{
	int r;

	*options = (struct options){ .interval_ms = 1000, .buffer_s = 600,
				     .socket = CONTROL_PATH, .socket_mode = 0666 };
	optind = 1;
	r = parse_options(options, argc, argv);
	return r < 0 || optind == argc ? r : parse_command(options, argc, argv);
}

void options_print_help(void)
{
	puts("Usage: vmexit-agent [OPTION]...\n"
	     "       vmexit-agent read [--json]\n"
	     "       vmexit-agent mark [--phase] TEXT\n"
	     "       vmexit-agent run [--label=TEXT] [--json] [--] COMMAND...\n"
	     "Send this guest's VM exits and workload to vmexitd on its host; read the exits\n"
	     "once; store a mark beside them; run a command and say what it cost.\n");
	for (size_t i = 0; i < TABLE; i++) {
		char left[40];

		snprintf(left, sizeof(left), "-%c, --%s%s%s", table[i].letter, table[i].name,
			 table[i].argument ? "=" : "", table[i].argument ? table[i].argument : "");
		printf("  %-25s %s\n", left, table[i].help);
	}
	puts("\nSee vmexit-agent(8).");
}
