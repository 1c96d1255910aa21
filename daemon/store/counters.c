/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/counters.h"

#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/detail.h"

bool counters_sum(const struct sample *sample, int list, uint64_t *ret_sum)
{
	struct detail_entry entry;
	struct detail_iter iter;
	uint64_t sum = 0;

	if (!detail_find(sample->detail, sample->detail_len, list, &iter))
		return false;
	while (detail_next(&iter, &entry)) {
		if (__builtin_add_overflow(sum, entry.value, &sum))
			sum = UINT64_MAX;
	}
	*ret_sum = sum;
	return true;
}

static void set_detail(struct counters *c, const uint8_t *detail, size_t len)
{
	if (len > c->detail_size) {
		free(c->detail);
		c->detail = malloc(len);
		c->detail_size = c->detail ? len : 0;
	}
	c->detail_len = len <= c->detail_size ? len : 0;
	if (c->detail_len)
		memcpy(c->detail, detail, len);
}

void counters_set(struct counters *counters, const struct sample *sample)
{
	static const int lists[] = { DETAIL_REASONS, DETAIL_VCPUS };
	uint64_t sum;

	counters->has |= sample->has;
	if (sample->has & SAMPLE_HAS_EXITS) {
		counters->exits = sample->exits;
		if (sample->exits > counters->least)
			counters->least = sample->exits;
	}
	if (sample->has & SAMPLE_HAS_HANDLING)
		counters->handling_cycles = sample->handling_cycles;
	if (sample->has & SAMPLE_HAS_AWAY) {
		counters->away_cycles = sample->away_cycles;
		counters->idle_cycles = sample->idle_cycles;
	}
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (counters_sum(sample, lists[i], &sum) && sum > counters->least)
			counters->least = sum;
	}
	if (sample->detail_len)
		set_detail(counters, sample->detail, sample->detail_len);
}

void counters_done(struct counters *counters)
{
	free(counters->detail);
	*counters = (struct counters){ 0 };
}

void counters_copy(struct counters *to, const struct counters *from)
{
	counters_done(to);
	*to = *from;
	to->detail = NULL;
	to->detail_size = 0;
	set_detail(to, from->detail, from->detail_len);
}

/* Both lists ascend; an entry that only one has says nothing here. */
static bool list_fell(const struct counters *before, const struct sample *now, int list)
{
	struct detail_iter old, new;
	struct detail_entry a, b;
	bool more;

	if (!detail_find(before->detail, before->detail_len, list, &old) ||
	    !detail_find(now->detail, now->detail_len, list, &new))
		return false;
	more = detail_next(&new, &b);
	while (more && detail_next(&old, &a)) {
		while (more && b.id < a.id)
			more = detail_next(&new, &b);
		if (more && b.id == a.id &&
		    (b.value < a.value || b.handling_cycles < a.handling_cycles ||
		     b.away_cycles < a.away_cycles))
			return true;
	}
	return false;
}

bool counters_fell(const struct counters *counters, const struct sample *sample)
{
	uint32_t both = counters->has & sample->has;

	return (both & SAMPLE_HAS_EXITS && sample->exits < counters->exits) ||
	       (both & SAMPLE_HAS_HANDLING &&
		sample->handling_cycles < counters->handling_cycles) ||
	       (both & SAMPLE_HAS_AWAY && (sample->away_cycles < counters->away_cycles ||
					   sample->idle_cycles < counters->idle_cycles)) ||
	       list_fell(counters, sample, DETAIL_REASONS) ||
	       list_fell(counters, sample, DETAIL_VCPUS);
}
