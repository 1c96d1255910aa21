/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages from other threads to the main loop, in their order. Non-logging. */
#ifndef DAEMON_MAILBOX_H
#define DAEMON_MAILBOX_H

#include <stddef.h>

struct mailbox;

/* Called in the main loop; the message is the callee's. */
typedef void (*mailbox_fn)(void *ctx, void *message);

/* For up to @max messages at a time. Returns 0 or -errno. */
int mailbox_new(size_t max, mailbox_fn fn, void *ctx, struct mailbox **ret_mailbox);

/* From any thread. Returns 0, or -ENOBUFS or -ENOMEM: then @message is still the caller's. */
int mailbox_put(struct mailbox *mailbox, void *message);

/* What was not delivered is given to @drop. Nobody may put any more. */
void mailbox_free(struct mailbox *mailbox, void (*drop)(void *message));

#endif
