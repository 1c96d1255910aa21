/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One VM's agent, over the Unix socket of its virtio-serial port. Connects and
 * reconnects by itself, never blocks. Logging.
 *
 * Bytes, frames and processor time per second are limited: a guest that sends more is
 * read later, which delays nobody else, and loses nothing of an honest one's.
 */
#ifndef DAEMON_CHANNEL_H
#define DAEMON_CHANNEL_H

#include <sys/types.h>

#include "daemon/base/record.h"

struct channel;

/* What a channel tells its owner; @ctx is what channel_new() was given. */
struct channel_ops {
	/* @error is for a person, "" when there is none. */
	void (*state)(void *ctx, enum vm_agent agent, const char *error);
	/* Connected; @pid listens on the socket (0: not known). */
	void (*peer)(void *ctx, pid_t pid);
	/*
	 * The sequence up to which the hello's boot is committed. False: this guest is
	 * not served now; it is told so, and will ask again.
	 */
	bool (*hello)(void *ctx, const struct proto_hello *hello, uint64_t *ret_committed);
	/* False: take no more frames now; channel_resume() follows. */
	bool (*ready)(void *ctx);
	/*
	 * Always behind a hello of the same connection. -errno: not taken; the agent has to
	 * introduce itself again, and begins with what is not committed.
	 */
	int (*sample)(void *ctx, const struct sample *sample, bool delayed);
	int (*mark)(void *ctx, const struct proto_mark *mark);
	int (*gap)(void *ctx, const struct proto_gap *gap);
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

/* The version agreed with the agent that is connected; 0: none is. */
uint16_t channel_version(const struct channel *channel);

/*
 * Have the agent take samples every @interval_us, as far as its guest grants it; 0: as
 * it sees fit. Said at once, and to every agent to come.
 */
void channel_set_pace(struct channel *channel, uint32_t interval_us);

/* ops->ready() is true again. */
void channel_resume(struct channel *channel);

#endif
