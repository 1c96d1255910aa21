/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	{ 'j', "json", NULL, "read: print JSON" },
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

static int parse_command(struct options *options, int argc, char **argv)
{
	if (optind == argc)
		return 0;
	if (strcmp(argv[optind], "read") != 0 || optind + 1 < argc) {
		log_error("'%s' is no command; there is: read",
			  argv[strcmp(argv[optind], "read") == 0 ? optind + 1 : optind]);
		return -EINVAL;
	}
	if (options->action == OPTIONS_RUN)
		options->action = OPTIONS_READ;
	return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
	struct option longs[TABLE + 1] = { 0 };
	char shorts[2 * TABLE + 1] = "";
	int c, r;

	*options = (struct options){ .interval_ms = 1000, .buffer_s = 600 };
	for (size_t i = 0; i < TABLE; i++) {
		size_t len = strlen(shorts);

		longs[i] = (struct option){ table[i].name,
					    table[i].argument ? required_argument : no_argument, NULL,
					    table[i].letter };
		shorts[len] = table[i].letter;
		shorts[len + 1] = table[i].argument ? ':' : '\0';
	}
	optind = 1;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		r = apply(options, c);
		if (r < 0)
			return r;
	}
	return parse_command(options, argc, argv);
}

void options_print_help(void)
{
	puts("Usage: vmexit-agent [OPTION]...\n"
	     "       vmexit-agent read [--json]\n"
	     "Send this guest's VM exits and workload to vmexitd on its host, or read the\n"
	     "exits once.\n");
	for (size_t i = 0; i < TABLE; i++) {
		char left[40];

		snprintf(left, sizeof(left), "-%c, --%s%s%s", table[i].letter, table[i].name,
			 table[i].argument ? "=" : "", table[i].argument ? table[i].argument : "");
		printf("  %-24s %s\n", left, table[i].help);
	}
	puts("\nSee vmexit-agent(8).");
}
