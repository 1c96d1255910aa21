/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/topview.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VM_NAME, VM_STATE, VM_AGENT, VM_SOURCE, VM_RATE, VM_HANDLING, VM_LOST, VM_HISTORY,
       VM_EXITS, VM_NOTE, VM_COLUMNS };

static const struct toptable_column vm_columns[VM_COLUMNS] = {
	[VM_NAME] = { "name", "NAME", TOPTABLE_TEXT, 12, 64, 0 },
	[VM_STATE] = { "state", "STATE", TOPTABLE_TEXT, 8, 8, 2 },
	[VM_AGENT] = { "agent", "AGENT", TOPTABLE_TEXT, 11, 12, 6 },
	[VM_SOURCE] = { "source", "FROM", TOPTABLE_TEXT, 6, 6, 5 },
	[VM_RATE] = { "rate", "EXITS/S", TOPTABLE_RATE, 10, 12, 0 },
	[VM_HANDLING] = { "handling_share", "HANDL%", TOPTABLE_SHARE, 7, 7, 3 },
	[VM_LOST] = { "lost_share", "LOST%", TOPTABLE_SHARE, 6, 6, 1 },
	[VM_HISTORY] = { "history", "HISTORY", TOPTABLE_HISTORY, 10, 40, 4 },
	[VM_EXITS] = { "exits", "EXITS", TOPTABLE_COUNT, 14, 14, 7 },
	[VM_NOTE] = { "note", "NOTE", TOPTABLE_TEXT, 10, 200, 8 },
};

enum { REASON_NAME, REASON_RATE, REASON_SHARE, REASON_HANDLING, REASON_AWAY, REASON_HISTORY,
       REASON_TOTAL, REASON_COLUMNS };

static const struct toptable_column reason_columns[REASON_COLUMNS] = {
	[REASON_NAME] = { "reason", "REASON", TOPTABLE_TEXT, 16, 40, 0 },
	[REASON_RATE] = { "rate", "EXITS/S", TOPTABLE_RATE, 10, 12, 0 },
	[REASON_SHARE] = { "count_share", "%EXITS", TOPTABLE_SHARE, 7, 7, 3 },
	[REASON_HANDLING] = { "handling_share", "HANDL%", TOPTABLE_SHARE, 7, 7, 2 },
	[REASON_AWAY] = { "away_share", "AWAY%", TOPTABLE_SHARE, 7, 7, 1 },
	[REASON_HISTORY] = { "history", "HISTORY", TOPTABLE_HISTORY, 10, 60, 5 },
	[REASON_TOTAL] = { "total", "TOTAL", TOPTABLE_COUNT, 14, 14, 4 },
};

static const struct {
	const struct toptable_column *columns;
	size_t count, first_sort;
} tables[TOPVIEW_WHATS] = {
	[TOPVIEW_VMS] = { vm_columns, VM_COLUMNS, VM_RATE },
	[TOPVIEW_REASONS] = { reason_columns, REASON_COLUMNS, REASON_RATE },
};

const char *topview_choice_name(enum topdata_choice choice)
{
	static const char *const names[] = {
		[TOPDATA_BEST] = "best", [TOPDATA_ONLY_GUEST] = "guest", [TOPDATA_ONLY_HOST] = "host",
	};

	return names[choice];
}

void topview_init(struct topview *view)
{
	*view = (struct topview){ 0 };
	for (size_t i = 0; i < TOPVIEW_WHATS; i++)
		view->sort[i] = tables[i].first_sort;
}

/* ---- rows ---- */

static void fill_vm(struct toptable_row *row, const struct topdata_vm *vm,
		    enum topdata_choice choice)
{
	static const struct topdata_numbers nothing = {
		.exits = NAN, .rate = NAN, .handling = NAN, .lost = NAN,
	};
	enum topdata_source source = TOPDATA_GUEST;
	const struct topdata_numbers *numbers = topdata_numbers(vm, choice, &source);
	/* What was measured last is not what happens now. */
	bool runs = strcmp(vm->state, "running") == 0;
	const struct topdata_numbers *live = runs && numbers ? numbers : &nothing;

	row->key = vm->id;
	row->is_odd = *vm->note != '\0';
	row->cells[VM_NAME].untrusted_text = vm->untrusted_name;
	row->cells[VM_STATE].untrusted_text = vm->state;
	row->cells[VM_AGENT].untrusted_text = vm->agent;
	row->cells[VM_SOURCE].untrusted_text = numbers ? topdata_source_name(source) : "-";
	row->cells[VM_RATE].number = live->rate;
	row->cells[VM_HANDLING].number = live->handling;
	row->cells[VM_LOST].number = live->lost;
	row->cells[VM_HISTORY].history = numbers ? &numbers->history : &nothing.history;
	row->cells[VM_EXITS].number = numbers ? numbers->exits : NAN;
	row->cells[VM_NOTE].untrusted_text = vm->note;
}

static void fill_reason(struct toptable_row *row, const struct topreasons_row *reason)
{
	row->key = reason->name;
	row->number = reason->number;
	row->cells[REASON_NAME].untrusted_text = reason->name;
	row->cells[REASON_RATE].number = reason->rate;
	row->cells[REASON_SHARE].number = reason->share;
	row->cells[REASON_HANDLING].number = reason->handling;
	row->cells[REASON_AWAY].number = reason->away;
	row->cells[REASON_HISTORY].history = &reason->history;
	row->cells[REASON_TOTAL].number = reason->total;
}

static bool passes(const struct topview *view, const char *name)
{
	return !*view->filter || strcasestr(name, view->filter);
}

int topview_table(const struct topview *view, const struct topdata *data,
		  const struct topreasons *reasons, struct toptable *table)
{
	bool is_vms = view->what == TOPVIEW_VMS;
	size_t count = is_vms ? data->count : reasons->count;

	*table = (struct toptable){
		.columns = tables[view->what].columns, .column_count = tables[view->what].count,
		.sort = view->sort[view->what], .reverse = view->reverse[view->what],
		.rows = calloc(count + 1, sizeof(*table->rows)),
	};
	if (!table->rows)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct toptable_row *row = &table->rows[table->row_count];

		if (!passes(view, is_vms ? data->vms[i].untrusted_name : reasons->rows[i].name))
			continue;
		if (is_vms)
			fill_vm(row, &data->vms[i], view->choice);
		else
			fill_reason(row, &reasons->rows[i]);
		table->row_count++;
	}
	toptable_sort(table);
	return 0;
}

/* ---- sorting ---- */

void topview_sort_step(struct topview *view, int step)
{
	size_t count = tables[view->what].count, *sort = &view->sort[view->what];

	do {
		*sort = (*sort + count + step) % count;
	} while (tables[view->what].columns[*sort].kind == TOPTABLE_HISTORY);
}

int topview_sort_by(struct topview *view, const char *word)
{
	int column = toptable_column_of(tables[view->what].columns, tables[view->what].count, word);

	if (column < 0)
		return -EINVAL;
	view->sort[view->what] = column;
	return 0;
}

void topview_sort_words(enum topview_what what, char *text, size_t size)
{
	*text = '\0';
	for (size_t i = 0; i < tables[what].count; i++) {
		size_t len = strlen(text);

		if (tables[what].columns[i].kind != TOPTABLE_HISTORY)
			(void)snprintf(text + len, size - len, "%s%s", len ? ", " : "",
				       tables[what].columns[i].word);
	}
}

/* ---- for programs ---- */

static json_t *cell_json(const struct toptable_column *column, const struct toptable_cell *cell)
{
	if (column->kind == TOPTABLE_TEXT)
		return json_string(cell->untrusted_text);
	if (isnan(cell->number))
		return json_null();
	if (column->kind == TOPTABLE_COUNT)
		return json_integer(cell->number);
	return json_real(cell->number);
}

static json_t *rows_json(const struct toptable *table, bool is_vms)
{
	json_t *list = json_array();

	for (size_t i = 0; i < table->row_count; i++) {
		json_t *row = json_object();

		if (is_vms)
			(void)json_object_set_new(row, "id", json_string(table->rows[i].key));
		else
			(void)json_object_set_new(row, "number", json_integer(table->rows[i].number));
		for (size_t k = 0; k < table->column_count; k++) {
			if (table->columns[k].kind != TOPTABLE_HISTORY)
				(void)json_object_set_new(row, table->columns[k].word,
							  cell_json(&table->columns[k],
								    &table->rows[i].cells[k]));
		}
		(void)json_array_append_new(list, row);
	}
	return list;
}

json_t *topview_json(const struct topview *view, const struct topdata *data,
		     const struct topreasons *reasons)
{
	struct toptable table;
	json_t *root;

	if (topview_table(view, data, reasons, &table) < 0)
		return NULL;
	if (view->what == TOPVIEW_VMS)
		root = json_pack("{so}", "vms", rows_json(&table, true));
	else
		root = json_pack("{ss,so,ss,so,so}", "vm", view->vm, "boot",
				 reasons->boot ? json_integer(reasons->boot) : json_null(), "source",
				 *reasons->source ? reasons->source : topview_choice_name(view->choice),
				 "rate",
				 isnan(reasons->rate) ? json_null() : json_real(reasons->rate),
				 "reasons", rows_json(&table, false));
	free(table.rows);
	return root;
}
