/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sample's lists: exits by reason and by vCPU, interrupts, processes, units. They
 * stay in the form in which they are sent (fields 32 and above of a sample,
 * vmexit-protocol(7)) from the agent into the database; who wants to look at them
 * walks them here. Non-logging, no allocation.
 */
#ifndef GUEST_AGENT_SHARED_DETAIL_H
#define GUEST_AGENT_SHARED_DETAIL_H

#include "guest-agent/shared/wire.h"

#define DETAIL_FIRST 32			/* lowest number of a field with a list */
#define DETAIL_NAME_MAX 64

/* X(identifier, number): the only list of lists. Numbers are on the wire. */
#define DETAIL_MAP(X) \
	X(REASONS, 32)		/* exits by reason, ascending */ \
	X(VCPUS, 33)		/* exits by vCPU, ascending */ \
	X(INTERRUPTS, 34)	/* since the guest's start, by source */ \
	X(PROCESSES, 35)	/* CPU time since the agent's last sample */ \
	X(UNITS, 36)		/* systemd units: CPU time since they started */

enum detail_list {
#define X(identifier, number) DETAIL_##identifier = number,
	DETAIL_MAP(X)
#undef X
};

/* Each entry uses what its list has. */
struct detail_entry {
	uint32_t id;			/* reason, index of a vCPU, process id */
	uint64_t value;			/* count, or CPU time in microseconds */
	uint64_t handling_cycles;	/* REASONS, VCPUS */
	uint64_t away_cycles;		/* REASONS */
	const char *name;		/* INTERRUPTS, PROCESSES, UNITS; no terminator */
	size_t name_len;		/* up to DETAIL_NAME_MAX, printable ASCII */
};

/*
 * Write one list: begin, its entries, end. What is not printable in a name becomes
 * '?', what is too long is cut. An overflow shows in @w; without room for its head
 * nothing of a list is written.
 */
size_t detail_begin(struct wire_writer *w, enum detail_list list);
void detail_put(struct wire_writer *w, enum detail_list list, const struct detail_entry *entry);
void detail_end(struct wire_writer *w, size_t began);

/* The same, but an entry without room is left out: false, and @w is as it was. */
bool detail_add(struct wire_writer *w, enum detail_list list, const struct detail_entry *entry);

/*
 * Whether @len bytes are lists as they should be: whole entries, ids ascending
 * where that is said, names printable, no list twice. Lists that this version does
 * not know are left alone.
 */
bool detail_is_valid(const uint8_t *untrusted, size_t len);

/* Walks one list of a detail that is valid. */
struct detail_iter {
	enum detail_list list;
	struct wire_reader rest;
};

/* False if there is no such list; an empty one is there. */
bool detail_find(const uint8_t *detail, size_t len, enum detail_list list,
		 struct detail_iter *ret_iter);
bool detail_next(struct detail_iter *iter, struct detail_entry *ret_entry);

#endif
