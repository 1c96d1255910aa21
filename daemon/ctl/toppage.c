/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/toppage.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/clean.h"

/* Title, summary, message, and the keys at the bottom. */
#define HEAD_LINES 3

static const char *const help[] = {
	"Up, Down, k, j     select; Page Up, Page Down, Home, End, too",
	"Enter              the exits of the selected VM by reason",
	"Backspace, Esc     back to all VMs",
	"<, >, s            sort by the column to the left, to the right",
	"r                  the other way round",
	"f, /               show only names with this in it; Esc shows all again",
	"g                  whose numbers: the best there are, the guest's, the host's",
	"d                  seconds between refreshes",
	"p, Space           stop, and go on",
	"?, h               this text",
	"q, Ctrl-C          quit",
	"",
	"EXITS/S  VM exits a second since the last refresh    HISTORY  of it",
	"HANDL%   share of all vCPUs' time in which the host handled exits",
	"LOST%    share of it from exits to the next entries, without idle",
	"AWAY%    the same by reason",
	"FROM     who counted: the guest itself, or the host",
};

static const char hint[] = "? help  q quit  Enter reasons  Esc back  <> sort  f filter  g source  "
			   "p pause  d interval  r reverse";

/* The next line, cut to the page, whatever is in it. */
static struct toppage_line *add(struct toppage *page, int lines, enum toppage_look look,
				const char *untrusted_text)
{
	struct toppage_line *line;

	if (page->count >= lines || page->count >= TOPPAGE_LINES_MAX)
		return NULL;
	line = &page->lines[page->count++];
	line->look = look;
	clean_text(untrusted_text, page->columns, line->text, sizeof(line->text));
	return line;
}

static void __attribute__((format(printf, 4, 5)))
add_words(struct toppage *page, int lines, enum toppage_look look, const char *fmt, ...)
{
	char text[TOPTABLE_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add(page, lines, look, text);
}

/* ---- the head ---- */

static void say_vms(const struct toppage_state *state, char *text, size_t size)
{
	size_t running = 0;
	double rate = 0;

	for (size_t i = 0; i < state->data->count; i++) {
		const struct topdata_vm *vm = &state->data->vms[i];
		enum topdata_source source;
		const struct topdata_numbers *numbers = topdata_numbers(vm, state->view->choice,
									&source);

		if (strcmp(vm->state, "running") != 0)
			continue;
		running++;
		rate += numbers && !isnan(numbers->rate) ? numbers->rate : 0;
	}
	(void)snprintf(text, size, "%zu VMs, %zu running, %.1f exits/s in all", state->data->count,
		       running, rate);
}

static const struct topdata_vm *shown_vm(const struct toppage_state *state)
{
	for (size_t i = 0; i < state->data->count; i++) {
		if (strcmp(state->data->vms[i].id, state->view->vm) == 0)
			return &state->data->vms[i];
	}
	return NULL;
}

static void say_reasons(const struct toppage_state *state, char *text, size_t size)
{
	const struct topreasons *reasons = state->reasons;
	const struct topdata_vm *vm = shown_vm(state);
	const char *name = vm ? vm->untrusted_name : state->view->vm;
	char rate[32];

	if (!reasons->boot) {
		(void)snprintf(text, size, "%s: no exits by reason", name);
		return;
	}
	toptable_number(TOPTABLE_RATE, reasons->rate, rate, sizeof(rate));
	(void)snprintf(text, size, "%s: %s, boot %lld by %s, %s exits/s%s", name,
		       vm ? vm->state : "gone", (long long)reasons->boot, reasons->source, rate,
		       reasons->complete ? "" : ", totals incomplete");
}

static void add_head(struct toppage *page, int lines, const struct toppage_state *state)
{
	char text[TOPTABLE_LINE_MAX];

	add_words(page, lines, TOPPAGE_TITLE, "vmexitctl top  %s  %s  every %g s%s", state->clock,
		  state->daemon, state->interval_s, state->paused ? "  PAUSED (p goes on)" : "");
	if (state->view->what == TOPVIEW_VMS)
		say_vms(state, text, sizeof(text));
	else
		say_reasons(state, text, sizeof(text));
	add_words(page, lines, TOPPAGE_PLAIN, "%s; numbers: %s%s%s%s", text,
		  topview_choice_name(state->view->choice), *state->view->filter ? "; filter '" : "",
		  state->view->filter, *state->view->filter ? "'" : "");
	if (*state->trouble || lines > 12)
		add(page, lines, *state->trouble ? TOPPAGE_ALARM : TOPPAGE_PLAIN, state->trouble);
}

/* ---- the rows ---- */

/* Find the selected row again, wherever sorting has put it, and go on from there. */
static void select_row(struct toppage_state *state, const struct toptable *table)
{
	int count = table->row_count;

	for (int i = 0; i < count; i++) {
		if (strcmp(table->rows[i].key, state->selected) == 0) {
			state->index = i;
			break;
		}
	}
	/* Sums may not overflow: End moves by a lot. */
	if (state->move > count)
		state->move = count;
	if (state->move < -count)
		state->move = -count;
	state->index += state->move;
	if (state->index >= count)
		state->index = count - 1;
	if (state->index < 0)
		state->index = 0;
	/* Unless asked for, the first row is not held on to. */
	if (state->move && count)
		(void)snprintf(state->selected, sizeof(state->selected), "%s",
			       table->rows[state->index].key);
	state->move = 0;
	(void)snprintf(state->current, sizeof(state->current), "%s",
		       count ? table->rows[state->index].key : "");
	if (state->first > state->index)
		state->first = state->index;
	if (state->first < state->index - state->rows + 1)
		state->first = state->index - state->rows + 1;
	if (state->first > count - state->rows)
		state->first = count - state->rows;
	if (state->first < 0)
		state->first = 0;
}

/* One column in front of the table says which row is selected, and with which something is. */
static void add_rows(struct toppage *page, int lines, struct toppage_state *state,
		     const struct toptable *table)
{
	int widths[TOPTABLE_COLUMNS_MAX] = { 0 };
	char text[TOPTABLE_LINE_MAX];

	toptable_layout(table, page->columns - 1, widths);
	toptable_heading(table, widths, text, sizeof(text));
	add_words(page, lines, TOPPAGE_HEADING, " %s", text);
	state->rows = lines - page->count;
	if (state->rows < 0)
		state->rows = 0;
	select_row(state, table);
	for (int i = state->first; i < (int)table->row_count && page->count < lines; i++) {
		const struct toptable_row *row = &table->rows[i];
		bool selected = i == state->index;

		toptable_line(table, row, widths, text, sizeof(text));
		add_words(page, lines,
			  selected ? TOPPAGE_SELECTED : row->is_odd ? TOPPAGE_ODD : TOPPAGE_PLAIN,
			  "%s%s", selected ? ">" : row->is_odd ? "!" : " ", text);
	}
	if (!table->row_count)
		add(page, lines, TOPPAGE_PLAIN,
		    *state->view->filter ? " nothing is called like that" : " nothing there");
}

/* What is being typed is at the end of the page's last line, and its end is seen. */
static void add_prompt(struct toppage *page, int lines, const struct toppage_state *state)
{
	const char *asks = state->prompt == TOPPAGE_FILTER ? "Names with: " : "Seconds: ";
	char text[TOPTABLE_LINE_MAX], typed[TOPTABLE_LINE_MAX];
	int columns = clean_text(state->typed, INT_MAX, typed, sizeof(typed));

	while (page->count < lines - 1)
		add(page, lines, TOPPAGE_PLAIN, "");
	if (page->count < lines)
		add_words(page, lines, TOPPAGE_TITLE, "%s%s", asks, typed);
	(void)snprintf(text, sizeof(text), "%s", asks);
	page->cursor = strlen(text) + columns;
	if (page->cursor > page->columns - 1)
		page->cursor = page->columns - 1;
}

static void add_foot(struct toppage *page, int lines, const struct toppage_state *state)
{
	if (state->prompt) {
		add_prompt(page, lines, state);
		return;
	}
	while (page->count < lines - 1)
		add(page, lines, TOPPAGE_PLAIN, "");
	add(page, lines, TOPPAGE_HINT, state->help ? "any key goes back" : hint);
}

int toppage_compose(struct toppage_state *state, int lines, int columns, struct toppage *page)
{
	struct toptable table;

	if (lines > TOPPAGE_LINES_MAX)
		lines = TOPPAGE_LINES_MAX;
	page->count = 0;
	page->cursor = -1;
	page->columns = columns < TOPTABLE_LINE_COLUMNS ? columns : TOPTABLE_LINE_COLUMNS;
	if (state->help) {
		add(page, lines, TOPPAGE_TITLE, "vmexitctl top: keys and columns");
		for (size_t i = 0; i < sizeof(help) / sizeof(help[0]); i++)
			add(page, lines - 1, TOPPAGE_PLAIN, help[i]);
		add_foot(page, lines, state);
		return 0;
	}
	if (topview_table(state->view, state->data, state->reasons, &table) < 0)
		return -ENOMEM;
	add_head(page, lines, state);
	/* Small screens show a row before they show which keys there are. */
	add_rows(page, lines > HEAD_LINES + 2 || state->prompt ? lines - 1 : lines, state, &table);
	if (page->count < lines)
		add_foot(page, lines, state);
	free(table.rows);
	return 0;
}
