/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/command/cost.h"

#include <errno.h>
#include <string.h>

#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/reason.h"

/* Counters of one VM only grow. */
static bool grew(uint32_t has, const struct sample *begin, const struct sample *end)
{
	if (begin->has & end->has & SAMPLE_HAS_GENERATION && begin->generation != end->generation)
		return false;
	return end->t_boot_ns > begin->t_boot_ns && end->exits >= begin->exits &&
	       (!(has & COST_HAS_HANDLING) || end->handling_cycles >= begin->handling_cycles) &&
	       (!(has & COST_HAS_AWAY) || end->away_cycles >= begin->away_cycles);
}

static void keep_largest(struct cost *cost, const struct cost_reason *reason)
{
	size_t i = cost->reason_count;

	if (i == COST_REASONS && reason->exits <= cost->reasons[i - 1].exits) {
		cost->other_exits += reason->exits;
		return;
	}
	if (i == COST_REASONS)
		cost->other_exits += cost->reasons[--i].exits;
	else
		cost->reason_count++;
	for (; i > 0 && cost->reasons[i - 1].exits < reason->exits; i--)
		cost->reasons[i] = cost->reasons[i - 1];
	cost->reasons[i] = *reason;
}

/* Idle counts nothing, and who waits loses nothing. */
static void take_reason(struct cost *cost, uint32_t namespace, const struct detail_entry *before,
			const struct detail_entry *after)
{
	const struct cost_reason reason = {
		.reason = after->id,
		.name = reason_name(namespace, after->id),
		.exits = after->value - before->value,
		.handling_cycles = after->handling_cycles - before->handling_cycles,
		.away_cycles = after->away_cycles - before->away_cycles,
	};

	if (reason.exits > 0 && after->value >= before->value)
		keep_largest(cost, &reason);
}

/* Both lists ascend; a reason that is new in the second began at zero. */
static void compute_reasons(struct cost *cost, uint32_t namespace, const struct sample *begin,
			    const struct sample *end)
{
	static const struct detail_entry none;
	struct detail_entry before, after;
	struct detail_iter old, new;
	bool more;

	if (!detail_find(begin->detail, begin->detail_len, DETAIL_REASONS, &old) ||
	    !detail_find(end->detail, end->detail_len, DETAIL_REASONS, &new))
		return;
	cost->has |= COST_HAS_REASONS;
	more = detail_next(&old, &before);
	while (detail_next(&new, &after)) {
		while (more && before.id < after.id)
			more = detail_next(&old, &before);
		take_reason(cost, namespace, more && before.id == after.id ? &before : &none,
			    &after);
	}
}

int cost_compute(const struct proto_hello *hello, const struct sample *begin,
		 const struct sample *end, struct cost *ret_cost)
{
	struct cost cost = { .vcpus = hello->vcpus };
	uint32_t both = begin->has & end->has;

	if (!(both & SAMPLE_HAS_EXITS))
		return -ENODATA;
	if (both & SAMPLE_HAS_HANDLING)
		cost.has |= COST_HAS_HANDLING;
	if (both & SAMPLE_HAS_AWAY)
		cost.has |= COST_HAS_AWAY;
	if (!grew(cost.has, begin, end))
		return -ESTALE;
	cost.seconds = (end->t_boot_ns - begin->t_boot_ns) / 1e9;
	cost.exits = end->exits - begin->exits;
	cost.handling_cycles = end->handling_cycles - begin->handling_cycles;
	cost.away_cycles = end->away_cycles - begin->away_cycles;
	cost.cycles = cost.seconds * hello->tsc_khz * 1e3 * hello->vcpus;
	if (cost.cycles > 0)
		cost.has |= COST_HAS_SHARES;
	compute_reasons(&cost, hello->reason_namespace, begin, end);
	*ret_cost = cost;
	return 0;
}
