/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/rate.h"

struct reading {
	bool known;
	uint64_t value;
};

static struct reading counter_of(const struct sample *sample, enum rate_kind kind)
{
	if (kind == RATE_COUNT)
		return (struct reading){ sample->has & SAMPLE_HAS_EXITS, sample->exits };
	if (kind == RATE_LOST)
		return (struct reading){ sample->has & SAMPLE_HAS_AWAY, sample->away_cycles };
	return (struct reading){ sample->has & SAMPLE_HAS_HANDLING, sample->handling_cycles };
}

bool rate_interval(const struct boot *boot, const struct sample *before, const struct sample *now,
		   enum rate_kind kind, double *ret_seconds, double *ret_amount)
{
	struct reading to = counter_of(now, kind);
	struct reading from = { .known = boot->cause == BOOT_CREATED };
	int64_t from_ns = boot->opened_ns;
	double amount;

	if (now->has & SAMPLE_AFTER_GAP)
		return false;
	if (before) {
		from = counter_of(before, kind);
		from_ns = before->t_wall_ns;
	}
	if (!to.known || !from.known || to.value < from.value ||
	    (int64_t)now->t_wall_ns <= from_ns)
		return false;
	amount = (double)(to.value - from.value);
	if (kind != RATE_COUNT) {
		if (boot->tsc_khz == 0 || boot->vcpus == 0)
			return false;
		amount /= boot->tsc_khz * 1000.0 * boot->vcpus;
	}
	*ret_seconds = ((int64_t)now->t_wall_ns - from_ns) / 1e9;
	*ret_amount = amount;
	return true;
}
