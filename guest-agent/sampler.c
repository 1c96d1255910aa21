/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/sampler.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* A leaf that only the kernel can read is looked for at one sample in so many. */
#define LOOK_DEEPER 64

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

uint64_t sampler_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* What the host answers now. */
static void detect(struct sampler *sampler)
{
	struct leaf before = sampler->leaf;
	uint64_t generation = sampler->generation;

	sampler->looks = 0;
	sampler->generation = 0;
	leaf_detect(&sampler->cpu, &sampler->leaf);
	if (sampler->leaf.state == LEAF_PRESENT)
		sampler->generation = counters_generation(&sampler->cpu, &sampler->leaf);
	/* The vCPU that asked is no news. */
	before.vcpu = sampler->leaf.vcpu;
	sampler->changed |= memcmp(&before, &sampler->leaf, sizeof(before)) != 0 ||
			    generation != sampler->generation;
}

void sampler_init(struct sampler *sampler, const struct sampler_settings *settings)
{
	sampler->settings = *settings;
	cpuid_device_init(&sampler->device, "/dev/cpu");
	leaf_cpu_init(&sampler->cpu, &sampler->device);
	procfs_init(&sampler->procfs, "/proc");
	interrupts_init(&sampler->interrupts);
	processes_init(&sampler->processes);
	units_init(&sampler->units);
	detect(sampler);
	sampler->changed = false;
}

void sampler_done(struct sampler *sampler)
{
	cpuid_device_done(&sampler->device);
	procfs_done(&sampler->procfs);
	interrupts_done(&sampler->interrupts);
	processes_done(&sampler->processes);
	units_done(&sampler->units);
}

bool sampler_check_leaf(struct sampler *sampler)
{
	bool changed = sampler->changed;

	sampler->changed = false;
	return !changed;
}

/* Nothing to read: see whether there is now. On bare metal nothing comes or goes. */
static void look_for_leaf(struct sampler *sampler)
{
	bool should_be = sampler->leaf.state == LEAF_OTHER_VERSION;

	if (sampler->leaf.state == LEAF_NO_VM)
		return;
	if (leaf_is_there(&sampler->cpu) != should_be || ++sampler->looks >= LOOK_DEEPER)
		detect(sampler);
}

static int read_counters(struct sampler *sampler, struct wire_writer *detail, struct sample *s)
{
	struct sample empty = *s;
	size_t len = detail->len;
	int r;

	r = counters_read(&sampler->cpu, &sampler->leaf, &sampler->settings.counters, detail, s);
	if (r == 0 && s->generation == sampler->generation)
		return 0;
	*s = empty;
	detail->len = len;
	detect(sampler);
	return r == 0 ? -EAGAIN : r;
}

/* The leaf's part. Another VM than at the last sample: read as what it is now. */
static int take_exits(struct sampler *sampler, struct wire_writer *detail, struct sample *s)
{
	int r = -EAGAIN;

	for (int try = 0; try < 2 && r == -EAGAIN; try++) {
		if (sampler->leaf.state != LEAF_PRESENT) {
			look_for_leaf(sampler);
			return 0;
		}
		r = read_counters(sampler, detail, s);
	}
	return r == -EAGAIN ? -ESTALE : r == -ENODEV ? 0 : r;
}

static void take_interrupts(struct sampler *sampler, struct wire_writer *detail, uint64_t now_ns)
{
	if (sampler->settings.interrupts == 0 ||
	    !ration_begin(&sampler->interrupts_ration, now_ns, sampler_cpu_ns()))
		return;
	interrupts_put(&sampler->interrupts, "/proc", &sampler->buffer,
		       sampler->settings.interrupts, detail);
	ration_end(&sampler->interrupts_ration, now_ns, sampler_cpu_ns());
}

static void take_processes(struct sampler *sampler, struct wire_writer *detail, uint64_t now_ns)
{
	if (sampler->settings.processes == 0 ||
	    !ration_begin(&sampler->processes_ration, now_ns, sampler_cpu_ns()))
		return;
	processes_put(&sampler->processes, "/proc", &sampler->buffer,
		      sampler->settings.processes, detail);
	ration_end(&sampler->processes_ration, now_ns, sampler_cpu_ns());
}

static void take_units(struct sampler *sampler, struct wire_writer *detail, uint64_t now_ns)
{
	if (sampler->settings.units == 0 ||
	    !ration_begin(&sampler->units_ration, now_ns, sampler_cpu_ns()))
		return;
	units_put(&sampler->units, "/sys", &sampler->buffer, now_ns, sampler->settings.units,
		  detail);
	ration_end(&sampler->units_ration, now_ns, sampler_cpu_ns());
}

int sampler_take(struct sampler *sampler, uint8_t *detail, size_t detail_size,
		 struct sample *ret_sample)
{
	struct wire_writer w = { .buf = detail, .size = detail_size };
	struct sample *s = ret_sample;
	int r;

	*s = (struct sample){ .t_boot_ns = sampler_boot_ns() };
	s->sequence = s->t_boot_ns / 1000;
	s->t_wall_ns = sampler_wall_ns();
	/* Next to its time; the workload takes longer to read. */
	r = take_exits(sampler, &w, s);
	if (r < 0)
		return r;
	if (sampler->settings.workload)
		procfs_read(&sampler->procfs, &sampler->buffer, &s->workload);
	take_interrupts(sampler, &w, s->t_boot_ns);
	take_processes(sampler, &w, s->t_boot_ns);
	take_units(sampler, &w, s->t_boot_ns);
	s->detail = detail;
	s->detail_len = w.len;
	return 0;
}
