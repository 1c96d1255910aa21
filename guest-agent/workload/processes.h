/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which processes used the CPUs most since the last look, from /proc/PID/stat.
 * Non-logging, no allocation.
 */
#ifndef GUEST_AGENT_PROCESSES_H
#define GUEST_AGENT_PROCESSES_H

#include "guest-agent/shared/detail.h"
#include "guest-agent/workload/lines.h"

#define PROCESSES_MAX 24		/* in a list */
#define PROCESSES_KNOWN 4096		/* remembered; those beyond are not looked at */

/* /proc/PID/stat; its numbers wrap, so only differences count. */
struct processes_stat {
	uint32_t pid;
	uint32_t start;			/* tells processes with the same id apart */
	uint32_t ticks;			/* of CPU time */
	char name[DETAIL_NAME_MAX + 1];
};

struct processes_known {
	uint32_t pid;
	uint32_t start;
	uint32_t ticks;
};

struct processes_busy {
	uint32_t pid;
	uint32_t ticks;			/* since the last look */
	char name[DETAIL_NAME_MAX + 1];
};

struct processes {
	int dir_fd;
	bool looked;			/* once: there is something to compare with */
	uint32_t looked_ticks;		/* CLOCK_BOOTTIME then */
	/* Ascending. While looking, new ones follow behind the @before from the last look. */
	struct processes_known known[PROCESSES_KNOWN];
	size_t before, now;
	uint8_t seen[PROCESSES_KNOWN / 8];
	struct processes_busy busy[PROCESSES_MAX];
	size_t busy_count, busy_max;
};

void processes_init(struct processes *processes);
void processes_done(struct processes *processes);

/*
 * Look at all processes below @root, and write up to @max of those that have used
 * CPU time since the last look as a list, those with most first. The first look has
 * none. A process that has ended since is in none.
 */
void processes_put(struct processes *processes, const char *root, struct lines_buffer *buffer,
		   size_t max, struct wire_writer *detail);

/* False unless @text is what /proc/PID/stat has. Blanks and parentheses in a name are its own. */
bool processes_parse(const char *text, struct processes_stat *ret_stat);

#endif
