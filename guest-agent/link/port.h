/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way to the host: the virtio-serial port named org.vmexit.agent.0, found
 * through sysfs so that no udev is needed; or, for tests, a Unix socket on which
 * this side listens as QEMU does on the other. Never blocks. Logging (once for
 * each situation).
 */
#ifndef GUEST_AGENT_PORT_H
#define GUEST_AGENT_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct port {
	const char *path;	/* device, "unix:PATH", or NULL: find it */
	int listen_fd;		/* of a Unix socket; -1 */
	int fd;			/* the port or the peer; -1: none */
	bool connected;		/* the host side is there */
	int complained;		/* errno last said */
	uint64_t writes;	/* that took something; the host was told of each */
};

/* @path is kept, not copied. Returns 0 or -errno (a socket that cannot be made). */
int port_init(struct port *port, const char *path);
void port_done(struct port *port);

/*
 * Look whether the port has appeared and the host side has come or gone; to be
 * called from time to time. True when the host side has just come.
 */
bool port_check(struct port *port);

/*
 * Like read() and write(): -EAGAIN means later, -ENOTCONN that the host side is
 * gone; port_check() will notice its return.
 */
ssize_t port_read(struct port *port, void *buf, size_t size);
ssize_t port_write(struct port *port, const void *buf, size_t size);

/* To poll; -1 when there is nothing to wait for but time. */
int port_poll_fd(const struct port *port);

#endif
