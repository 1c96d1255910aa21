/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/import/sampleparts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/exportform.h"
#include "guest-agent/shared/frame.h"

/* More entries than a sample's lists have room for. */
#define ENTRIES_MAX 16384

struct entry {
	struct key key;
	uint64_t value;
	char name[DETAIL_NAME_MAX];
};

struct sampleparts {
	struct sample sample;
	uint32_t fields;		/* bits: enum key_field that came */
	uint64_t lists;			/* bits: those that are there even if they are empty */
	struct entry *entries;
	size_t count, room;
	uint8_t detail[FRAME_PAYLOAD_MAX];
};

struct sampleparts *sampleparts_new(void)
{
	return calloc(1, sizeof(struct sampleparts));
}

void sampleparts_free(struct sampleparts *parts)
{
	if (!parts)
		return;
	free(parts->entries);
	free(parts);
}

void sampleparts_begin(struct sampleparts *parts, uint64_t sequence, int64_t t_ns)
{
	parts->sample = (struct sample){ .sequence = sequence, .t_wall_ns = t_ns };
	parts->fields = 0;
	parts->lists = 0;
	parts->count = 0;
}

static int refuse(const char **ret_error, const char *error)
{
	*ret_error = error;
	return -EINVAL;
}

/* Where a field is, and what says that it is there. */
static uint64_t *field_at(struct sample *s, uint32_t field, uint32_t *ret_has)
{
	switch (field) {
	case FIELD_T_BOOT_NS:
		*ret_has = 0;
		return &s->t_boot_ns;
	case FIELD_EXITS:
		*ret_has = SAMPLE_HAS_EXITS;
		return &s->exits;
	case FIELD_HANDLING:
		*ret_has = SAMPLE_HAS_HANDLING;
		return &s->handling_cycles;
	case FIELD_AWAY:
		*ret_has = SAMPLE_HAS_AWAY;
		return &s->away_cycles;
	case FIELD_IDLE:
		*ret_has = SAMPLE_HAS_AWAY;
		return &s->idle_cycles;
	case FIELD_AGENT_EXITS:
		*ret_has = SAMPLE_HAS_AGENT;
		return &s->agent_exits;
	case FIELD_TAKEN:
		*ret_has = SAMPLE_HAS_TAKEN;
		return &s->taken;
	default:
		return NULL;
	}
}

static int add_field(struct sampleparts *p, uint32_t field, uint64_t value, const char **ret_error)
{
	struct sample *s = &p->sample;
	uint32_t has;
	uint64_t *at = field_at(s, field, &has);

	if (p->fields >> field & 1)
		return refuse(ret_error, "a value is there twice");
	p->fields |= 1u << field;
	if (at) {
		*at = value;
		s->has |= has;
		return 0;
	}
	if (value > UINT32_MAX)
		return refuse(ret_error, "a value is out of range");
	switch (field) {
	case FIELD_INTERVAL_US:
		s->interval_us = value;
		s->has |= SAMPLE_HAS_PACE;
		return 0;
	case FIELD_PACE:
		s->pace = value;
		s->has |= SAMPLE_HAS_PACE;
		return 0;
	case FIELD_CLOCK_ERROR_NS:
		s->clock_error_ns = value;
		s->has |= SAMPLE_HAS_CLOCK_ERROR;
		return 0;
	case FIELD_GAP:
		s->has |= value ? SAMPLE_AFTER_GAP : 0;
		return 0;
	case FIELD_LISTS:
		p->lists = value;
		return 0;
	default:
		return refuse(ret_error, "that is no value of a sample");
	}
}

static int add_entry(struct sampleparts *p, const struct key *key, uint64_t value,
		     const char **ret_error)
{
	struct entry *e;

	for (size_t i = 0; i < key->name_len; i++) {
		if (key->name[i] < 0x20 || key->name[i] > 0x7e)
			return refuse(ret_error, "a name has a character that is not printable ASCII");
	}
	if (p->count == ENTRIES_MAX)
		return refuse(ret_error, "a sample has too many values");
	if (p->count == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		struct entry *more = realloc(p->entries, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->entries = more;
		p->room = room;
	}
	e = &p->entries[p->count++];
	e->key = *key;
	e->value = value;
	if (key->name_len)
		memcpy(e->name, key->name, key->name_len);
	return 0;
}

int sampleparts_add(struct sampleparts *parts, const struct key *key, uint64_t value,
		    const char **ret_error)
{
	struct workload *w = &parts->sample.workload;

	if (key->name_len > DETAIL_NAME_MAX)
		return refuse(ret_error, "a name is longer than 64 bytes");
	if (key->kind == KEY_FIELD)
		return add_field(parts, key->id, value, ret_error);
	if (key->kind == KEY_WORKLOAD) {
		if (w->mask >> key->id & 1)
			return refuse(ret_error, "a value is there twice");
		w->mask |= 1ULL << key->id;
		w->value[key->id] = value;
		return 0;
	}
	return add_entry(parts, key, value, ret_error);
}

/* Sorting moves the names. */
static struct key key_of(const struct entry *entry)
{
	struct key key = entry->key;

	key.name = entry->name;
	return key;
}

static int by_key(const void *a, const void *b)
{
	struct key x = key_of(a), y = key_of(b);

	return exportform_compare(&x, &y);
}

/* The list that a key's value is in, as a bit's number. */
static int list_of(const struct key *key)
{
	switch (key->kind) {
	case KEY_REASON_COUNT:
	case KEY_REASON_HANDLING:
	case KEY_REASON_AWAY:
		return DETAIL_REASONS - DETAIL_FIRST;
	case KEY_VCPU_COUNT:
	case KEY_VCPU_HANDLING:
		return DETAIL_VCPUS - DETAIL_FIRST;
	case KEY_INTERRUPT:
		return DETAIL_INTERRUPTS - DETAIL_FIRST;
	case KEY_PROCESS:
		return DETAIL_PROCESSES - DETAIL_FIRST;
	default:
		return DETAIL_UNITS - DETAIL_FIRST;
	}
}

#define LISTS 5

static bool is_first_kind(uint8_t kind)
{
	return kind != KEY_REASON_HANDLING && kind != KEY_REASON_AWAY && kind != KEY_VCPU_HANDLING;
}

/* The entry that begins at @i: its count, and the cycles behind it. Returns the next one's. */
static size_t gather(struct sampleparts *p, size_t i, struct detail_entry *entry)
{
	const struct entry *e = &p->entries[i];

	*entry = (struct detail_entry){ .id = e->key.id, .value = e->value, .name = e->name,
					.name_len = e->key.name_len };
	for (i++; i < p->count && !is_first_kind(p->entries[i].key.kind) &&
		  p->entries[i].key.id == e->key.id; i++) {
		if (p->entries[i].key.kind == KEY_REASON_AWAY)
			entry->away_cycles = p->entries[i].value;
		else
			entry->handling_cycles = p->entries[i].value;
	}
	return i;
}

static int check_entries(struct sampleparts *p, const char **ret_error)
{
	if (p->count)
		qsort(p->entries, p->count, sizeof(*p->entries), by_key);
	for (size_t i = 0; i < p->count; i++) {
		struct key key = key_of(&p->entries[i]), before = { 0 };

		if (i > 0)
			before = key_of(&p->entries[i - 1]);
		if (i > 0 && key_equal(&key, &before))
			return refuse(ret_error, "a value is there twice");
		if (!is_first_kind(key.kind) &&
		    (i == 0 || before.id != key.id || list_of(&before) != list_of(&key)))
			return refuse(ret_error, "cycles of a reason or vCPU are without its count");
	}
	return 0;
}

/* All lists, each by its number. */
static int build_detail(struct sampleparts *p, const char **ret_error)
{
	struct wire_writer w = { .buf = p->detail, .size = sizeof(p->detail) };
	size_t i = 0;

	for (int list = 0; list < LISTS; list++) {
		size_t began;

		if (!(p->lists >> list & 1) &&
		    (i == p->count || list_of(&p->entries[i].key) != list))
			continue;
		began = detail_begin(&w, DETAIL_FIRST + list);
		while (i < p->count && list_of(&p->entries[i].key) == list) {
			struct detail_entry entry;

			i = gather(p, i, &entry);
			detail_put(&w, DETAIL_FIRST + list, &entry);
		}
		detail_end(&w, began);
	}
	if (w.overflow)
		return refuse(ret_error, "a sample's lists are longer than any sample's are");
	p->sample.detail = p->detail;
	p->sample.detail_len = w.len;
	return 0;
}

int sampleparts_end(struct sampleparts *parts, struct sample *ret_sample,
		    const char **ret_error)
{
	uint32_t both = parts->fields & (1u << FIELD_AWAY | 1u << FIELD_IDLE);
	int r = check_entries(parts, ret_error);

	if (r == 0 && both && both != (1u << FIELD_AWAY | 1u << FIELD_IDLE))
		r = refuse(ret_error, "away_cycles and idle_cycles come together");
	if (r == 0)
		r = build_detail(parts, ret_error);
	if (r == 0)
		*ret_sample = parts->sample;
	return r;
}
