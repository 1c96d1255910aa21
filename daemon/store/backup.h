/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A copy of a database that may be written to meanwhile. Logging. */
#ifndef DAEMON_BACKUP_H
#define DAEMON_BACKUP_H

#include <stdint.h>

/* Called now and then with the bytes written and to be written; not 0 ends it with that. */
typedef int (*backup_progress_fn)(void *ctx, uint64_t bytes, uint64_t total);

/*
 * Write what @from holds at this moment to the new file @to, for its owner and group only,
 * without the pages that are free, and check it. It is read on a connection that cannot write;
 * the writer goes on, though its WAL grows until this ends. @progress may be NULL. Returns 0,
 * -ENOSPC if there is no room for it, -EBADMSG for another program's database or a damaged
 * one, or another -errno, having logged why; @to may be there then, and is the caller's to
 * remove.
 */
int backup_copy(const char *from, const char *to, backup_progress_fn progress, void *ctx);

#endif
