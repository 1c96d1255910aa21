/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/peer.h"

#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest-agent/shared/cleanup.h"

#define GROUPS_MAX 65536		/* the kernel's NGROUPS_MAX */

void peer_rule_init(struct peer_rule *rule)
{
	struct group *group = getgrnam(PEER_GROUP);

	*rule = (struct peer_rule){
		.uid = geteuid(),
		.has_group = group,
		.group = group ? group->gr_gid : 0,
	};
}

bool peer_allows(const struct peer_rule *rule, uid_t uid, const gid_t *groups, size_t count)
{
	if (uid == 0 || uid == rule->uid)
		return true;
	for (size_t i = 0; rule->has_group && i < count; i++) {
		if (groups[i] == rule->group)
			return true;
	}
	return false;
}

bool peer_allows_socket(const struct peer_rule *rule, int fd)
{
	_cleanup_free_ gid_t *groups = malloc((GROUPS_MAX + 1) * sizeof(*groups));
	socklen_t len = GROUPS_MAX * sizeof(*groups), peer_len;
	struct ucred peer;

	peer_len = sizeof(peer);
	if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) < 0)
		return false;
	/* As they were when it connected; whoever is in no other group has none here. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups + 1, &len) < 0)
		len = 0;
	groups[0] = peer.gid;
	return peer_allows(rule, peer.uid, groups, 1 + len / sizeof(*groups));
}
