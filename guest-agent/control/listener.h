/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Unix socket on which the agent listens for users of the guest. Its directory
 * may appear long after the agent, or be replaced by another: the socket is made
 * when it can be, and anew when it is gone. Logging (once for each situation).
 */
#ifndef GUEST_AGENT_LISTENER_H
#define GUEST_AGENT_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct listener_options {
	const char *path;		/* kept, not copied */
	mode_t mode;
	const char *group;		/* name or number; NULL: as it comes */
};

struct listener {
	struct listener_options options;
	int fd;				/* -1: not yet */
	dev_t device;			/* of the socket's file */
	ino_t inode;
	uint64_t next_ns;		/* when to look again */
	unsigned int tries;
	int complained;
};

/* Returns 0, or -EINVAL after saying that the path can be none. Makes nothing yet. */
int listener_init(struct listener *listener, const struct listener_options *options);

/* Removes the socket's file if it is still ours. */
void listener_done(struct listener *listener);

/*
 * Make the socket, or look whether it is still there; to be called from time to
 * time, it does something once a second at most. @now_ns is any clock that grows.
 */
void listener_check(struct listener *listener, uint64_t now_ns);

/* Paths mean other files from now on: look at once. */
void listener_look_again(struct listener *listener);

/* A client that waits, non-blocking; -EAGAIN if there is none. */
int listener_accept(struct listener *listener);

#endif
