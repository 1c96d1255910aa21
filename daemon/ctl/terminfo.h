/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the terminal can do. Apart, as <term.h> has macros with the names of everything. Logging. */
#ifndef DAEMON_CTL_TERMINFO_H
#define DAEMON_CTL_TERMINFO_H

#include <stddef.h>

/*
 * Returns 0 if pages can be shown on it, with what to write so that it is as before, or -ENOTTY
 * after a line that says what to do.
 */
int terminfo_check(char *ret_restore, size_t size);

#endif
