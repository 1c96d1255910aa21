/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/rate.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	enum workload_type type;
	const char *unit;
} workload_kinds[] = {
#define X(identifier, type, unit) { #identifier, type, unit },
	WORKLOAD_MAP(X)
#undef X
};

/* From the lowest enum rate_kind on. */
static const char *const exit_kinds[] = { "count", "handling", "away" };

int rate_kind_parse(const char *name, int *ret_kind)
{
	for (int kind = RATE_COUNT; kind < 0; kind++) {
		if (strcmp(exit_kinds[kind - RATE_COUNT], name) == 0) {
			*ret_kind = kind;
			return 0;
		}
	}
	for (int i = 0; i < WORKLOAD_COUNT; i++) {
		if (strcmp(workload_kinds[i].name, name) == 0) {
			*ret_kind = i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *rate_kind_name(int kind)
{
	return kind < 0 ? exit_kinds[kind - RATE_COUNT] : workload_kinds[kind].name;
}

const char *rate_kind_unit(int kind)
{
	static const struct {
		const char *counted, *rate;
	} units[] = { { "ms", "ms/s" }, { "us", "us/s" }, { "B", "B/s" } };

	if (kind == RATE_COUNT)
		return "exits/s";
	if (kind < 0)
		return "1";
	if (workload_kinds[kind].type == WORKLOAD_GAUGE)
		return workload_kinds[kind].unit;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(workload_kinds[kind].unit, units[i].counted) == 0)
			return units[i].rate;
	}
	return "1/s";
}

struct reading {
	bool known;
	uint64_t value;
};

static struct reading counter_of(const struct sample *sample, int kind)
{
	if (kind == RATE_COUNT)
		return (struct reading){ sample->has & SAMPLE_HAS_EXITS, sample->exits };
	if (kind == RATE_HANDLING)
		return (struct reading){ sample->has & SAMPLE_HAS_HANDLING,
					 sample->handling_cycles };
	if (kind == RATE_AWAY)
		return (struct reading){ sample->has & SAMPLE_HAS_AWAY, sample->away_cycles };
	return (struct reading){ sample->workload.mask >> kind & 1, sample->workload.value[kind] };
}

bool rate_interval(const struct boot *boot, const struct sample *before, const struct sample *now,
		   int kind, double *ret_seconds, double *ret_amount)
{
	struct reading to = counter_of(now, kind);
	struct reading from = { .known = false };
	double seconds, amount;
	int64_t from_ns;

	if (now->has & SAMPLE_AFTER_GAP)
		return false;
	if (before) {
		from = counter_of(before, kind);
		from_ns = before->t_wall_ns;
	} else {
		/* The guest's own counters begin later, with its kernel. */
		if (boot->cause != BOOT_CREATED || kind >= 0)
			return false;
		from.known = true;
		from_ns = boot->opened_ns;
	}
	if (!to.known || !from.known || (int64_t)now->t_wall_ns <= from_ns)
		return false;
	seconds = ((int64_t)now->t_wall_ns - from_ns) / 1e9;
	if (kind >= 0 && workload_kinds[kind].type == WORKLOAD_GAUGE) {
		amount = (double)to.value * seconds;
	} else {
		if (to.value < from.value)
			return false;
		amount = (double)(to.value - from.value);
	}
	if (kind == RATE_HANDLING || kind == RATE_AWAY) {
		if (boot->tsc_khz == 0 || boot->vcpus == 0)
			return false;
		amount /= boot->tsc_khz * 1000.0 * boot->vcpus;
	}
	*ret_seconds = seconds;
	*ret_amount = amount;
	return true;
}
