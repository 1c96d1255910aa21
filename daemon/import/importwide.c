/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The wide CSV back: one record a sample. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/cells.h"
#include "daemon/form/exportform.h"
#include "daemon/form/widecolumns.h"
#include "daemon/import/import.h"
#include "daemon/import/numbers.h"

/* What a column is. */
struct column {
	enum wide_put put;		/* NOTHING: another column has the same, exact */
	enum wide_text text;
	struct key key;
};

struct wide {
	struct rebuild *rebuild;
	struct column *columns;
	size_t count;
	size_t of_text[WIDE_TEXTS];	/* which column, and one more; 0: there is none */
	size_t sequence, t;		/* likewise */
};

static const struct wide_column *known(const char *name)
{
	for (size_t i = 0; i < wide_columns_count; i++) {
		if (strcmp(wide_columns[i].name, name) == 0)
			return &wide_columns[i];
	}
	return NULL;
}

static int take_known(struct wide *w, const struct wide_column *known, size_t i)
{
	struct column *c = &w->columns[i];
	size_t *place = NULL;

	c->put = known->put;
	if (known->put == WIDE_TEXT) {
		c->text = known->id;
		place = &w->of_text[known->id];
	} else if (known->put == WIDE_TIME || known->put == WIDE_CUT ||
		   known->put == WIDE_EPOCH) {
		c->put = WIDE_NOTHING;
	} else {
		c->key = (struct key){ .kind = known->kind, .id = known->id };
		if (known->kind == KEY_FIELD && known->id == FIELD_SEQUENCE)
			place = &w->sequence;
		if (known->kind == KEY_FIELD && known->id == FIELD_T_NS)
			place = &w->t;
		if (place)
			c->put = WIDE_NOTHING;
	}
	if (place && *place)
		return rebuild_refuse(w->rebuild, "column '%s' is there twice", known->name);
	if (place)
		*place = i + 1;
	return 0;
}

static int take_column(struct wide *w, const char *name, size_t i)
{
	const struct wide_column *column = known(name);

	if (column)
		return take_known(w, column, i);
	w->columns[i].put = WIDE_NUMBER;
	if (exportcolumns_parse(name, &w->columns[i].key) < 0)
		return rebuild_refuse(w->rebuild, "column '%.60s' is not known", name);
	return 0;
}

static int check_columns(struct wide *w)
{
	static const enum wide_text needed[] = { WIDE_TEXT_VM, WIDE_TEXT_BOOT, WIDE_TEXT_SOURCE,
						 WIDE_TEXT_CAUSE, WIDE_TEXT_OPENED };

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!w->of_text[needed[i]])
			w->sequence = 0;
	}
	if (w->sequence && w->t)
		return 0;
	return rebuild_refuse(w->rebuild, "the columns vm, boot, source, sequence, t_ns, boot_cause "
					  "and boot_opened_ns are needed; older versions' CSV has "
					  "not all of them");
}

static void end(void *form)
{
	struct wide *w = form;

	free(w->columns);
	free(w);
}

static int begin(struct rebuild *rebuild, const struct csvread_record *header, void **ret_form)
{
	struct wide *w;
	int r = 0;

	if (strcmp(header->fields[0], "time") != 0 || header->count < 2 ||
	    strcmp(header->fields[1], "epoch_s") != 0)
		return -ENOENT;
	w = calloc(1, sizeof(*w));
	if (w)
		w->columns = calloc(header->count, sizeof(*w->columns));
	if (!w || !w->columns) {
		free(w);
		return -ENOMEM;
	}
	w->rebuild = rebuild;
	w->count = header->count;
	for (size_t i = 0; i < header->count && r == 0; i++)
		r = take_column(w, header->fields[i], i);
	if (r == 0)
		r = check_columns(w);
	if (r < 0)
		end(w);
	else
		*ret_form = w;
	return r;
}

/* What stands in a column of text; "" without such a column. */
static const char *text_of(struct wide *w, const struct csvread_record *record, enum wide_text text)
{
	size_t len = 0;

	if (!w->of_text[text])
		return "";
	len = record->lens[w->of_text[text] - 1];
	return cells_unguard(record->fields[w->of_text[text] - 1], &len);
}

/* A number in a column of text: 0 if it is empty. */
static int number_of(struct wide *w, const struct csvread_record *record, enum wide_text text,
		     int64_t *ret_number)
{
	const char *s = text_of(w, record, text);

	*ret_number = 0;
	if (!*s)
		return 0;
	if (numbers_s64(s, strlen(s), ret_number) < 0)
		return rebuild_refuse(w->rebuild, "'%.40s' is not a number", s);
	return 0;
}

static int u32_of(struct wide *w, const struct csvread_record *record, enum wide_text text,
		  uint32_t *ret_number)
{
	int64_t number;
	int r = number_of(w, record, text, &number);

	return r < 0 ? r : rebuild_u32(w->rebuild, "number", number, ret_number);
}

/* What the export says of a boot, in every record. */
static int set_boot(struct wide *w, const struct csvread_record *record)
{
	struct boot *boot = rebuild_current(w->rebuild), was = *boot;
	const char *namespace = text_of(w, record, WIDE_TEXT_NAMESPACE);
	const char *generation = text_of(w, record, WIDE_TEXT_GENERATION);
	int r = u32_of(w, record, WIDE_TEXT_TSC, &boot->tsc_khz);

	if (r == 0)
		r = u32_of(w, record, WIDE_TEXT_VCPUS, &boot->vcpus);
	if (r == 0)
		r = number_of(w, record, WIDE_TEXT_CLOSED, &boot->closed_ns);
	if (r == 0)
		r = number_of(w, record, WIDE_TEXT_CREATED, &boot->created_ns);
	boot->reason_namespace = exportform_namespace_parse(namespace);
	if (r == 0 && !boot->reason_namespace)
		r = u32_of(w, record, WIDE_TEXT_NAMESPACE, &boot->reason_namespace);
	boot->has_generation = *generation;
	if (r == 0 && *generation &&
	    numbers_u64(generation, strlen(generation), &boot->generation) < 0)
		r = rebuild_refuse(w->rebuild, "boot_generation '%.40s' is not a number", generation);
	if (r == 0 && (boot->tsc_khz != was.tsc_khz || boot->vcpus != was.vcpus ||
		       boot->closed_ns != was.closed_ns || boot->created_ns != was.created_ns ||
		       boot->reason_namespace != was.reason_namespace ||
		       boot->has_generation != was.has_generation ||
		       boot->generation != was.generation))
		rebuild_changed(w->rebuild);
	return r;
}

static int set_vm_name(struct wide *w, const struct csvread_record *record)
{
	struct vm *vm = rebuild_vm(w->rebuild);
	const char *name = text_of(w, record, WIDE_TEXT_NAME);

	if (!*name || strcmp(name, vm->name) == 0)
		return 0;
	vm->dirty = true;
	return rebuild_text(w->rebuild, "vm_name", name, vm->name, sizeof(vm->name));
}

static int begin_boot(struct wide *w, const struct csvread_record *record, uint32_t number)
{
	const char *name = text_of(w, record, WIDE_TEXT_CAUSE);
	int cause = exportform_cause_parse(name);
	struct rebuild_boot boot = { .vm = text_of(w, record, WIDE_TEXT_VM), .number = number };
	int r = number_of(w, record, WIDE_TEXT_OPENED, &boot.opened_ns);

	if (r == 0 && cause < 0)
		r = rebuild_refuse(w->rebuild, "boot_cause '%.40s' is none", name);
	boot.cause = cause;
	return r < 0 ? r : rebuild_begin(w->rebuild, &boot);
}

static int find_boot(struct wide *w, const struct csvread_record *record)
{
	uint32_t number;
	int r = u32_of(w, record, WIDE_TEXT_BOOT, &number);

	if (r == 0 && !rebuild_is_current(w->rebuild, text_of(w, record, WIDE_TEXT_VM), number))
		r = begin_boot(w, record, number);
	if (r == 0)
		r = set_boot(w, record);
	return r < 0 ? r : set_vm_name(w, record);
}

static int begin_sample(struct wide *w, const struct csvread_record *record)
{
	const char *s = record->fields[w->sequence - 1], *t = record->fields[w->t - 1];
	enum sample_source source;
	uint64_t sequence;
	int64_t t_ns;
	int r = import_source(w->rebuild, text_of(w, record, WIDE_TEXT_SOURCE), &source);

	if (r < 0)
		return r;
	if (numbers_u64(s, strlen(s), &sequence) < 0)
		return rebuild_refuse(w->rebuild, "sequence '%.40s' is not a number", s);
	if (numbers_s64(t, strlen(t), &t_ns) < 0)
		return rebuild_refuse(w->rebuild, "t_ns '%.40s' is not a number", t);
	return rebuild_sample(w->rebuild, source, sequence, t_ns);
}

/* A cell as its column's number. */
static int value_of(enum wide_put put, const char *text, size_t len, uint64_t *ret_value)
{
	uint64_t ns;
	int r;

	if (put != WIDE_MICROS && put != WIDE_NANOS)
		return numbers_u64(text, len, ret_value);
	r = numbers_seconds(text, len, &ns);
	if (r == 0 && put == WIDE_MICROS && ns % 1000)
		r = -EINVAL;
	if (r == 0)
		*ret_value = put == WIDE_MICROS ? ns / 1000 : ns;
	return r;
}

static int record_of(void *form, const struct csvread_record *record)
{
	struct wide *w = form;
	int r = find_boot(w, record);

	if (r == 0)
		r = begin_sample(w, record);
	for (size_t i = 0; i < w->count && r == 0; i++) {
		const struct column *c = &w->columns[i];
		uint64_t value;

		if (c->put == WIDE_NOTHING || c->put == WIDE_TEXT || record->lens[i] == 0)
			continue;
		r = value_of(c->put, record->fields[i], record->lens[i], &value);
		r = r < 0 ? rebuild_refuse(w->rebuild, "'%.40s', field %zu, is not such a number",
					   record->fields[i], i + 1)
			  : rebuild_value(w->rebuild, &c->key, value);
	}
	return r < 0 ? r : rebuild_end(w->rebuild);
}

static int finish(void *form)
{
	(void)form;
	return 0;
}

const struct importform importwide = {
	.begin = begin,
	.record = record_of,
	.end = finish,
	.free = end,
};
