/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsonlive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/jsonparts.h"
#include "guest-agent/shared/detail.h"

/* An entry takes four bytes at least. */
#define ENTRIES_MAX (FRAME_PAYLOAD_MAX / 4)

/* A number of 32 bits and three with 6 digits and an exponent, with what is between them. */
#define ENTRY_TEXT_MAX 64

int jsonlive_sample(const struct query_vm *vm, const struct row_pair *pair, char **ret_text)
{
	double dt = 0;
	json_t *exits_rate = jsonparts_rate(pair, RATE_COUNT, &dt);
	json_t *share = jsonparts_rate(pair, RATE_HANDLING, &dt);
	json_t *lost = jsonparts_rate(pair, RATE_LOST, &dt);

	return jsonparts_finish(
		json_pack("{sosIsssosososososo}", "vm", jsonparts_text(vm->key), "boot",
			  (json_int_t)pair->row.boot->number, "source",
			  jsonparts_source(pair->row.source), "t",
			  jsonparts_seconds(pair->row.sample.t_wall_ns), "dt", json_real(dt),
			  "exits",
			  jsonparts_count(pair->row.sample.has & SAMPLE_HAS_EXITS, pair->exits),
			  "exits_rate", exits_rate, "handling_share", share, "lost_share", lost),
		ret_text);
}

static struct detail_iter list_of(const struct sample *sample, bool *ret_has)
{
	struct detail_iter iter = { 0 };

	*ret_has = detail_find(sample->detail, sample->detail_len, DETAIL_REASONS, &iter);
	return iter;
}

/*
 * What happened between the two lists, ascending by number both. Returns how many entries, or
 * -ENOENT if one is missing or something fell. @before NULL: all was zero.
 */
static int subtract(const struct sample *before, const struct sample *now,
		    struct detail_entry *entries)
{
	struct detail_entry entry, was = { 0 };
	struct detail_iter from = { 0 }, to;
	bool has, more = false;
	int count = 0;

	to = list_of(now, &has);
	if (has && before)
		from = list_of(before, &has);
	if (!has)
		return -ENOENT;
	more = before && detail_next(&from, &was);
	while (detail_next(&to, &entry) && count < ENTRIES_MAX) {
		while (more && was.id < entry.id)
			more = detail_next(&from, &was);
		if (more && was.id == entry.id) {
			if (was.value > entry.value || was.handling_cycles > entry.handling_cycles ||
			    was.away_cycles > entry.away_cycles)
				return -ENOENT;
			entry.value -= was.value;
			entry.handling_cycles -= was.handling_cycles;
			entry.away_cycles -= was.away_cycles;
		}
		if (entry.value || entry.away_cycles)
			entries[count++] = entry;
	}
	return count;
}

/* A number of JSON or null, at @text; returns its length. */
static int put(char *text, size_t size, bool known, double value)
{
	return known ? snprintf(text, size, ",%.6g", value) : snprintf(text, size, ",null");
}

int jsonlive_reasons(const struct row_pair *pair, char **ret_text)
{
	static _Thread_local struct detail_entry entries[ENTRIES_MAX];
	char text[JSONLIVE_REASONS_MAX * ENTRY_TEXT_MAX + 8] = "null";
	const struct sample *now = &pair->row.sample;
	const struct boot *boot = pair->row.boot;
	double dt, amount, cycles;
	size_t len = 0;
	int count = -ENOENT;

	if (rate_interval(boot, pair->has_before ? &pair->before : NULL, now, RATE_COUNT, &dt,
			  &amount) &&
	    dt >= (pair->has_before ? RATE_LEAST_S : RATE_LEAST_FIRST_S))
		count = subtract(pair->has_before ? &pair->before : NULL, now, entries);
	if (count >= 0) {
		qsort(entries, count, sizeof(entries[0]), jsonparts_by_weight);
		len += snprintf(text, sizeof(text), "[");
		cycles = boot->tsc_khz * 1000.0 * boot->vcpus * dt;
	}
	for (int i = 0; i < count && i < JSONLIVE_REASONS_MAX; i++) {
		const struct detail_entry *e = &entries[i];

		len += snprintf(text + len, sizeof(text) - len, "%s[%u,%.6g", i ? "," : "", e->id,
				e->value / dt);
		len += put(text + len, sizeof(text) - len, cycles > 0 && now->has & SAMPLE_HAS_HANDLING,
			   e->handling_cycles / cycles);
		len += put(text + len, sizeof(text) - len, cycles > 0 && now->has & SAMPLE_HAS_AWAY,
			   e->away_cycles / cycles);
		len += snprintf(text + len, sizeof(text) - len, "]");
	}
	if (count >= 0)
		snprintf(text + len, sizeof(text) - len, "]");
	*ret_text = strdup(text);
	return *ret_text ? 0 : -ENOMEM;
}
