/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmexit-agent run: a command, and what it cost this VM. Logging. */
#ifndef GUEST_AGENT_RUN_H
#define GUEST_AGENT_RUN_H

#include <stdbool.h>

struct run_options {
	const char *socket;		/* the agent's */
	const char *label;		/* NULL: the command's name */
	bool json;
	char *const *command;		/* ends with NULL; at least its name */
};

/*
 * Runs the command in any case, and says on stderr what it cost or why that is not
 * known. Returns the command's exit status; 128 and the signal's number if one ended
 * it, 127 if it was not found, 126 if it could not be started.
 */
int run_command(const struct run_options *options);

#endif
