/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One VM's agent, over the Unix socket of its virtio-serial port. Connects and
 * reconnects by itself, never blocks, reads a bounded amount each time. Logging.
 */
#ifndef DAEMON_CHANNEL_H
#define DAEMON_CHANNEL_H

#include <sys/types.h>

#include "daemon/record.h"

struct channel;

/* What a channel tells its owner; @ctx is what channel_new() was given. */
struct channel_ops {
	/* @error is for a person, "" when there is none. */
	void (*state)(void *ctx, enum vm_agent agent, const char *error);
	/* Connected; @pid listens on the socket (0: not known). */
	void (*peer)(void *ctx, pid_t pid);
	/* The sequence up to which the samples of the hello's boot are committed. */
	uint64_t (*hello)(void *ctx, const struct proto_hello *hello);
	/* False: take no more samples now; channel_resume() follows. */
	bool (*ready)(void *ctx);
	/* Always behind a hello of the same connection. */
	void (*sample)(void *ctx, const struct sample *sample, bool delayed);
};

/*
 * Serve the socket at @path for the VM called @name (both copied). Returns NULL
 * for want of memory.
 */
struct channel *channel_new(const char *name, const char *path, const struct channel_ops *ops,
			    void *ctx);
void channel_free(struct channel *channel);

const char *channel_path(const struct channel *channel);

/* Tell the agent that all samples up to @sequence are committed. */
void channel_ack(struct channel *channel, uint64_t sequence);

/* ops->ready() is true again. */
void channel_resume(struct channel *channel);

#endif
