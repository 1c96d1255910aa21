/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/control/quota.h"

#include <stddef.h>

bool quota_take(struct quota *quota, struct quota_rate rate, uint64_t now_ns)
{
	uint64_t each_ns = 1000000000 / rate.per_s;

	if (quota->free_ns < now_ns)
		quota->free_ns = now_ns;
	if (quota->free_ns - now_ns > (rate.burst - 1) * each_ns)
		return false;
	quota->free_ns += each_ns;
	return true;
}

bool quota_users_take(struct quota_users *users, uint32_t uid, struct quota_rate rate,
		      uint64_t now_ns)
{
	size_t least = 0;

	for (size_t i = 0; i < QUOTA_USERS; i++) {
		/* A place that was never used has a time of 0 and is anybody's. */
		if (users->users[i].uid == uid && users->users[i].quota.free_ns)
			return quota_take(&users->users[i].quota, rate, now_ns);
		if (users->users[i].quota.free_ns < users->users[least].quota.free_ns)
			least = i;
	}
	users->users[least].uid = uid;
	users->users[least].quota = (struct quota){ 0 };
	return quota_take(&users->users[least].quota, rate, now_ns);
}
