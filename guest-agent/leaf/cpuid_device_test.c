/* SPDX-License-Identifier: GPL-2.0-or-later */
/* On files that have answers where the device would. */
#include "guest-agent/leaf/cpuid_device.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-agent/shared/tap.h"

static char dir[] = "/tmp/vmexit-cpuid-XXXXXX";

static void path_of(char *path, size_t size, int cpu, const char *name)
{
	snprintf(path, size, "%s/%d%s", dir, cpu, name);
}

/* A file with holes: 16 bytes at the position of @leaf and @index. */
static void write_answer(int cpu, uint32_t leaf, uint32_t index, const char *answer)
{
	char path[128];
	int fd;

	path_of(path, sizeof(path), cpu, "");
	mkdir(path, 0700);
	path_of(path, sizeof(path), cpu, "/cpuid");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || pwrite(fd, answer, 16, (off_t)index << 32 | leaf) != 16)
		perror(path);
	close(fd);
}

static void forget_cpu(int cpu)
{
	char path[128];

	path_of(path, sizeof(path), cpu, "/cpuid");
	unlink(path);
	path_of(path, sizeof(path), cpu, "");
	rmdir(path);
}

/* On CPU 1, or 0 if there is but one. Returns which. */
static int go_to_a_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(1, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0 ? 1 : 0;
}

int main(void)
{
	struct cpuid_device device;
	int cpu = go_to_a_cpu();
	uint32_t regs[4];
	int r;

	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	cpuid_device_init(&device, dir);
	ok(cpuid_device_ask(&device, 0x4fffff00, 0, regs) == -ENOENT, "no module: no such file");
	write_answer(0, 0x40000000, 7, "zero's at seven.");
	r = cpuid_device_ask(&device, 0x40000000, 7, regs);
	ok(r == 0 && memcmp(regs, "zero's at seven.", 16) == 0,
	   "the index is the upper half of the position");
	/* File systems end before 2^63 bytes, where the device does not. */
	write_answer(cpu, 0x40000001, 0, "own CPU's answer");
	r = cpuid_device_ask(&device, 0x40000001, 0, regs);
	ok(r == 0 && memcmp(regs, "own CPU's answer", 16) == 0, "the own CPU's device comes first");
	ok(cpuid_device_ask(&device, 0x4fffffff, 0x80000000, regs) == -EINVAL &&
		   cpuid_device_ask(&device, 0x4ffffffd, 0xfffffffe, regs) == -EINVAL,
	   "an index with its highest bit set cannot be asked for");
	ok(cpuid_device_ask(&device, 0x7fffffff, 100, regs) == -EIO, "an end of file is an error");
	forget_cpu(0);
	forget_cpu(cpu);
	r = cpuid_device_ask(&device, 0x40000001, 0, regs);
	ok(r == 0, "a device is opened once: what has been opened stays");
	cpuid_device_done(&device);
	ok(cpuid_device_ask(&device, 0x40000001, 0, regs) == -ENOENT, "until the end");
	cpuid_device_done(&device);
	rmdir(dir);
	return done_testing();
}
