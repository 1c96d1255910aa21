/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A buffer of text on its way out, and strings in it: as cells of CSV (RFC 4180) and as
 * strings of JSON. Non-logging.
 *
 * A spreadsheet takes a cell that begins with one of = + - @, a tab or a CR for a formula,
 * and names come from guests. So such a cell, and one that begins with an apostrophe, has
 * an apostrophe in front: whoever reads takes one away from a cell that has one.
 */
#ifndef DAEMON_CELLS_H
#define DAEMON_CELLS_H

#include <stdbool.h>
#include <stddef.h>

struct cells {
	char *buf;
	size_t len, size;
	bool failed;			/* out of memory; what follows is lost */
};

void cells_done(struct cells *cells);

/* Room for @more bytes behind cells->len: where they begin, or NULL for want of memory. */
char *cells_room(struct cells *cells, size_t more);

void cells_add(struct cells *cells, const char *text, size_t len);

/* Bytes that a string of @len takes at most. */
#define CELLS_CSV_MAX(len) (2 * (len) + 3)

/* A string as a cell, without the comma. Writes at @p, returns the end. */
char *cells_put_csv(char *p, const char *text, size_t len);

/* The other way round: @cell, whose quotes are gone, without the apostrophe. */
const char *cells_unguard(const char *cell, size_t *len);

void cells_add_csv(struct cells *cells, const char *text, size_t len);

/* With its quotes; what is no UTF-8 becomes U+FFFD. */
void cells_add_json(struct cells *cells, const char *text, size_t len);

#endif
