/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/limit.h"

#include "guest-agent/shared/tap.h"

#define S 1000000000LL

int main(void)
{
	struct limit l;
	int taken = 0, turns = 0;
	bool was = true;

	limit_init(&l, 100, 10, 5 * S);
	ok(limit_take(&l, 100, 0, 5 * S), "a full bucket gives all it has");
	ok(!limit_take(&l, 1, 0, 5 * S), "and no more");
	ok(limit_take(&l, 10, 0, 6 * S) && !limit_take(&l, 1, 0, 6 * S), "a second later what flowed in");
	ok(!limit_take(&l, 60, 50, 16 * S) && limit_take(&l, 50, 50, 16 * S), "a reserve stays in it");
	ok(limit_take(&l, 100, 0, 1000 * S) && !limit_take(&l, 1, 0, 1000 * S),
	   "it holds no more than its size");
	ok(!limit_take(&l, 1, 0, 900 * S) && !limit_take(&l, 1, 0, 1000 * S),
	   "a clock that goes back fills nothing");

	/* 100 a second are asked for, 10 flow in. */
	limit_init(&l, 1000, 10, 0);
	for (int i = 0; i < 60000; i++) {
		bool is = limit_take_in_rows(&l, 1, i * S / 100);

		taken += is;
		turns += is != was;
		was = is;
	}
	ok(taken >= 6900 && taken <= 7000, "of 60000 in 600 s the first 1000 and 10 a second (%d)", taken);
	ok(turns < 1300, "in rows, not one by one (%d turns)", turns);
	return done_testing();
}
