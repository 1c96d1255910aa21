/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command line of vmexit-agent: one table feeds the parser and --help. Logging. */
#ifndef GUEST_AGENT_OPTIONS_H
#define GUEST_AGENT_OPTIONS_H

#include <stdbool.h>

enum options_action {
	OPTIONS_AGENT,
	OPTIONS_READ,
	OPTIONS_MARK,
	OPTIONS_RUN,
	OPTIONS_HELP,
	OPTIONS_VERSION,
};

struct options {
	enum options_action action;
	unsigned int interval_ms;
	unsigned int buffer_s;		/* what is not committed is kept so long */
	const char *port;		/* NULL: find it */
	const char *socket;
	unsigned int socket_mode;
	const char *socket_group;	/* NULL: the agent's */
	const char *label;		/* run: NULL: the command's name */
	bool phase;			/* mark: it is one of the boot */
	char **arguments;		/* mark: the text, run: the command; ends with NULL */
	bool json;
	bool verbose;
};

/* Returns 0, or -EINVAL after saying why. Text points into @argv. */
int options_parse(struct options *options, int argc, char **argv);
void options_print_help(void);

#endif
