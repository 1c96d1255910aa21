/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/kind.h"

#include <errno.h>
#include <string.h>

/* 0 is no kind by reason or vCPU: KEY_FIELD. */
static const struct {
	const char *word;
	enum key_field field;
	enum key_kind by_reason, by_vcpu;
} words[] = {
	{ "count", FIELD_EXITS, KEY_REASON_COUNT, KEY_VCPU_COUNT },
	{ "handling", FIELD_HANDLING, KEY_REASON_HANDLING, KEY_VCPU_HANDLING },
	{ "away", FIELD_AWAY, KEY_REASON_AWAY, 0 },
	{ "idle", FIELD_IDLE, 0, 0 },
	{ "agent", FIELD_AGENT_EXITS, 0, 0 },
	{ "taken", FIELD_TAKEN, 0, 0 },
};

#define WORDS (sizeof(words) / sizeof(words[0]))

int kind_parse(const char *word, struct key *ret_key, bool *ret_named)
{
	*ret_named = false;
	for (size_t i = 0; i < WORDS; i++) {
		if (strcmp(words[i].word, word) == 0) {
			*ret_key = (struct key){ .kind = KEY_FIELD, .id = words[i].field };
			return 0;
		}
	}
	if (key_kind_parse(word, ret_key, ret_named) < 0 || ret_key->kind == KEY_FIELD ||
	    (ret_key->kind >= KEY_REASON_COUNT && ret_key->kind <= KEY_VCPU_HANDLING))
		return -EINVAL;
	return 0;
}

/* Its place in the table, WORDS for none. */
static size_t place_of(const struct key *key)
{
	size_t i = 0;

	for (; i < WORDS; i++) {
		if (key->kind == KEY_FIELD ? words[i].field == key->id
					   : words[i].by_reason == key->kind ||
						     words[i].by_vcpu == key->kind)
			break;
	}
	return i;
}

bool kind_by_reason(struct key *key)
{
	size_t i = place_of(key);

	if (key->kind != KEY_FIELD || i == WORDS || !words[i].by_reason)
		return false;
	key->kind = words[i].by_reason;
	return true;
}

bool kind_by_vcpu(struct key *key)
{
	size_t i = place_of(key);

	if (key->kind != KEY_FIELD || i == WORDS || !words[i].by_vcpu)
		return false;
	key->kind = words[i].by_vcpu;
	return true;
}

bool kind_is_by_reason(const struct key *key)
{
	return key->kind >= KEY_REASON_COUNT && key->kind <= KEY_REASON_AWAY;
}

bool kind_is_by_vcpu(const struct key *key)
{
	return key->kind == KEY_VCPU_COUNT || key->kind == KEY_VCPU_HANDLING;
}

const char *kind_name(const struct key *key)
{
	size_t i = place_of(key);

	return i < WORDS ? words[i].word : key_kind_name(key);
}

const char *kind_unit(const struct key *key, bool cumulative)
{
	static const struct {
		const char *counted, *rate;
	} units[] = { { "ms", "ms/s" }, { "us", "us/s" }, { "B", "B/s" } };
	const char *unit = key_unit(key), *name = kind_name(key);

	if (strcmp(unit, "cycles") == 0)
		return cumulative ? "s" : "1";
	if (strcmp(name, "count") == 0 || strcmp(name, "agent") == 0)
		return cumulative ? "exits" : "exits/s";
	if (cumulative || key_type(key) == KEY_TYPE_GAUGE)
		return unit;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(unit, units[i].counted) == 0)
			return units[i].rate;
	}
	return "1/s";
}

bool kind_is_share(const struct key *key)
{
	return strcmp(key_unit(key), "cycles") == 0;
}

bool kind_accumulates(const struct key *key)
{
	return key_type(key) == KEY_TYPE_COUNTER;
}

double kind_scale(const struct key *key, const struct boot *boot, bool cumulative)
{
	double hz = boot->tsc_khz * 1000.0;

	if (!kind_is_share(key))
		return 1;
	if (boot->tsc_khz == 0 || (boot->vcpus == 0 && !cumulative && !kind_is_by_vcpu(key)))
		return 0;
	return 1 / (cumulative || kind_is_by_vcpu(key) ? hz : hz * boot->vcpus);
}
