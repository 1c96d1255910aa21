/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands in for the agent in the lab's own test. For each line "EAX ECX" (hex)
 * that comes in on the virtio port, execute CPUID and answer "EAX ECX EAX EBX ECX
 * EDX", the question first. "loop N" executes the total leaf N times and answers
 * how often exits or cycles went backwards.
 */
#include <cpuid.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/uapi/vmexit_cpuid.h"

static unsigned long backwards(unsigned long rounds)
{
	uint64_t exits, cycles, last_exits = 0, last_cycles = 0;
	unsigned int a, b, c, d;
	unsigned long i, bad = 0;

	for (i = 0; i < rounds; i++) {
		__cpuid_count(VMEXIT_CPUID_TOTAL, 0, a, b, c, d);
		exits = (uint64_t)d << 32 | a;
		cycles = (uint64_t)b << 32 | c;
		if (exits <= last_exits || cycles < last_cycles)
			bad++;
		last_exits = exits;
		last_cycles = cycles;
	}
	return bad;
}

static int answer(const char *line, char *out, size_t size)
{
	unsigned int a, b, c, d, leaf, index;
	unsigned long rounds;

	if (sscanf(line, "loop %lu", &rounds) == 1)
		return snprintf(out, size, "loop %lu %lu\n", rounds, backwards(rounds));
	if (sscanf(line, "%x %x", &leaf, &index) != 2)
		return snprintf(out, size, "?\n");
	__cpuid_count(leaf, index, a, b, c, d);
	return snprintf(out, size, "%x %x %08x %08x %08x %08x\n", leaf, index, a, b, c, d);
}

int main(void)
{
	char in[128], out[64];
	size_t used = 0;
	ssize_t n;
	int fd;

	fd = open("/dev/vport0p1", O_RDWR | O_CLOEXEC);
	while (fd < 0) {
		usleep(100000);
		fd = open("/dev/vport0p1", O_RDWR | O_CLOEXEC);
	}
	for (;;) {
		n = read(fd, in + used, 1);
		if (n <= 0) {
			/* Nobody is connected on the host's side. */
			usleep(20000);
			continue;
		}
		if (in[used] != '\n' && used < sizeof(in) - 2) {
			used++;
			continue;
		}
		in[used] = '\0';
		used = 0;
		n = answer(in, out, sizeof(out));
		if (write(fd, out, (size_t)n) != n)
			usleep(20000);
	}
}
