/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command line of vmexit-agent: one table feeds the parser and --help. Logging. */
#ifndef GUEST_AGENT_OPTIONS_H
#define GUEST_AGENT_OPTIONS_H

#include <stdbool.h>

enum options_action { OPTIONS_RUN, OPTIONS_READ, OPTIONS_HELP, OPTIONS_VERSION };

struct options {
	enum options_action action;
	unsigned int interval_ms;
	unsigned int buffer_s;		/* what is not committed is kept so long */
	const char *port;		/* NULL: find it */
	bool json;
	bool verbose;
};

/* Returns 0, or -EINVAL after saying why. Text points into @argv. */
int options_parse(struct options *options, int argc, char **argv);
void options_print_help(void);

#endif
