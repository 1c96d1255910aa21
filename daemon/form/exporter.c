/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/exporter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/exportform.h"
#include "daemon/store/chunk.h"

/* Bytes that are written before they are handed on. */
#define PIECE 131072

/* Blocks whose columns are looked at in one call. */
#define LOOK_BLOCKS 8

struct exporter {
	const struct exportform *form;
	void *state;			/* the form's own */
	struct query_vm vm;
	struct exportwalk_filter what;
	struct exportwalk *walk;
	struct exportwalk_at at;
	struct exportcolumns columns;
	struct exportevents *events;	/* NULL: the form has none */
	struct cells out;
	size_t pos;			/* in `out` */
	bool begun;			/* the columns are known */
	bool in_part, in_block;
	bool boot_told;
	uint32_t row;			/* the next of the block */
	bool ended;
};

static const struct exportform *const forms[EXPORTER_FORMATS] = {
	[EXPORTER_WIDE] = &widecsv,
	[EXPORTER_LONG] = &longcsv,
	[EXPORTER_JSONL] = &jsonlines,
};

const char *exporter_type(enum exporter_format format)
{
	return forms[format]->type;
}

const char *exporter_suffix(enum exporter_format format)
{
	return forms[format]->suffix;
}

int exporter_new(struct query *query, const struct query_vm *vm,
		 const struct exportwalk_filter *what, enum exporter_format format,
		 struct exporter **ret_exporter)
{
	struct exporter *x = calloc(1, sizeof(*x));
	struct exportwalk_filter all = *what;
	int r;

	if (!x)
		return -ENOMEM;
	x->form = forms[format];
	x->vm = *vm;
	x->what = *what;
	/* The columns are those of the whole, so that a part may follow another. */
	if (x->form->wants_columns)
		all.after = 0;
	r = exportwalk_new(query, &all, &x->walk);
	if (r == 0 && x->form->wants_events)
		r = exportevents_new(query, &x->events);
	if (r < 0) {
		exporter_free(x);
		return r;
	}
	*ret_exporter = x;
	return 0;
}

void exporter_free(struct exporter *exporter)
{
	if (!exporter)
		return;
	if (exporter->state)
		exporter->form->end(exporter->state);
	exportwalk_free(exporter->walk);
	exportevents_free(exporter->events);
	exportcolumns_done(&exporter->columns);
	cells_done(&exporter->out);
	free(exporter);
}

/* Whether a column has a value in a row that is exported. */
static bool occurs(struct exporter *x, size_t column)
{
	const struct chunk_column *c = chunk_column(x->at.chunk, column);

	for (size_t i = 0; c && i < c->count; i++) {
		uint32_t row = c->rows[i];

		if (row >= x->at.row && row < x->at.rows &&
		    (!x->at.has_strays || exportwalk_admits(x->walk, x->at.t_ns[row])))
			return true;
	}
	return false;
}

/* Take in the columns of a block; those that are known already stay bits. */
static int look(struct exporter *x)
{
	uint32_t namespace = x->at.boot->reason_namespace;
	int r = 0;

	for (size_t i = 0; i < chunk_columns(x->at.chunk) && r == 0; i++) {
		struct exportcolumn column;

		if (exportcolumns_is_one(chunk_key(x->at.chunk, i), namespace, &column) &&
		    !exportcolumns_has(&x->columns, &column) && occurs(x, i))
			r = exportcolumns_add(&x->columns, &column);
	}
	return r;
}

static int begin_form(struct exporter *x)
{
	struct exportform_of of = { .vm = &x->vm, .columns = &x->columns, .out = &x->out };
	int r = x->form->begin(&of, &x->state);

	if (r < 0)
		return r;
	x->begun = true;
	if (x->form->header && !x->what.after)
		x->form->header(x->state);
	return 0;
}

/* Find the columns: -EAGAIN while there is more to look at. */
static int find_columns(struct exporter *x)
{
	for (int i = 0; i < LOOK_BLOCKS; i++) {
		int r = exportwalk_next(x->walk, &x->at);

		if (r == EXPORTWALK_BLOCK)
			r = look(x);
		else if (r == EXPORTWALK_END) {
			exportwalk_rewind(x->walk, x->what.after);
			return begin_form(x);
		}
		if (r < 0)
			return r;
	}
	return -EAGAIN;
}

/* What is known of a boot stands in front of the first that is told of it. */
static void tell_boot(struct exporter *x)
{
	if (x->form->boot && !x->boot_told && !x->what.after)
		x->form->boot(x->state, x->at.boot);
	x->boot_told = true;
}

/* Events of the current part below @sequence. */
static int put_events(struct exporter *x, uint64_t sequence)
{
	const struct exportevent *event;
	int r = 0;

	while (x->events && (r = exportevents_next(x->events, sequence, &event)) > 0) {
		if (!exportwalk_admits(x->walk, event->t_ns))
			continue;
		tell_boot(x);
		x->form->event(x->state, &x->at, event);
	}
	return r;
}

static void begin_part(struct exporter *x)
{
	x->in_part = true;
	if (x->at.first_source)
		x->boot_told = false;
	if (x->events)
		exportevents_begin(x->events, x->at.boot, x->at.source, x->what.after);
	/* A boot of which there is nothing is told of only where no time is asked for. */
	if (!x->what.filter.from_ns && !x->what.filter.to_ns)
		tell_boot(x);
}

static int begin_block(struct exporter *x)
{
	int r;

	if (x->events)
		exportevents_again(x->events);
	r = x->form->enter(x->state, &x->at);
	x->in_block = r == 0;
	x->row = x->at.row;
	/* What is damaged is a hole. */
	return r == -EBADMSG ? 0 : r;
}

/* The next part or block, and in front of a part what is behind the last sample before. */
static int walk_on(struct exporter *x, struct exportwalk_at *at)
{
	int next = exportwalk_next(x->walk, at), r = 0;

	if (x->in_part && x->events && (next == EXPORTWALK_END || next == EXPORTWALK_PART)) {
		exportevents_again(x->events);
		r = put_events(x, UINT64_MAX);
	}
	return r < 0 ? r : next;
}

static int step(struct exporter *x)
{
	struct exportwalk_at at = x->at;
	int next = x->events ? exportevents_freeze(x->events) : 0;

	if (next < 0)
		return next;
	next = walk_on(x, &at);
	if (x->events)
		exportevents_thaw(x->events);
	if (next < 0)
		return next;
	x->at = at;
	if (next == EXPORTWALK_BLOCK)
		return begin_block(x);
	if (next == EXPORTWALK_PART)
		begin_part(x);
	else
		x->ended = true;
	return 0;
}

/* Rows of the block, at most a piece. */
static int put_rows(struct exporter *x)
{
	while (x->row < x->at.rows && x->out.len < PIECE) {
		uint32_t row = x->row++;
		int r = put_events(x, x->at.sequence[row]);

		if (r < 0)
			return r;
		if (x->at.has_strays && !exportwalk_admits(x->walk, x->at.t_ns[row]))
			continue;
		tell_boot(x);
		x->form->row(x->state, row);
	}
	x->in_block = x->row < x->at.rows;
	return 0;
}

static int work(struct exporter *x)
{
	int r;

	if (!x->begun)
		r = x->form->wants_columns ? find_columns(x) : begin_form(x);
	else
		r = x->in_block ? put_rows(x) : step(x);
	if (r == 0 && x->out.failed)
		r = -ENOMEM;
	return r < 0 ? r : 0;
}

ssize_t exporter_read(struct exporter *exporter, char *buf, size_t max)
{
	struct exporter *x = exporter;
	size_t len;

	/* Nothing is said before all is known that may go wrong with it. */
	for (int i = 0; x->pos == x->out.len && !x->ended; i++) {
		int r;

		if (i == LOOK_BLOCKS)
			return -EAGAIN;
		x->pos = x->out.len = 0;
		r = work(x);
		if (r < 0)
			return r;
	}
	len = x->out.len - x->pos < max ? x->out.len - x->pos : max;
	if (len)
		memcpy(buf, x->out.buf + x->pos, len);
	x->pos += len;
	return len;
}
