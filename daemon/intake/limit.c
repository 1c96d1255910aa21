/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/limit.h"

void limit_init(struct limit *limit, double size, double per_s, int64_t now_ns)
{
	*limit = (struct limit){ .size = size, .per_s = per_s, .level = size, .at_ns = now_ns };
}

static void fill(struct limit *limit, int64_t now_ns)
{
	if (now_ns <= limit->at_ns)
		return;
	limit->level += (now_ns - limit->at_ns) / 1e9 * limit->per_s;
	limit->at_ns = now_ns;
	if (limit->level > limit->size)
		limit->level = limit->size;
}

bool limit_take(struct limit *limit, double amount, double reserve, int64_t now_ns)
{
	fill(limit, now_ns);
	if (limit->level - amount < reserve)
		return false;
	limit->level -= amount;
	return true;
}

bool limit_take_in_rows(struct limit *limit, double amount, int64_t now_ns)
{
	fill(limit, now_ns);
	if (limit->shut && limit->level < limit->size / 100)
		return false;
	limit->shut = !limit_take(limit, amount, 0, now_ns);
	return !limit->shut;
}
