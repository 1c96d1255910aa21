/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/accept.h"

#include "guest-agent/shared/detail.h"

static bool clock_is_possible(const struct accept_facts *facts, const struct sample *sample)
{
	int64_t host_ns = sample->host_ns;

	if (!(sample->has & SAMPLE_HAS_CLOCK))
		return true;
	return host_ns - facts->arrived_ns <= ACCEPT_FUTURE_NS + facts->set_back_ns &&
	       host_ns >= facts->created_ns - ACCEPT_SLACK_NS - facts->set_back_ns;
}

static bool cycles_are_possible(const struct accept_facts *facts, const struct sample *sample)
{
	int64_t until_ns = sample->has & SAMPLE_HAS_CLOCK
				   ? (int64_t)sample->host_ns + sample->clock_error_ns
				   : facts->arrived_ns;
	double most, away = (double)sample->away_cycles + sample->idle_cycles;

	if (!facts->created_ns || !facts->vcpus || !facts->tsc_khz)
		return true;
	until_ns += facts->set_back_ns;
	if (until_ns < facts->created_ns)
		until_ns = facts->created_ns;
	most = (double)(until_ns - facts->created_ns) * 1.001 + ACCEPT_SLACK_NS;
	most *= facts->tsc_khz / 1e6 * facts->vcpus;
	return (!(sample->has & SAMPLE_HAS_HANDLING) || sample->handling_cycles <= most) &&
	       (!(sample->has & SAMPLE_HAS_AWAY) || away <= most);
}

static bool sums_are_possible(const struct counters *before, const struct sample *sample)
{
	uint64_t sum;

	if (!(sample->has & SAMPLE_HAS_EXITS))
		return true;
	if (sample->exits < before->least)
		return false;
	return !counters_sum(sample, DETAIL_REASONS, &sum) || sum >= sample->exits;
}

enum quarantine_cause accept_sample(const struct accept_facts *facts,
				    const struct counters *before, const struct sample *sample)
{
	if (!clock_is_possible(facts, sample))
		return QUARANTINE_CLOCK;
	if (counters_fell(before, sample))
		return QUARANTINE_FELL;
	if (!cycles_are_possible(facts, sample))
		return QUARANTINE_CYCLES;
	return sums_are_possible(before, sample) ? QUARANTINE_NONE : QUARANTINE_SUM;
}
