/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/sampler.h"

#include <time.h>

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

uint64_t sampler_boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t sampler_wall_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

void sampler_init(struct sampler *sampler)
{
	leaf_detect(leaf_cpuid, &sampler->leaf);
	procfs_init(&sampler->procfs, "/proc");
}

void sampler_done(struct sampler *sampler)
{
	procfs_done(&sampler->procfs);
}

bool sampler_check_leaf(struct sampler *sampler)
{
	bool there = leaf_is_there(leaf_cpuid);

	if (there == (sampler->leaf.state > LEAF_ABSENT))
		return true;
	/* On bare metal there is nothing to come or go. */
	if (sampler->leaf.state == LEAF_NO_VM)
		return true;
	leaf_detect(leaf_cpuid, &sampler->leaf);
	return false;
}

void sampler_take(struct sampler *sampler, struct sample *ret_sample)
{
	struct sample *s = ret_sample;

	s->has = 0;
	s->t_boot_ns = sampler_boot_ns();
	s->sequence = s->t_boot_ns / 1000;
	if (sampler->leaf.state == LEAF_PRESENT) {
		struct leaf_total total;

		/* Next to its time stamp; the workload takes longer to read. */
		leaf_read_total(leaf_cpuid, &total);
		s->exits = total.exits;
		s->handling_cycles = total.handling_cycles;
		if (sampler->leaf.features & VMEXIT_FEATURE_TOTAL)
			s->has |= SAMPLE_HAS_EXITS;
		if (sampler->leaf.features & VMEXIT_FEATURE_CYCLES)
			s->has |= SAMPLE_HAS_HANDLING;
	}
	s->t_wall_ns = sampler_wall_ns();
	procfs_read(&sampler->procfs, &s->workload);
}
