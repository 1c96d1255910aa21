/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/samplechunk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/detail.h"

struct field {
	enum key_field field;
	uint32_t has;			/* SAMPLE_HAS_*; 0: always there */
	size_t offset, size;		/* in struct sample */
};

#define AT(member) offsetof(struct sample, member), sizeof(((struct sample *)0)->member)

/* Where each field is in a sample. pace, lists and gap are no such members. */
static const struct field fields[] = {
	{ FIELD_SEQUENCE, 0, AT(sequence) },
	{ FIELD_T_NS, 0, AT(t_wall_ns) },
	{ FIELD_T_BOOT_NS, 0, AT(t_boot_ns) },
	{ FIELD_EXITS, SAMPLE_HAS_EXITS, AT(exits) },
	{ FIELD_HANDLING, SAMPLE_HAS_HANDLING, AT(handling_cycles) },
	{ FIELD_AWAY, SAMPLE_HAS_AWAY, AT(away_cycles) },
	{ FIELD_IDLE, SAMPLE_HAS_AWAY, AT(idle_cycles) },
	{ FIELD_AGENT_EXITS, SAMPLE_HAS_AGENT, AT(agent_exits) },
	{ FIELD_TAKEN, SAMPLE_HAS_TAKEN, AT(taken) },
	{ FIELD_INTERVAL_US, SAMPLE_HAS_PACE, AT(interval_us) },
	{ FIELD_CLOCK_ERROR_NS, SAMPLE_HAS_CLOCK_ERROR, AT(clock_error_ns) },
};

static uint64_t get_field(const struct sample *sample, const struct field *f)
{
	const char *at = (const char *)sample + f->offset;
	uint64_t v64;
	uint32_t v32;

	if (f->size == sizeof(v32)) {
		memcpy(&v32, at, sizeof(v32));
		return v32;
	}
	memcpy(&v64, at, sizeof(v64));
	return v64;
}

static void set_field(struct sample *sample, const struct field *f, uint64_t value)
{
	char *at = (char *)sample + f->offset;
	uint32_t v32 = value;

	memcpy(at, f->size == sizeof(v32) ? (void *)&v32 : (void *)&value, f->size);
	sample->has |= f->has;
}

static void set(struct chunk *chunk, enum key_kind kind, uint32_t id, uint64_t value)
{
	struct key key = { .kind = kind, .id = id };

	chunk_set(chunk, &key, value);
}

static void set_entry(struct chunk *chunk, enum detail_list list, const struct detail_entry *e)
{
	static const enum key_kind named[] = {
		[DETAIL_INTERRUPTS - DETAIL_FIRST] = KEY_INTERRUPT,
		[DETAIL_PROCESSES - DETAIL_FIRST] = KEY_PROCESS,
		[DETAIL_UNITS - DETAIL_FIRST] = KEY_UNIT,
	};

	if (list == DETAIL_REASONS) {
		set(chunk, KEY_REASON_COUNT, e->id, e->value);
		set(chunk, KEY_REASON_HANDLING, e->id, e->handling_cycles);
		set(chunk, KEY_REASON_AWAY, e->id, e->away_cycles);
	} else if (list == DETAIL_VCPUS) {
		set(chunk, KEY_VCPU_COUNT, e->id, e->value);
		set(chunk, KEY_VCPU_HANDLING, e->id, e->handling_cycles);
	} else {
		struct key key = {
			.kind = named[list - DETAIL_FIRST],
			.id = e->id,
			.name = e->name,
			.name_len = e->name_len,
		};

		chunk_set(chunk, &key, e->value);
	}
}

static const enum detail_list lists[] = {
#define X(identifier, number) number,
	DETAIL_MAP(X)
#undef X
};

#define LISTS (sizeof(lists) / sizeof(lists[0]))

/* Which kinds of keys a list's entries have. */
static unsigned int kinds_of(enum detail_list list)
{
	static const unsigned int kinds[] = {
		[DETAIL_REASONS - DETAIL_FIRST] = 1 << KEY_REASON_COUNT | 1 << KEY_REASON_HANDLING |
						  1 << KEY_REASON_AWAY,
		[DETAIL_VCPUS - DETAIL_FIRST] = 1 << KEY_VCPU_COUNT | 1 << KEY_VCPU_HANDLING,
		[DETAIL_INTERRUPTS - DETAIL_FIRST] = 1 << KEY_INTERRUPT,
		[DETAIL_PROCESSES - DETAIL_FIRST] = 1 << KEY_PROCESS,
		[DETAIL_UNITS - DETAIL_FIRST] = 1 << KEY_UNIT,
	};

	return kinds[list - DETAIL_FIRST];
}

void samplechunk_add(struct chunk *chunk, const struct sample *sample)
{
	samplechunk_add_kinds(chunk, sample, SAMPLECHUNK_ALL);
}

void samplechunk_add_kinds(struct chunk *chunk, const struct sample *sample, unsigned int kinds)
{
	uint64_t present = 0;

	(void)chunk_add_row(chunk);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!fields[i].has || sample->has & fields[i].has)
			set(chunk, KEY_FIELD, fields[i].field, get_field(sample, &fields[i]));
	}
	if (sample->has & SAMPLE_HAS_PACE)
		set(chunk, KEY_FIELD, FIELD_PACE, sample->pace);
	if (sample->has & SAMPLE_AFTER_GAP)
		set(chunk, KEY_FIELD, FIELD_GAP, 1);
	for (uint32_t i = 0; i < WORKLOAD_COUNT && kinds >> KEY_WORKLOAD & 1; i++) {
		if (sample->workload.mask >> i & 1)
			set(chunk, KEY_WORKLOAD, i, sample->workload.value[i]);
	}
	for (size_t i = 0; i < LISTS; i++) {
		struct detail_entry entry;
		struct detail_iter iter;

		if (!detail_find(sample->detail, sample->detail_len, lists[i], &iter))
			continue;
		present |= 1ULL << i;
		while (kinds & kinds_of(lists[i]) && detail_next(&iter, &entry))
			set_entry(chunk, lists[i], &entry);
	}
	set(chunk, KEY_FIELD, FIELD_LISTS, present);
}

/* A column and how far it was read; NULL: there is none. */
struct cursor {
	const struct chunk_column *column;
	size_t next;
};

/* The columns of one entry of a list. */
struct entry_cursor {
	size_t list;			/* index into lists */
	size_t index;			/* of the value's column */
	struct cursor value, handling, away;
};

struct samplechunk_reader {
	size_t rows, row;
	struct cursor field[FIELDS];
	struct cursor workload[WORKLOAD_COUNT];
	struct entry_cursor *entries;	/* by list, and as they shall stand in it */
	size_t entries_count;
	uint8_t detail[SAMPLECHUNK_DETAIL_MAX];
};

/* The value in @row, if there is one. */
static bool take(struct cursor *c, size_t row, uint64_t *ret_value)
{
	if (!c->column || c->next == c->column->count || c->column->rows[c->next] != row)
		return false;
	*ret_value = c->column->values[c->next++];
	return true;
}

static bool open_column(struct chunk *chunk, const struct key *key, struct cursor *ret_cursor)
{
	*ret_cursor = (struct cursor){ .column = chunk_find(chunk, key) };
	return !chunk_is_damaged(chunk);
}

/* The list that a column's values are an entry's main ones of; LISTS: of none. */
static size_t list_of(const struct key *key)
{
	static const uint8_t kinds[LISTS] = { KEY_REASON_COUNT, KEY_VCPU_COUNT, KEY_INTERRUPT,
					      KEY_PROCESS, KEY_UNIT };
	size_t i = 0;

	while (i < LISTS && kinds[i] != key->kind)
		i++;
	return i;
}

static int by_list(const void *a, const void *b)
{
	const struct entry_cursor *x = a, *y = b;
	uint32_t x_id = x->value.column->key.id, y_id = y->value.column->key.id;

	if (x->list != y->list)
		return x->list < y->list ? -1 : 1;
	/* Lists with names stand in the order in which they came. */
	if (x->list >= DETAIL_INTERRUPTS - DETAIL_FIRST)
		return x->index < y->index ? -1 : x->index > y->index;
	return x_id < y_id ? -1 : x_id > y_id;
}

static int open_entries(struct chunk *chunk, struct samplechunk_reader *reader)
{
	size_t columns = chunk_columns(chunk);

	reader->entries = malloc((columns ? columns : 1) * sizeof(*reader->entries));
	if (!reader->entries)
		return -ENOMEM;
	for (size_t i = 0; i < columns; i++) {
		struct key key = *chunk_key(chunk, i);
		struct entry_cursor e = { .list = list_of(&key), .index = i };

		if (e.list == LISTS)
			continue;
		if (!open_column(chunk, &key, &e.value))
			return -EBADMSG;
		if (key.kind == KEY_REASON_COUNT || key.kind == KEY_VCPU_COUNT) {
			key.kind++;
			if (!open_column(chunk, &key, &e.handling))
				return -EBADMSG;
		}
		if (key.kind == KEY_REASON_HANDLING) {
			key.kind++;
			if (!open_column(chunk, &key, &e.away))
				return -EBADMSG;
		}
		reader->entries[reader->entries_count++] = e;
	}
	qsort(reader->entries, reader->entries_count, sizeof(*reader->entries), by_list);
	return 0;
}

static int open_columns(struct chunk *chunk, bool with_detail, struct samplechunk_reader *reader)
{
	for (uint32_t i = 0; i < FIELDS; i++) {
		struct key key = { .kind = KEY_FIELD, .id = i };

		if (!open_column(chunk, &key, &reader->field[i]))
			return -EBADMSG;
	}
	for (uint32_t i = 0; i < WORKLOAD_COUNT; i++) {
		struct key key = { .kind = KEY_WORKLOAD, .id = i };

		if (!open_column(chunk, &key, &reader->workload[i]))
			return -EBADMSG;
	}
	return with_detail ? open_entries(chunk, reader) : 0;
}

int samplechunk_open(struct chunk *chunk, bool with_detail, struct samplechunk_reader **ret_reader)
{
	struct samplechunk_reader *reader = calloc(1, sizeof(*reader));
	int r = -ENOMEM;

	if (reader) {
		reader->rows = chunk_rows(chunk);
		r = open_columns(chunk, with_detail, reader);
	}
	if (r < 0) {
		samplechunk_close(reader);
		return r;
	}
	*ret_reader = reader;
	return 0;
}

void samplechunk_close(struct samplechunk_reader *reader)
{
	if (!reader)
		return;
	free(reader->entries);
	free(reader);
}

/* All lists of a row, as the guest sent them. */
static void build_detail(struct samplechunk_reader *r, uint64_t present, struct sample *sample)
{
	struct wire_writer w = { .buf = r->detail, .size = sizeof(r->detail) };
	size_t next = 0;

	for (size_t list = 0; list < LISTS; list++) {
		size_t began = 0;

		if (present >> list & 1)
			began = detail_begin(&w, lists[list]);
		for (; next < r->entries_count && r->entries[next].list == list; next++) {
			struct entry_cursor *e = &r->entries[next];
			const struct key *key = &e->value.column->key;
			struct detail_entry entry = {
				.id = key->id,
				.name = key->name,
				.name_len = key->name_len,
			};

			if (!take(&e->value, r->row, &entry.value))
				continue;
			(void)take(&e->handling, r->row, &entry.handling_cycles);
			(void)take(&e->away, r->row, &entry.away_cycles);
			detail_put(&w, lists[list], &entry);
		}
		if (present >> list & 1)
			detail_end(&w, began);
	}
	sample->detail = w.overflow ? NULL : r->detail;
	sample->detail_len = w.overflow ? 0 : w.len;
}

bool samplechunk_next(struct samplechunk_reader *reader, struct sample *ret_sample)
{
	struct samplechunk_reader *r = reader;
	struct sample s = { 0 };
	uint64_t value, lists_there;

	if (r->row == r->rows)
		return false;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (take(&r->field[fields[i].field], r->row, &value))
			set_field(&s, &fields[i], value);
	}
	if (take(&r->field[FIELD_PACE], r->row, &value))
		s.pace = value;
	if (take(&r->field[FIELD_GAP], r->row, &value))
		s.has |= SAMPLE_AFTER_GAP;
	for (int i = 0; i < WORKLOAD_COUNT; i++) {
		if (take(&r->workload[i], r->row, &s.workload.value[i]))
			s.workload.mask |= 1ULL << i;
	}
	if (r->entries && take(&r->field[FIELD_LISTS], r->row, &lists_there) && lists_there)
		build_detail(r, lists_there, &s);
	r->row++;
	*ret_sample = s;
	return true;
}
