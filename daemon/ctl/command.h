/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The subcommands of vmexitctl; main.c has their table. */
#ifndef DAEMON_CTL_COMMAND_H
#define DAEMON_CTL_COMMAND_H

#include <stdbool.h>

struct command_context {
	const char *socket;
	bool json;		/* print vmexitd's answer as it is */
};

/* Each gets the words behind its name and returns the exit status: 0, 1 or 2 (usage). */
int command_list(const struct command_context *ctx, int argc, char **argv);
int command_attach(const struct command_context *ctx, int argc, char **argv);
int command_detach(const struct command_context *ctx, int argc, char **argv);
int command_rate(const struct command_context *ctx, int argc, char **argv);

/* These have options of their own: argv[0] is the command's name. */
int command_export(const struct command_context *ctx, int argc, char **argv);
int command_import(const struct command_context *ctx, int argc, char **argv);
int command_sql(const struct command_context *ctx, int argc, char **argv);
int command_backup(const struct command_context *ctx, int argc, char **argv);

#endif
