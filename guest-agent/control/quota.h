/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How often users of the guest may ask for something. Non-logging, no allocation. */
#ifndef GUEST_AGENT_QUOTA_H
#define GUEST_AGENT_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

/* So many a second in the long run, and so many at once. */
struct quota_rate {
	uint32_t per_s;
	uint32_t burst;
};

/* Zero-initialise: nothing is used up. */
struct quota {
	uint64_t free_ns;		/* when all of the burst is there again */
};

/* True if one more is within @rate; it is then used up. @now_ns is any clock that grows. */
bool quota_take(struct quota *quota, struct quota_rate rate, uint64_t now_ns);

#define QUOTA_USERS 16

/* One for each user; of more users the one that has used up least is forgotten. */
struct quota_users {
	struct {
		uint32_t uid;
		struct quota quota;
	} users[QUOTA_USERS];
};

bool quota_users_take(struct quota_users *users, uint32_t uid, struct quota_rate rate,
		      uint64_t now_ns);

#endif
