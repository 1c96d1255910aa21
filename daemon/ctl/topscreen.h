/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal: pages onto it, keys from it, and as it was afterwards, whatever happens but
 * SIGKILL. Logging, before it begins.
 */
#ifndef DAEMON_CTL_TOPSCREEN_H
#define DAEMON_CTL_TOPSCREEN_H

#include <stdbool.h>

struct toppage;

/* What topscreen_key() answers besides characters. */
enum topscreen_key {
	TOPSCREEN_NO_KEY = -1,
	TOPSCREEN_UP = 0x110000, TOPSCREEN_DOWN, TOPSCREEN_PAGE_UP, TOPSCREEN_PAGE_DOWN,
	TOPSCREEN_HOME, TOPSCREEN_END, TOPSCREEN_ENTER, TOPSCREEN_BACK, TOPSCREEN_ESCAPE,
	TOPSCREEN_OTHER
};

/* Returns 0 or -errno, after a line that says what to do. */
int topscreen_begin(void);
void topscreen_end(void);

/* Give the terminal to the shell, and stop; when that says so, topscreen_continue(). */
void topscreen_stop(void);
void topscreen_continue(void);

/* Whether there is a terminal no more. */
bool topscreen_is_gone(void);

/* The size has changed. */
void topscreen_resize(void);
void topscreen_size(int *ret_lines, int *ret_columns);

void topscreen_show(const struct toppage *page);

/* The next key that was pressed, a character or one of above; it does not wait. */
int topscreen_key(void);

#endif
