/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings and command line of vmexit-agent: one table feeds the option parser, the
 * file and --help. Logging.
 */
#ifndef GUEST_AGENT_OPTIONS_H
#define GUEST_AGENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "guest-agent/agent.h"

#define OPTIONS_DEFAULT_FILE "/etc/vmexit/agent.conf"
#define OPTIONS_TEXT_MAX 512		/* of all settings that are text */

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
	struct agent_options agent;
	const char *label;		/* run: NULL: the command's name */
	bool phase;			/* mark: it is one of the boot */
	char **arguments;		/* mark: the text, run: the command; ends with NULL */
	bool json;
	bool verbose;
	/* Where texts are; so it is not to be copied. */
	char text[OPTIONS_TEXT_MAX];
	size_t text_len;
};

/*
 * Defaults, then the file's settings (--config, else OPTIONS_DEFAULT_FILE if it
 * exists), then the options'. Returns 0, or -EINVAL or what reading the file gave,
 * after saying why.
 */
int options_parse(struct options *options, int argc, char **argv);
void options_print_help(void);

#endif
