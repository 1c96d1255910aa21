/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/lost.h"

void lost_agent(struct lost *lost, uint64_t started, uint64_t last, struct boot *boot)
{
	bool stored = boot->has_taken;

	boot->has_taken = false;
	/* Of a boot without samples nobody knows which a daemon before had. */
	if (started == 0 || last == 0)
		*lost = (struct lost){ 0 };
	else if (started > last)
		*lost = (struct lost){ .known = true };
	else if (!lost->known && stored)
		*lost = (struct lost){ .known = true, .taken = boot->taken };
}

/* A sample has a sequence of its own, so more than those there are not. */
static int64_t within(uint64_t count, uint64_t from, uint64_t to)
{
	return count <= to - from + 1 ? (int64_t)count : -1;
}

int64_t lost_in(const struct lost *lost, const struct proto_gap *gap, uint64_t last)
{
	uint64_t from = gap->from > last ? gap->from : last + 1;
	bool missed = gap->cause == PROTO_GAP_MISSED;

	if (!missed && lost->known && gap->taken >= lost->taken)
		return within(gap->taken - lost->taken, from, gap->to);
	return gap->count && from == gap->from ? within(gap->count, from, gap->to) : -1;
}

void lost_gap(struct lost *lost, const struct proto_gap *gap, int64_t count)
{
	bool missed = gap->cause == PROTO_GAP_MISSED;

	/* One that holds no sample does not tell of those that are missing in front of it. */
	if (gap->taken && !(missed && lost->known)) {
		*lost = (struct lost){ .known = true, .taken = gap->taken };
	} else if (!missed) {
		lost->known = lost->known && count >= 0;
		lost_told(lost, count < 0 ? 0 : count);
	}
}

uint64_t lost_before(const struct lost *lost, const struct sample *sample)
{
	if (!lost->known || !(sample->has & SAMPLE_HAS_TAKEN) || sample->taken <= lost->taken)
		return 0;
	return sample->taken - lost->taken - 1;
}

void lost_told(struct lost *lost, uint64_t count)
{
	if (__builtin_add_overflow(lost->taken, count, &lost->taken))
		lost->known = false;
}

void lost_sample(struct lost *lost, const struct sample *sample)
{
	*lost = (struct lost){
		.known = sample->has & SAMPLE_HAS_TAKEN && sample->taken > 0,
		.taken = sample->taken,
	};
}
