/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libmicrohttpd: listens, checks who asks, and sends what api.h decides. Has
 * threads of its own with read-only database connections. Logging.
 */
#ifndef DAEMON_HTTP_H
#define DAEMON_HTTP_H

#include "daemon/store/store.h"

struct http;
struct orders;
struct remote;
struct vitals;

struct http_settings {
	const char *database;
	const char *listen;		/* "ADDRESS:PORT" (IPv6 in brackets), or "off" */
	int page_fd;			/* listens instead of that; -1: nothing does */
	const char *allowed_hosts;	/* comma-separated */
	const char *api_socket;		/* path, or "off" */
	int api_fd;			/* instead of that; -1 */
	const char *gnuplot;
	struct vitals *vitals;
	struct remote *remote;		/* NULL: off */
	struct store_stats stats;	/* until http_flushed() says more */
	struct orders *orders;		/* what a POST on the Unix socket is given to */
};

/*
 * What the settings point at must outlive the result; orders_stop() comes before
 * http_free(). Takes ownership of page_fd and api_fd, also if it fails. Returns 0 or -errno.
 */
int http_new(const struct http_settings *settings, struct http **ret_http);
void http_free(struct http *http);

/* "ADDRESS:PORT" of the page, or NULL if it is served nowhere. */
const char *http_page(const struct http *http);

/* From the writer's thread: a flush returned @what (STORE_*, or -errno); @stats after it. */
void http_flushed(struct http *http, int what, const struct store_stats *stats);

#endif
