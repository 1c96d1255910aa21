/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How remote write is getting on, as vmexit-http(7) says. Non-logging. */
#ifndef DAEMON_JSONREMOTE_H
#define DAEMON_JSONREMOTE_H

struct remote_stats;

/* @stats NULL: it is off. Returns 0 with a string that the caller frees, or -ENOMEM. */
int jsonremote(const struct remote_stats *stats, char **ret_text);

#endif
