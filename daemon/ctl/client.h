/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks vmexitd over its Unix socket. Logging. */
#ifndef DAEMON_CTL_CLIENT_H
#define DAEMON_CTL_CLIENT_H

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

#endif
