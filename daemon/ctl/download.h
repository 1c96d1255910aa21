/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An answer of vmexitd's into a file or to standard output, however long it is. Logging. */
#ifndef DAEMON_CTL_DOWNLOAD_H
#define DAEMON_CTL_DOWNLOAD_H

#include <stddef.h>

#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"

/*
 * GET /api/v1/vms/@vm/@page with @params into @file, which is there when it is whole, and is what
 * it was before otherwise; NULL: to standard output. With --json, how many bytes of which
 * @format that were is printed. @word names what is done in the progress. Returns the exit
 * status: 0, 1 or 2, after one line if it is not 0.
 */
int download(const struct command_context *ctx, const char *word, const char *vm, const char *page,
	     const struct client_param *params, size_t count, const char *format, const char *file);

#endif
