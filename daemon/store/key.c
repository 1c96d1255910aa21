/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/key.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "guest-agent/shared/workload.h"

uint32_t key_hash(const struct key *key)
{
	uint32_t hash = ((uint32_t)key->kind << 4 | key->aspect) * 0x9e3779b1u ^
			key->id * 0x85ebca6bu;

	if (key->name_len)
		hash ^= crc32(0, (const Bytef *)key->name, key->name_len);
	hash ^= hash >> 16;
	return hash * 0xc2b2ae35u ^ hash >> 13;
}

enum key_type key_type(const struct key *key)
{
	static const enum workload_type workload[] = {
#define X(identifier, type, unit) type,
		WORKLOAD_MAP(X)
#undef X
	};

	switch (key->kind) {
	case KEY_FIELD:
		return key->id >= FIELD_EXITS && key->id <= FIELD_TAKEN ? KEY_TYPE_COUNTER
									  : KEY_TYPE_NONE;
	case KEY_WORKLOAD:
		if (key->id >= WORKLOAD_COUNT)
			return KEY_TYPE_NONE;
		return workload[key->id] == WORKLOAD_GAUGE ? KEY_TYPE_GAUGE : KEY_TYPE_COUNTER;
	case KEY_PROCESS:
		return KEY_TYPE_AMOUNT;
	case KEY_BUCKET:
		return KEY_TYPE_NONE;
	default:
		return key->kind < KEY_KINDS ? KEY_TYPE_COUNTER : KEY_TYPE_NONE;
	}
}

static const struct {
	const char *name, *unit;
} fields[FIELDS] = {
	[FIELD_T_BOOT_NS] = { "t_boot_ns", "ns" },
	[FIELD_EXITS] = { "exits", "1" },
	[FIELD_HANDLING] = { "handling_cycles", "cycles" },
	[FIELD_AWAY] = { "away_cycles", "cycles" },
	[FIELD_IDLE] = { "idle_cycles", "cycles" },
	[FIELD_AGENT_EXITS] = { "agent_exits", "1" },
	[FIELD_TAKEN] = { "taken", "1" },
	[FIELD_INTERVAL_US] = { "interval_us", "us" },
	[FIELD_PACE] = { "pace", "" },
	[FIELD_CLOCK_ERROR_NS] = { "clock_error_ns", "ns" },
}, lists[KEY_KINDS] = {
	[KEY_REASON_COUNT] = { "reason_exits", "1" },
	[KEY_REASON_HANDLING] = { "reason_handling_cycles", "cycles" },
	[KEY_REASON_AWAY] = { "reason_away_cycles", "cycles" },
	[KEY_VCPU_COUNT] = { "vcpu_exits", "1" },
	[KEY_VCPU_HANDLING] = { "vcpu_handling_cycles", "cycles" },
	[KEY_INTERRUPT] = { "interrupt_source", "1" },
	[KEY_PROCESS] = { "process_cpu_us", "us" },
	[KEY_UNIT] = { "unit_cpu_us", "us" },
}, workload[WORKLOAD_COUNT] = {
#define X(identifier, type, unit) { #identifier, unit },
	WORKLOAD_MAP(X)
#undef X
};

const char *key_kind_name(const struct key *key)
{
	if (key->kind == KEY_FIELD)
		return key->id < FIELDS ? fields[key->id].name : NULL;
	if (key->kind == KEY_WORKLOAD)
		return key->id < WORKLOAD_COUNT ? workload[key->id].name : NULL;
	return key->kind < KEY_KINDS ? lists[key->kind].name : NULL;
}

const char *key_unit(const struct key *key)
{
	if (!key_kind_name(key))
		return "";
	return key->kind == KEY_FIELD	   ? fields[key->id].unit
	       : key->kind == KEY_WORKLOAD ? workload[key->id].unit
					   : lists[key->kind].unit;
}

int key_kind_parse(const char *name, struct key *ret_key, bool *ret_any)
{
	*ret_key = (struct key){ .kind = KEY_FIELD };
	*ret_any = false;
	for (uint32_t i = 0; i < FIELDS; i++) {
		if (fields[i].name && strcmp(fields[i].name, name) == 0) {
			ret_key->id = i;
			return 0;
		}
	}
	ret_key->kind = KEY_WORKLOAD;
	for (uint32_t i = 0; i < WORKLOAD_COUNT; i++) {
		if (strcmp(workload[i].name, name) == 0) {
			ret_key->id = i;
			return 0;
		}
	}
	*ret_any = true;
	for (uint8_t i = 0; i < KEY_KINDS; i++) {
		if (lists[i].name && strcmp(lists[i].name, name) == 0) {
			ret_key->kind = i;
			return 0;
		}
	}
	return -EINVAL;
}

bool key_is_vm_counter(const struct key *key)
{
	return (key->kind == KEY_FIELD && key->id >= FIELD_EXITS && key->id <= FIELD_IDLE) ||
	       (key->kind >= KEY_REASON_COUNT && key->kind <= KEY_VCPU_HANDLING);
}
