/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID executed by this guest's kernel, through /dev/cpu/N/cpuid of its module
 * "cpuid": for hosts that answer only there. For root. Non-logging.
 */
#ifndef GUEST_AGENT_CPUID_DEVICE_H
#define GUEST_AGENT_CPUID_DEVICE_H

#include <stdint.h>

#define CPUID_DEVICE_CPUS 64

struct cpuid_device {
	const char *root;
	int fd[CPUID_DEVICE_CPUS];	/* opened once; -1: not yet */
};

/* @root is "/dev/cpu", or a test's; kept, not copied. */
void cpuid_device_init(struct cpuid_device *device, const char *root);
void cpuid_device_done(struct cpuid_device *device);

/*
 * Ask on the CPU that runs this, or if that has no device on the first: 0, or -errno
 * (-ENOENT: no module; -EACCES, -EPERM: not root).
 * The device has the index in the upper half of a file's position, which is never
 * negative: an index with its highest bit set cannot be asked for (-EINVAL).
 */
int cpuid_device_ask(struct cpuid_device *device, uint32_t leaf, uint32_t index, uint32_t regs[4]);

#endif
