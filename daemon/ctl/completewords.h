/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of a kind (VM, BOOT, ...), for completion: vmexitd is asked for them. Non-logging. */
#ifndef DAEMON_CTL_COMPLETEWORDS_H
#define DAEMON_CTL_COMPLETEWORDS_H

#include "daemon/ctl/complete.h"

/*
 * Of @kind, which is in capitals as in a command's table, all words that begin with @typed.
 * Returns true if these are files, of which nothing is told.
 */
bool completewords(const char *kind, const char *typed, const struct complete_context *context,
		   complete_fn fn, void *ctx);

#endif
