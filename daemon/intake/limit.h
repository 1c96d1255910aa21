/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How much of something a guest may have: a bucket that fills steadily and is emptied
 * by what is taken. Non-logging, pure.
 */
#ifndef DAEMON_LIMIT_H
#define DAEMON_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct limit {
	double size;			/* what it holds */
	double per_s;			/* what flows in */
	double level;
	int64_t at_ns;			/* of the level, a monotonic clock */
	bool shut;			/* was empty; opens at a hundredth of its size */
};

/* Full at @now_ns. */
void limit_init(struct limit *limit, double size, double per_s, int64_t now_ns);

/* Take @amount, leaving at least @reserve. False: it is not there, nothing was taken. */
bool limit_take(struct limit *limit, double amount, double reserve, int64_t now_ns);

/*
 * The same, but once refused it stays so until there is some store again: what is
 * refused comes in a row and not one by one. @amount is at most that hundredth.
 */
bool limit_take_in_rows(struct limit *limit, double amount, int64_t now_ns);

#endif
