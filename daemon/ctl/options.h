/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parses words by a command's table of options, and prints that as help. Logging. */
#ifndef DAEMON_CTL_OPTIONS_H
#define DAEMON_CTL_OPTIONS_H

struct command;
struct command_context;

enum options_result {
	OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION,
	OPTIONS_WRONG,			/* said */
};

/*
 * @argv[0] is a program's or command's name. The options of @command (NULL: only those that go
 * with all, up to the first other word) and of all commands go into @ctx. *ret_first: index of
 * the first other word; all of them are behind the options then.
 */
enum options_result options_parse(const struct command *command, struct command_context *ctx,
				  int argc, char **argv, int *ret_first);

/* To stdout: of all commands, or of one. */
void options_help(const struct command *command);

/* "vmexitctl rate [OPTION]... VM HZ|auto". */
void options_usage(const struct command *command, char *text, unsigned long size);

#endif
