/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/control/quota.h"

#include "guest-agent/shared/tap.h"

#define SECOND 1000000000ULL

static const struct quota_rate rate = { .per_s = 10, .burst = 50 };

/* How many of @tries are within the rate at that moment. */
static unsigned int take(struct quota *quota, unsigned int tries, uint64_t now_ns)
{
	unsigned int n = 0;

	while (tries--)
		n += quota_take(quota, rate, now_ns);
	return n;
}

static unsigned int take_user(struct quota_users *users, uint32_t uid, unsigned int tries,
			      uint64_t now_ns)
{
	unsigned int n = 0;

	while (tries--)
		n += quota_users_take(users, uid, rate, now_ns);
	return n;
}

int main(void)
{
	struct quota quota = { 0 };
	struct quota_users users = { 0 };
	unsigned int n = 0;

	ok(take(&quota, 1000, 1) == 50, "so many at once");
	ok(take(&quota, 1000, SECOND / 20) == 0, "then none for a while");
	ok(take(&quota, 1000, 1 + SECOND) == 10, "a second later those of a second");
	ok(take(&quota, 1000, 100 * SECOND) == 50, "much later the burst, not more");
	for (uint64_t t = 0; t < 10000; t++)
		n += take(&quota, 10, 200 * SECOND + t * SECOND / 100);
	ok(n == 50 + 999, "and in 100 s what the rate says: %u", n);

	ok(take_user(&users, 0, 1000, 1) == 50 && take_user(&users, 1000, 1000, 1) == 50,
	   "each user has his own");
	n = 0;
	for (uint32_t uid = 1; uid < QUOTA_USERS - 1; uid++)
		n += take_user(&users, uid, 1, 1);
	ok(n == QUOTA_USERS - 2 && take_user(&users, 0, 1000, 1) == 0 &&
		   take_user(&users, 1000, 1000, 1) == 0,
	   "others do not renew it");
	ok(take_user(&users, 5000, 1000, 1) == 50 && take_user(&users, 0, 1000, 1) == 0 &&
		   take_user(&users, 1000, 1000, 1) == 0,
	   "one too many takes the place of one who has used little");
	return done_testing();
}
