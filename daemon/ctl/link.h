/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asks vmexitd, mostly over its Unix socket, without waiting for it: for what looks at a keyboard
 * meanwhile. Non-logging.
 */
#ifndef DAEMON_CTL_LINK_H
#define DAEMON_CTL_LINK_H

#include <stddef.h>

/* Requests that may be under way. */
#define LINK_MAX 4
#define LINK_TIMEOUT_S 5
/* The daemon sends at least a comment in this time, or it is dead. */
#define LINK_STALL_S 40

struct link;

/*
 * The end of a request: HTTP's @status with the @text of the answer (of a stream without), or
 * @status 0 and why there is none. A stream that ends is told so, too.
 */
typedef void (*link_done_fn)(void *ctx, long status, const char *text);

/* A piece of a stream. */
typedef void (*link_piece_fn)(void *ctx, const char *bytes, size_t len);

/* @socket is kept, not copied. Returns 0 or -ENOMEM. */
int link_new(const char *socket, struct link **ret_link);
void link_free(struct link *link);

/* The same of the page's @address, "127.0.0.1:20479", which any local user may ask. */
int link_new_tcp(const char *address, struct link **ret_link);

/*
 * GET @path; @done is called by link_wait() later, exactly once, unless the link is freed
 * before. Returns 0, -EBUSY with LINK_MAX under way, or -ENOMEM.
 */
int link_get(struct link *link, const char *path, link_done_fn done, void *ctx);

/* Likewise; what comes with status 200 goes to @piece as it comes. */
int link_stream(struct link *link, const char *path, link_piece_fn piece, link_done_fn done,
		void *ctx);

/* "/api/v1/vms/VM/WHAT". Returns 0, or -EINVAL for what is no VM. */
int link_vm_path(char *path, size_t size, const char *vm, const char *what);

/* Wait for what is under way, for one of @fds (at most 4) to be readable, or @timeout_ms. */
void link_wait(struct link *link, const int *fds, size_t count, int timeout_ms);

#endif
