/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listening sockets, non-blocking and close-on-exec. Logging. */
#ifndef DAEMON_LISTEN_H
#define DAEMON_LISTEN_H

/* "[ADDRESS]:PORT" and a NUL. */
#define LISTEN_TEXT_MAX 56

/*
 * Listen on "127.0.0.1:20479" or "[::1]:20479"; an address that is not loopback is
 * warned of. Returns the descriptor or -errno after saying what to do.
 */
int listen_tcp(const char *text);

/* Where @fd listens, in the same form. Returns 0 or -errno after saying so. */
int listen_tcp_text(int fd, char ret_text[LISTEN_TEXT_MAX]);

/*
 * Somebody else made the socket that listens on @text: warn if that is not loopback, and
 * if @setting, of the configuration, says another place.
 */
void listen_tcp_given(const char *text, const char *setting);

/*
 * Listen on a Unix socket at @path, for its owner and group only (root's daemon
 * gives it to group vmexit, if that exists). One that a dead process left is
 * replaced, one that answers is not. Returns the descriptor or -errno after saying
 * what to do.
 */
int listen_local(const char *path);

#endif
