/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef WEB_ASSETS_H
#define WEB_ASSETS_H

#include <stddef.h>

/* The page's parts, embedded at build time; all pointers are to static storage. */
struct asset {
	const char *path;		/* of the request: "/", "/page.js", ... */
	const char *type;		/* Content-Type, with charset where it has one */
	const unsigned char *data;
	size_t size;
	const unsigned char *gzip_data;	/* the same, for Content-Encoding: gzip */
	size_t gzip_size;
	const char *etag;		/* ready to send, weak: good for both encodings */
};

extern const struct asset web_assets[];
extern const size_t web_assets_count;

#endif
