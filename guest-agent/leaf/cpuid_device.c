/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/leaf/cpuid_device.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "guest-agent/workload/lines.h"

void cpuid_device_init(struct cpuid_device *device, const char *root)
{
	device->root = root;
	for (int i = 0; i < CPUID_DEVICE_CPUS; i++)
		device->fd[i] = -1;
}

void cpuid_device_done(struct cpuid_device *device)
{
	for (int i = 0; i < CPUID_DEVICE_CPUS; i++)
		lines_close(&device->fd[i]);
}

static int open_cpu(struct cpuid_device *device, int cpu)
{
	char name[32];

	snprintf(name, sizeof(name), "%d/cpuid", cpu);
	return lines_open(&device->fd[cpu], device->root, name);
}

int cpuid_device_ask(struct cpuid_device *device, uint32_t leaf, uint32_t index, uint32_t regs[4])
{
	uint64_t at = (uint64_t)index << 32 | leaf;
	int cpu = sched_getcpu();
	ssize_t n;
	int r;

	/* From another CPU the kernel would interrupt this one. */
	if (cpu < 0 || cpu >= CPUID_DEVICE_CPUS || open_cpu(device, cpu) < 0)
		cpu = 0;
	r = open_cpu(device, cpu);
	if (r < 0)
		return r;
	if (at > INT64_MAX)
		return -EINVAL;
	do {
		n = pread(device->fd[cpu], regs, 16, at);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 16 ? 0 : -EIO;
}
