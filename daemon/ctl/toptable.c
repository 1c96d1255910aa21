/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/toptable.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/clean.h"
#include "daemon/ctl/topdata.h"

/* Between columns. */
#define GAP 1
#define CELL_MAX TOPTABLE_LINE_MAX

int toptable_column_of(const struct toptable_column *columns, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++) {
		if (columns[i].kind != TOPTABLE_HISTORY && strcmp(columns[i].word, word) == 0)
			return i;
	}
	return -1;
}

/* ---- sorting ---- */

static int compare_texts(const char *a, const char *b)
{
	int order = strcasecmp(a, b);

	return order ? order : strcmp(a, b);
}

static int compare(const void *a, const void *b, void *ctx)
{
	const struct toptable_row *x = a, *y = b;
	const struct toptable *table = ctx;
	const struct toptable_cell *p = &x->cells[table->sort], *q = &y->cells[table->sort];
	int order;

	if (table->columns[table->sort].kind == TOPTABLE_TEXT)
		order = compare_texts(p->untrusted_text, q->untrusted_text);
	else if (isnan(p->number) || isnan(q->number))
		return isnan(p->number) && isnan(q->number)
			       ? compare_texts(x->cells[0].untrusted_text, y->cells[0].untrusted_text)
			       : isnan(p->number) - isnan(q->number);
	else
		order = (p->number < q->number) - (p->number > q->number);
	if (table->reverse)
		order = -order;
	if (!order)
		order = compare_texts(x->cells[0].untrusted_text, y->cells[0].untrusted_text);
	return order ? order : strcmp(x->key, y->key);
}

void toptable_sort(struct toptable *table)
{
	qsort_r(table->rows, table->row_count, sizeof(*table->rows), compare, table);
}

/* ---- widths ---- */

/* What the texts of a column need, at most its maximum. */
static int needed(const struct toptable *table, size_t column)
{
	int most = table->columns[column].width;

	for (size_t i = 0; i < table->row_count && most < table->columns[column].width_max; i++) {
		char text[CELL_MAX];
		int n = clean_text(table->rows[i].cells[column].untrusted_text,
				   table->columns[column].width_max, text, sizeof(text));

		if (n > most)
			most = n;
	}
	return most < table->columns[column].width_max ? most : table->columns[column].width_max;
}

static int sum(const int *widths, size_t count)
{
	int total = 0;

	for (size_t i = 0; i < count; i++)
		total += widths[i] ? widths[i] + GAP : 0;
	return total - GAP;
}

/* The column to leave out next, or -1. */
static int least(const struct toptable *table, const int *widths)
{
	int found = -1;

	for (size_t i = 0; i < table->column_count; i++) {
		if (widths[i] && table->columns[i].rank > 0 &&
		    (found < 0 || table->columns[i].rank > table->columns[found].rank))
			found = i;
	}
	return found;
}

void toptable_layout(const struct toptable *table, int columns,
		     int widths[TOPTABLE_COLUMNS_MAX])
{
	int room, left_out;

	if (columns > TOPTABLE_LINE_COLUMNS)
		columns = TOPTABLE_LINE_COLUMNS;
	for (size_t i = 0; i < table->column_count; i++)
		widths[i] = table->columns[i].width;
	while (sum(widths, table->column_count) > columns &&
	       (left_out = least(table, widths)) >= 0)
		widths[left_out] = 0;
	room = columns - sum(widths, table->column_count);
	if (room < 0)
		widths[0] = widths[0] + room > 1 ? widths[0] + room : 1;
	for (size_t i = 0; i < table->column_count && room > 0; i++) {
		int wanted = table->columns[i].kind == TOPTABLE_TEXT ? needed(table, i)
								     : table->columns[i].width_max;

		if (!widths[i] || wanted <= widths[i])
			continue;
		if (wanted - widths[i] > room)
			wanted = widths[i] + room;
		room -= wanted - widths[i];
		widths[i] = wanted;
	}
}

/* ---- cells ---- */

void toptable_number(enum toptable_kind kind, double value, char *text, size_t size)
{
	if (isnan(value))
		(void)snprintf(text, size, "-");
	else if (kind == TOPTABLE_SHARE)
		(void)snprintf(text, size, "%.2f", 100 * value);
	else if (kind == TOPTABLE_RATE)
		(void)snprintf(text, size, "%.1f", value);
	else
		(void)snprintf(text, size, "%.0f", value);
}

void toptable_bars(const struct topdata_history *history, int width, char *text, size_t size)
{
	static const char *const fine[] = {
		" ", "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84",
		"\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88",
	};
	static const char *const plain[] = { " ", "_", ".", ":", "-", "=", "+", "*", "#" };
	const char *const *bars = clean_is_utf8() ? fine : plain;
	double most = 0;
	size_t used = 0;
	int count = history->count < TOPDATA_HISTORY ? (int)history->count : TOPDATA_HISTORY;

	if (count > width)
		count = width;
	for (int i = 0; i < count; i++)
		most = fmax(most, history->values[(history->count - count + i) % TOPDATA_HISTORY]);
	for (int i = 0; i < width; i++) {
		int at = i - (width - count);
		double value = at < 0 ? NAN
				      : history->values[(history->count - count + at) % TOPDATA_HISTORY];
		/* What happened at all is seen. */
		int level = isnan(value) ? 0 : most > 0 ? 1 + (int)lround(7 * value / most) : 1;
		size_t len = strlen(bars[level]);

		if (used + len >= size)
			break;
		memcpy(text + used, bars[level], len);
		used += len;
	}
	text[used] = '\0';
}

/* ---- lines ---- */

/* Put @cell of @columns into its @width: texts to the left, numbers to the right. */
static void append(char *text, size_t size, const char *cell, int columns, int width, bool right)
{
	size_t len = strlen(text);
	int pad = width > columns ? width - columns : 0;

	(void)snprintf(text + len, size - len, "%*s%s%*s%*s", right ? pad : 0, "", cell,
		       right ? 0 : pad, "", GAP, "");
}

static void trim(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == ' ')
		text[--len] = '\0';
}

static bool is_number(const struct toptable_column *column)
{
	return column->kind != TOPTABLE_TEXT && column->kind != TOPTABLE_HISTORY;
}

void toptable_heading(const struct toptable *table, const int *widths, char *text, size_t size)
{
	*text = '\0';
	for (size_t i = 0; i < table->column_count; i++) {
		const struct toptable_column *column = &table->columns[i];
		bool falls = is_number(column) != table->reverse;
		char title[64], cell[64];
		int columns;

		if (!widths[i])
			continue;
		(void)snprintf(title, sizeof(title), "%s%s", column->title,
			       i != table->sort	 ? ""
			       : clean_is_utf8() ? falls ? "\xe2\x86\x93" : "\xe2\x86\x91"
						 : falls ? "v" : "^");
		columns = clean_text(title, widths[i], cell, sizeof(cell));
		append(text, size, cell, columns, widths[i], is_number(column));
	}
	trim(text);
}

void toptable_line(const struct toptable *table, const struct toptable_row *row,
		   const int *widths, char *text, size_t size)
{
	*text = '\0';
	for (size_t i = 0; i < table->column_count; i++) {
		const struct toptable_column *column = &table->columns[i];
		const struct toptable_cell *from = &row->cells[i];
		char cell[CELL_MAX];
		int columns = widths[i];

		if (!widths[i])
			continue;
		if (column->kind == TOPTABLE_TEXT) {
			columns = clean_text(from->untrusted_text, widths[i], cell, sizeof(cell));
		} else if (column->kind == TOPTABLE_HISTORY) {
			toptable_bars(from->history, widths[i], cell, sizeof(cell));
		} else {
			toptable_number(column->kind, from->number, cell, sizeof(cell));
			columns = strlen(cell);
		}
		append(text, size, cell, columns, widths[i], is_number(column));
	}
	trim(text);
}
