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

void lost_gap(struct lost *lost, uint32_t cause, uint64_t count)
{
	/* Those were not taken. */
	if (cause == GAP_MISSED)
		return;
	if (count == 0 || __builtin_add_overflow(lost->told, count, &lost->told))
		lost->untold++;
}

/* Missing in front of @sample, beside what gaps tell of. */
static uint64_t missing(const struct lost *lost, const struct sample *sample)
{
	uint64_t all;

	if (!lost->known || !(sample->has & SAMPLE_HAS_AGENT) || sample->taken <= lost->taken)
		return 0;
	all = sample->taken - lost->taken - 1;
	return all > lost->told ? all - lost->told : 0;
}

uint64_t lost_before(const struct lost *lost, const struct sample *sample)
{
	return lost->untold ? 0 : missing(lost, sample);
}

uint64_t lost_untold(const struct lost *lost, const struct sample *sample)
{
	return lost->untold == 1 ? missing(lost, sample) : 0;
}

void lost_sample(struct lost *lost, const struct sample *sample)
{
	*lost = (struct lost){
		.known = sample->has & SAMPLE_HAS_AGENT && sample->taken > 0,
		.taken = sample->taken,
	};
}
