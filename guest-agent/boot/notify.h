/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the service manager is told, by the protocol of sd_notify(3): a datagram to the
 * socket that $NOTIFY_SOCKET names. Never waits. Non-logging: whoever is not told shows
 * less.
 */
#ifndef GUEST_AGENT_NOTIFY_H
#define GUEST_AGENT_NOTIFY_H

#include <stdint.h>

struct notify {
	int fd;				/* -1: nobody asked */
	uint32_t status;		/* that was told; 0: none */
};

/* @path is the variable's value, or NULL. */
void notify_init(struct notify *notify, const char *path);
void notify_done(struct notify *notify);

/* Tell @state, as in sd_notify(3). */
void notify_tell(struct notify *notify, const char *state);

/* Tell the line @text, unless the last was of the same number @status, which is not 0. */
void notify_status(struct notify *notify, uint32_t status, const char *text);

#endif
