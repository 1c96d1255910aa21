/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Test Anything Protocol, as prove(1) reads it. For x_test.c only. */
#ifndef GUEST_AGENT_SHARED_TAP_H
#define GUEST_AGENT_SHARED_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failed;

/* One test: passes if @condition; the rest names it. */
static inline bool __attribute__((format(printf, 2, 3))) ok(bool condition, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", condition ? "" : "not ", ++tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	tap_failed += !condition;
	return condition;
}

/* The plan; returns main()'s exit status. */
static inline int done_testing(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}

#endif
