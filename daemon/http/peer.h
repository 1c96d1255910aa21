/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who, at the other end of a Unix socket, may change something. Non-logging. */
#ifndef DAEMON_PEER_H
#define DAEMON_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PEER_GROUP "vmexit"

struct peer_rule {
	uid_t uid;			/* beside root */
	bool has_group;
	gid_t group;
};

/* This process's own user, and PEER_GROUP if there is one. */
void peer_rule_init(struct peer_rule *rule);

/* True for a process of @uid in @groups, of which the first is its primary one. */
bool peer_allows(const struct peer_rule *rule, uid_t uid, const gid_t *groups, size_t count);

/* The same of the process that connected the socket @fd. */
bool peer_allows_socket(const struct peer_rule *rule, int fd);

#endif
