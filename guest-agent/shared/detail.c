/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/shared/detail.h"

static bool has_name(enum detail_list list)
{
	return list == DETAIL_INTERRUPTS || list == DETAIL_PROCESSES || list == DETAIL_UNITS;
}

static bool has_id(enum detail_list list)
{
	return list == DETAIL_REASONS || list == DETAIL_VCPUS || list == DETAIL_PROCESSES;
}

static bool is_ascending(enum detail_list list)
{
	return list == DETAIL_REASONS || list == DETAIL_VCPUS;
}

static bool is_known(uint16_t number)
{
	switch (number) {
#define X(identifier, n) case n:
	DETAIL_MAP(X)
#undef X
		return true;
	}
	return false;
}

static bool is_printable(uint8_t c)
{
	return c >= 0x20 && c < 0x7f;
}

size_t detail_begin(struct wire_writer *w, enum detail_list list)
{
	/* No half of a head. */
	if (w->size - w->len < 4)
		w->overflow = true;
	return wire_begin_field(w, list);
}

static void put_name(struct wire_writer *w, const struct detail_entry *entry)
{
	size_t len = entry->name_len < DETAIL_NAME_MAX ? entry->name_len : DETAIL_NAME_MAX;

	wire_put(w, len, 1);
	for (size_t i = 0; i < len; i++) {
		uint8_t c = entry->name[i];

		wire_put(w, is_printable(c) ? c : '?', 1);
	}
}

void detail_put(struct wire_writer *w, enum detail_list list, const struct detail_entry *entry)
{
	if (has_id(list))
		wire_put_varint(w, entry->id);
	wire_put_varint(w, entry->value);
	if (is_ascending(list))
		wire_put_varint(w, entry->handling_cycles);
	if (list == DETAIL_REASONS)
		wire_put_varint(w, entry->away_cycles);
	if (has_name(list))
		put_name(w, entry);
}

void detail_end(struct wire_writer *w, size_t began)
{
	wire_end_field(w, began);
}

bool detail_add(struct wire_writer *w, enum detail_list list, const struct detail_entry *entry)
{
	struct wire_writer before = *w;

	if (w->overflow)
		return false;
	detail_put(w, list, entry);
	if (w->overflow)
		*w = before;
	return w->len > before.len;
}

/* The next entry; false behind the last, or with an overflow in @r. */
static bool take_entry(struct wire_reader *r, enum detail_list list, struct detail_entry *entry)
{
	uint64_t id = 0;

	*entry = (struct detail_entry){ 0 };
	if (r->overflow || r->len == 0)
		return false;
	if (has_id(list))
		id = wire_take_varint(r);
	entry->value = wire_take_varint(r);
	if (is_ascending(list))
		entry->handling_cycles = wire_take_varint(r);
	if (list == DETAIL_REASONS)
		entry->away_cycles = wire_take_varint(r);
	if (has_name(list)) {
		entry->name_len = wire_take(r, 1);
		entry->name = (const char *)wire_take_bytes(r, entry->name_len);
	}
	entry->id = id;
	if (id > UINT32_MAX || entry->name_len > DETAIL_NAME_MAX)
		r->overflow = true;
	return !r->overflow;
}

static bool list_is_valid(struct wire_reader untrusted, enum detail_list list)
{
	struct detail_entry entry;
	uint64_t least = 0;

	while (take_entry(&untrusted, list, &entry)) {
		if (is_ascending(list) && entry.id < least)
			return false;
		least = (uint64_t)entry.id + 1;
		for (size_t i = 0; i < entry.name_len; i++) {
			if (!is_printable(entry.name[i]))
				return false;
		}
	}
	return !untrusted.overflow;
}

bool detail_is_valid(const uint8_t *untrusted, size_t len)
{
	struct wire_reader r = { .buf = untrusted, .len = len }, value;
	uint64_t seen = 0;
	uint16_t number;

	while (wire_take_field(&r, &number, &value)) {
		if (number < DETAIL_FIRST)
			return false;
		if (!is_known(number))
			continue;
		if (seen >> (number - DETAIL_FIRST) & 1 || !list_is_valid(value, number))
			return false;
		seen |= 1ULL << (number - DETAIL_FIRST);
	}
	return !r.overflow;
}

bool detail_find(const uint8_t *detail, size_t len, enum detail_list list,
		 struct detail_iter *ret_iter)
{
	struct wire_reader r = { .buf = detail, .len = len }, value;
	uint16_t number;

	while (wire_take_field(&r, &number, &value)) {
		if (number == list) {
			*ret_iter = (struct detail_iter){ .list = list, .rest = value };
			return true;
		}
	}
	return false;
}

bool detail_next(struct detail_iter *iter, struct detail_entry *ret_entry)
{
	return take_entry(&iter->rest, iter->list, ret_entry);
}
