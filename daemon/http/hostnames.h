/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The values of the Host header that are answered over TCP. A page on another site
 * can point a name of its own at 127.0.0.1 (DNS rebinding); its requests carry that
 * name, which is none of these. Logging.
 */
#ifndef DAEMON_HOSTNAMES_H
#define DAEMON_HOSTNAMES_H

#include <stdbool.h>
#include <stddef.h>

#define HOSTNAMES_MAX 32

/* Zero-initialise. Owns its names; any number of threads may ask once all are added. */
struct hostnames {
	char *name[HOSTNAMES_MAX];
	size_t count;
	bool loopback;
};

/* Admit @name (copied). Returns 0, -ENOMEM, or -EINVAL if there are too many. */
int hostnames_add(struct hostnames *hostnames, const char *name);

/*
 * Admit 127.0.0.1, [::1] and localhost with any port: a tunnel's end has one of its own, and no
 * name that a page chose points there.
 */
void hostnames_add_loopback(struct hostnames *hostnames);

/* Admit each name in @list, which commas and spaces separate. As hostnames_add(), but says what is too many. */
int hostnames_add_list(struct hostnames *hostnames, const char *list);

/* True if this value is admitted, in whatever case; NULL (no header) never is. */
bool hostnames_has(const struct hostnames *hostnames, const char *untrusted_host);

/* Free the names. */
void hostnames_done(struct hostnames *hostnames);

#endif
