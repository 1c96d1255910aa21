/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts by source since the guest's start, summed over its CPUs, from
 * /proc/interrupts, which is wide where there are many CPUs and long where there
 * are many devices: it is parsed as it comes. Non-logging, no allocation.
 */
#ifndef GUEST_AGENT_INTERRUPTS_H
#define GUEST_AGENT_INTERRUPTS_H

#include "guest-agent/shared/wire.h"
#include "guest-agent/workload/lines.h"

#define INTERRUPTS_MAX 24		/* in a list */
#define INTERRUPTS_KEPT 64		/* sources among which those are */
#define INTERRUPTS_NAME_MAX 31

struct interrupts_source {
	uint64_t count;
	char name[INTERRUPTS_NAME_MAX + 1];
};

enum interrupts_part { INTERRUPTS_LABEL, INTERRUPTS_COUNTS, INTERRUPTS_TEXT };

struct interrupts {
	int fd;

	/* The table as far as it has come. */
	enum interrupts_part part;
	bool header;			/* the line with the CPUs' names */
	bool in_word;
	unsigned int cpus;
	unsigned int counts;		/* of this line */
	uint64_t number, sum;
	size_t len;
	char label[16];
	char text[96];			/* behind the counts, as far as it fits */

	struct interrupts_source source[INTERRUPTS_KEPT];
	size_t sources;
};

void interrupts_init(struct interrupts *interrupts);
void interrupts_done(struct interrupts *interrupts);

/*
 * Read @root/interrupts and write the @max sources with the highest counts as a list,
 * highest first. A source has the name of its device or, without one, its label
 * (LOC, RES ...); equal names are added up. Without the file there is no list.
 */
void interrupts_put(struct interrupts *interrupts, const char *root, struct lines_buffer *buffer,
		    size_t max, struct wire_writer *detail);

/* The parser alone: a table is fed in pieces of any size, then sorted. */
void interrupts_begin(struct interrupts *interrupts);
void interrupts_feed(struct interrupts *interrupts, const char *text, size_t len);
void interrupts_sort(struct interrupts *interrupts);

#endif
