/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU time of systemd's units, from the groups that it makes for them (cgroup v2):
 * those of the system each on its own, users and other slices each as a whole.
 * Non-logging, no allocation.
 */
#ifndef GUEST_AGENT_UNITS_H
#define GUEST_AGENT_UNITS_H

#include "guest-agent/shared/detail.h"
#include "guest-agent/workload/lines.h"

#define UNITS_MAX 32			/* in a list */
#define UNITS_KNOWN 96			/* watched; those beyond are not */
#define UNITS_SCAN_NS 10000000000ULL	/* between looks for new ones */

struct units_unit {
	int fd;				/* of its cpu.stat, kept open */
	bool seen;
	uint64_t usage_us;
	uint64_t recent_us;		/* since the last look */
	char name[DETAIL_NAME_MAX + 1];
};

struct units {
	int sys_fd, root_fd;
	uint64_t scan_ns;		/* when to look for new ones */
	struct units_unit unit[UNITS_KNOWN];
	size_t count;
};

void units_init(struct units *units);
void units_done(struct units *units);

/*
 * Look at the groups below @sys/fs/cgroup and write up to @max units as a list, those
 * first that used most since the last look, then those that ever did. Without
 * cgroup v2, or systemd in it, there is no list. @now_ns is of any steady clock.
 */
void units_put(struct units *units, const char *sys, struct lines_buffer *buffer, uint64_t now_ns,
	       size_t max, struct wire_writer *detail);

/* Microseconds of CPU time in the text of a cpu.stat. */
bool units_parse(const char *text, uint64_t *ret_usage_us);

#endif
