/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table in columns, for a terminal of any width or for a pipe: sorted, narrower by leaving
 * columns out, as lines of text that are clean. Non-logging.
 */
#ifndef DAEMON_CTL_TOPTABLE_H
#define DAEMON_CTL_TOPTABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TOPTABLE_COLUMNS_MAX 12
#define TOPTABLE_LINE_COLUMNS 500	/* wider ones are not filled */
#define TOPTABLE_LINE_MAX (TOPTABLE_LINE_COLUMNS * 4 + 1)

struct topdata_history;

enum toptable_kind { TOPTABLE_TEXT, TOPTABLE_RATE, TOPTABLE_SHARE, TOPTABLE_COUNT, TOPTABLE_HISTORY };

struct toptable_column {
	const char *word;		/* for --sort and JSON */
	const char *title;
	enum toptable_kind kind;
	int width;			/* at least; of a history 0 for a pipe */
	int width_max;			/* where there is room */
	int rank;			/* which is left out first: the highest; 0 never */
};

struct toptable_cell {
	const char *untrusted_text;	/* of TEXT */
	double number;			/* of RATE, SHARE (0 to 1), COUNT; NAN: not known */
	const struct topdata_history *history;
};

struct toptable_row {
	struct toptable_cell cells[TOPTABLE_COLUMNS_MAX];
	const char *key;		/* what makes it this row; owned by whoever made it */
	long long number;		/* a reason's */
	bool is_odd;			/* something is wrong with it */
};

struct toptable {
	const struct toptable_column *columns;
	size_t column_count;
	struct toptable_row *rows;
	size_t row_count;
	size_t sort;			/* column */
	bool reverse;			/* numbers: smallest first; texts: last first */
};

/* Index of the column of that word, or -1. */
int toptable_column_of(const struct toptable_column *columns, size_t count, const char *word);

/* What is not known comes last either way; what is equal goes by the first column. */
void toptable_sort(struct toptable *table);

/* How wide each column is in @columns: 0, it is left out. */
void toptable_layout(const struct toptable *table, int columns,
		     int widths[TOPTABLE_COLUMNS_MAX]);

/* The titles, that of the sorted column with a mark; and a row. Without blanks at their ends. */
void toptable_heading(const struct toptable *table, const int *widths, char *text, size_t size);
void toptable_line(const struct toptable *table, const struct toptable_row *row,
		   const int *widths, char *text, size_t size);

/* @value into @text as @kind has it, "-" if it is not known. */
void toptable_number(enum toptable_kind kind, double value, char *text, size_t size);

/* The last @width values as a line of bars, of which the highest is full. */
void toptable_bars(const struct topdata_history *history, int width, char *text, size_t size);

#endif
