/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest or a domain says, for a terminal: nothing that it could take for a command, and
 * nothing that turns or hides what stands beside it. Non-logging.
 */
#ifndef DAEMON_CTL_CLEAN_H
#define DAEMON_CTL_CLEAN_H

#include <stddef.h>

/*
 * @untrusted into @text: '?' for control and format characters, for what has no width of its own,
 * is no UTF-8, or is none of the locale's characters. What is wider than @columns is cut, with
 * a mark at its end ("…", or "~" where the locale has none); what does not fit in @size bytes is
 * cut. Returns how many columns it takes. setlocale() has been called.
 */
int clean_text(const char *untrusted, int columns, char *text, size_t size);

/* Whether the locale writes UTF-8. */
int clean_is_utf8(void);

#endif
