/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of many reasons or names have the greatest sums. For aligned.c. */
#ifndef DAEMON_ALIGNEDNAMES_H
#define DAEMON_ALIGNEDNAMES_H

#include "daemon/query/alignedcurve.h"
#include "daemon/query/alignedgrid.h"

/*
 * Add the curves of want @index to @curves, at most @room, those with the greatest sums first;
 * their v is NULL. *ret_count: so many. Returns 0 or -errno.
 */
int alignednames_choose(struct query *query, const struct query_filter *filter,
			const struct alignedgrid *grid, const struct aligned_want *want,
			size_t index, struct aligned_curve *curves, size_t room,
			size_t *ret_count);

/* Whether a stored key is of that curve: processes of one name are. */
bool alignednames_equal(const struct key *key, const struct key *stored);

#endif
