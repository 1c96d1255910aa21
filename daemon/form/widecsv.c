/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line a sample: what every sample may have, then the reasons and vCPUs there were. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/exportform.h"
#include "daemon/form/widecolumns.h"
#include "daemon/store/chunk.h"

/* A column of a block on its way out. */
struct cell {
	enum wide_put put;
	size_t next, count;		/* values */
	const uint64_t *values;
	const uint32_t *rows;		/* NULL: every row has one */
	const char *text;
	size_t len;
};

struct widecsv {
	struct exportform_of of;
	struct cell *cells;
	size_t count;
	size_t row_max;			/* bytes */
	struct digits_day day;
	char texts[WIDE_TEXTS][CELLS_CSV_MAX(RECORD_NAME_MAX) + 1];
	size_t lens[WIDE_TEXTS];
};

static int begin(const struct exportform_of *of, void **ret_form)
{
	struct widecsv *w = calloc(1, sizeof(*w));

	if (w)
		w->cells = calloc(wide_columns_count + 3 * of->columns->count, sizeof(*w->cells));
	if (!w || !w->cells) {
		free(w);
		return -ENOMEM;
	}
	w->of = *of;
	*ret_form = w;
	return 0;
}

static void end(void *form)
{
	struct widecsv *w = form;

	free(w->cells);
	free(w);
}

static void header(void *form)
{
	struct widecsv *w = form;
	const struct exportcolumns *more = w->of.columns;

	for (size_t i = 0; i < wide_columns_count; i++) {
		if (i > 0)
			cells_add(w->of.out, ",", 1);
		cells_add(w->of.out, wide_columns[i].name, strlen(wide_columns[i].name));
	}
	for (size_t i = 0; i < more->count; i++) {
		enum key_kind kind;
		size_t keys = exportcolumns_keys(&more->columns[i], &kind);

		while (keys--) {
			char name[EXPORTCOLUMNS_NAME_MAX];

			exportcolumns_name(&more->columns[i], kind++, name);
			cells_add(w->of.out, ",", 1);
			cells_add(w->of.out, name, strlen(name));
		}
	}
	cells_add(w->of.out, "\r\n", 2);
}

static void set_string(struct widecsv *w, enum wide_text text, const char *string)
{
	w->lens[text] = cells_put_csv(w->texts[text], string, strlen(string)) - w->texts[text];
}

/* 0 is not known, and so is an empty cell. */
static void set_number(struct widecsv *w, enum wide_text text, bool known, int64_t number)
{
	char *end = known ? digits_put_signed(w->texts[text], number) : w->texts[text];

	w->lens[text] = end - w->texts[text];
}

static void set_texts(struct widecsv *w, const struct exportwalk_at *at)
{
	const struct boot *boot = at->boot;
	const char *cause = exportform_cause(boot->cause);
	const char *namespace = exportform_namespace(boot->reason_namespace);

	set_string(w, WIDE_TEXT_VM, w->of.vm->key);
	set_number(w, WIDE_TEXT_BOOT, true, boot->number);
	set_string(w, WIDE_TEXT_SOURCE, at->source == SOURCE_GUEST ? "guest" : "host");
	set_number(w, WIDE_TEXT_TSC, boot->tsc_khz, boot->tsc_khz);
	set_number(w, WIDE_TEXT_VCPUS, boot->vcpus, boot->vcpus);
	set_string(w, WIDE_TEXT_NAME, w->of.vm->name);
	set_string(w, WIDE_TEXT_CAUSE, cause ? cause : "");
	set_number(w, WIDE_TEXT_OPENED, true, boot->opened_ns);
	set_number(w, WIDE_TEXT_CLOSED, boot->closed_ns, boot->closed_ns);
	set_number(w, WIDE_TEXT_CREATED, boot->created_ns, boot->created_ns);
	w->lens[WIDE_TEXT_GENERATION] = 0;
	if (boot->has_generation)
		w->lens[WIDE_TEXT_GENERATION] = digits_put(w->texts[WIDE_TEXT_GENERATION], boot->generation) -
					   w->texts[WIDE_TEXT_GENERATION];
	if (*namespace)
		set_string(w, WIDE_TEXT_NAMESPACE, namespace);
	else
		set_number(w, WIDE_TEXT_NAMESPACE, boot->reason_namespace, boot->reason_namespace);
}

/* Returns 0, or -EBADMSG for a damaged column. */
static int set_cell(struct chunk *chunk, const struct key *key, enum wide_put put, struct cell *cell)
{
	const struct chunk_column *c = chunk_find(chunk, key);

	*cell = (struct cell){ .put = put == WIDE_FLAG ? put : WIDE_NOTHING };
	if (!c)
		return chunk_is_damaged(chunk) ? -EBADMSG : 0;
	cell->put = put;
	cell->values = c->values;
	cell->count = c->count;
	cell->rows = c->count == chunk_rows(chunk) ? NULL : c->rows;
	return 0;
}

static int set_fixed(struct widecsv *w, const struct exportwalk_at *at)
{
	bool is_host = at->source == SOURCE_HOST;
	int r = 0;

	for (size_t i = 0; i < wide_columns_count && r == 0; i++) {
		struct cell *cell = &w->cells[i];
		struct key key = { .kind = wide_columns[i].kind, .id = wide_columns[i].id };

		if (wide_columns[i].put == WIDE_TEXT)
			*cell = (struct cell){ .put = WIDE_TEXT, .text = w->texts[wide_columns[i].id],
					       .len = w->lens[wide_columns[i].id] };
		else if (is_host && key.kind == KEY_FIELD && key.id == FIELD_T_BOOT_NS)
			*cell = (struct cell){ .put = WIDE_NOTHING };
		else
			r = set_cell(at->chunk, &key, wide_columns[i].put, cell);
	}
	return r;
}

/* The reasons and vCPUs: another boot's may have the number, but not the name. */
static int set_more(struct widecsv *w, const struct exportwalk_at *at)
{
	const struct exportcolumns *more = w->of.columns;
	int r = 0;

	w->count = wide_columns_count;
	for (size_t i = 0; i < more->count; i++) {
		struct exportcolumn own;
		enum key_kind kind;
		size_t keys = exportcolumns_keys(&more->columns[i], &kind);
		struct key key = { .kind = kind, .id = more->columns[i].id };
		bool ours = exportcolumns_is_one(&key, at->boot->reason_namespace, &own) &&
			    own.name == more->columns[i].name;

		for (; keys > 0 && r == 0; keys--, key.kind++) {
			struct cell *cell = &w->cells[w->count++];

			*cell = (struct cell){ .put = WIDE_NOTHING };
			if (ours)
				r = set_cell(at->chunk, &key, WIDE_NUMBER, cell);
		}
	}
	return r;
}

static int enter(void *form, const struct exportwalk_at *at)
{
	struct widecsv *w = form;
	int r;

	set_texts(w, at);
	r = set_fixed(w, at);
	if (r == 0)
		r = set_more(w, at);
	w->row_max = 2 * DIGITS_TIME_MAX + w->count * (DIGITS_MAX + 4);
	for (size_t i = 0; i < WIDE_TEXTS; i++)
		w->row_max += w->lens[i];
	return r;
}

static char *put_value(struct widecsv *w, char *p, enum wide_put put, uint64_t value)
{
	switch (put) {
	case WIDE_SIGNED:
		return digits_put_signed(p, value);
	case WIDE_MICROS:
		return digits_put_seconds(p, value * 1000, 6);
	case WIDE_CUT:
		return digits_put_seconds(p, value, 6);
	case WIDE_NANOS:
		return digits_put_seconds(p, value, 9);
	case WIDE_TIME:
		return digits_put_time(p, value, 6, &w->day);
	case WIDE_EPOCH:
		return digits_put_epoch(p, value, 6);
	default:
		return digits_put(p, value);
	}
}

/* Whether a cell that not every row has is in this one: then it is cell->next - 1. */
static bool is_in(struct cell *cell, uint32_t row)
{
	while (cell->next < cell->count && cell->rows[cell->next] < row)
		cell->next++;
	return cell->next < cell->count && cell->rows[cell->next] == row;
}

static void put_row(void *form, uint32_t row)
{
	struct widecsv *w = form;
	char *p = cells_room(w->of.out, w->row_max);

	if (!p)
		return;
	for (struct cell *cell = w->cells; cell < w->cells + w->count; cell++) {
		if (cell->put == WIDE_TEXT) {
			memcpy(p, cell->text, cell->len);
			p += cell->len;
		} else if (cell->put == WIDE_FLAG) {
			*p++ = cell->values && (!cell->rows || is_in(cell, row)) ? '1' : '0';
		} else if (cell->put != WIDE_NOTHING) {
			if (!cell->rows)
				p = cell->put == WIDE_NUMBER
					    ? digits_put(p, cell->values[row])
					    : put_value(w, p, cell->put, cell->values[row]);
			else if (is_in(cell, row))
				p = put_value(w, p, cell->put, cell->values[cell->next]);
		}
		*p++ = ',';
	}
	p[-1] = '\r';
	*p++ = '\n';
	w->of.out->len = p - w->of.out->buf;
}

const struct exportform widecsv = {
	.type = "text/csv; charset=utf-8; header=present",
	.suffix = "csv",
	.wants_columns = true,
	.begin = begin,
	.end = end,
	.header = header,
	.enter = enter,
	.row = put_row,
};
