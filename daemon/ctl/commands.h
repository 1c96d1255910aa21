/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of subcommands, and the options that go with all of them. Non-logging. */
#ifndef DAEMON_CTL_COMMANDS_H
#define DAEMON_CTL_COMMANDS_H

#include <stddef.h>

#include "daemon/ctl/command.h"

/* In the order in which --help has them; NULL behind the last. */
extern const struct command *const commands_all[];

/* --json and so on, up to one without a name. */
extern const struct command_option commands_options[];

/* By its name; NULL if there is none. */
const struct command *commands_find(const char *name);

/* @command's options, 0 for none; NULL is fine. */
size_t commands_count_options(const struct command_option *options);

#endif
