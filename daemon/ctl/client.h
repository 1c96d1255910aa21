/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks vmexitd over its Unix socket. Logging. */
#ifndef DAEMON_CTL_CLIENT_H
#define DAEMON_CTL_CLIENT_H

#include <stddef.h>

#define CLIENT_DEFAULT_SOCKET "/run/vmexit/api.sock"

/*
 * GET @path from the vmexitd at @socket. Returns 0 with the text, which the caller
 * frees, or -errno after one line that says what to do.
 */
int client_get(const char *socket, const char *path, char **ret_text);

/*
 * POST the JSON @body to /api/v1/vms/@vm/@what. Likewise; *ret_text is set, if it can
 * be, even when the daemon refused.
 */
int client_post(const char *socket, const char *vm, const char *what, const char *body,
		char **ret_text);

struct client_param {
	const char *name, *value;
};

/*
 * GET /api/v1/vms/@vm/@what (@vm NULL: /api/v1/@what) with @params. As client_get().
 */
int client_ask(const char *socket, const char *vm, const char *what,
	       const struct client_param *params, size_t count, char **ret_text);

/*
 * GET /api/v1/vms/@vm/@what with @params, however long the answer is: its pieces go to @fn,
 * which ends it with a -errno. Returns 0 when it came as a whole, or -errno.
 */
typedef int (*client_piece_fn)(void *ctx, const char *data, size_t len);
int client_stream(const char *socket, const char *vm, const char *what,
		  const struct client_param *params, size_t count, client_piece_fn fn, void *ctx);

#endif
