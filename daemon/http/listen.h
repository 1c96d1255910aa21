/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listening sockets, non-blocking and close-on-exec. Logging. */
#ifndef DAEMON_LISTEN_H
#define DAEMON_LISTEN_H

/*
 * Listen on "127.0.0.1:20479" or "[::1]:20479"; an address that is not loopback is
 * warned of. Returns the descriptor, with *ret_port pointing at the port in
 * @text, or -errno after saying what to do.
 */
int listen_tcp(const char *text, const char **ret_port);

/*
 * Listen on a Unix socket at @path, for its owner and group only (root's daemon
 * gives it to group vmexit, if that exists). One that a dead process left is
 * replaced, one that answers is not. Returns the descriptor or -errno after saying
 * what to do.
 */
int listen_local(const char *path);

#endif
