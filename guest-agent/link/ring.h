/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host has not committed: whole frames of version 2 in the order of their
 * sequences, in memory that is taken once. When it is full the oldest go, and one
 * gap that grows stands in front of what is left. Non-logging.
 */
#ifndef GUEST_AGENT_RING_H
#define GUEST_AGENT_RING_H

#include "guest-agent/shared/proto.h"

#define RING_SIZE_MIN 65536
#define RING_SIZE_MAX (64U << 20)

/* A sample, a mark or a gap; a gap's sequence is its highest. */
struct ring_item {
	enum proto_type type;
	bool asked;			/* for a user of the guest, not by the clock */
	uint64_t sequence;
	uint64_t t_boot_ns;		/* when it was made */
	const uint8_t *frame;
	size_t len;
};

/* Up to where a connection has had everything. */
struct ring_position {
	uint64_t sent;			/* sequence */
	size_t next;			/* offset of the first item behind it */
	size_t left;			/* items from there on */
};

struct ring {
	uint8_t *buf;
	size_t size;
	size_t head, tail;		/* offsets: behind the newest, and of the oldest */
	size_t end;			/* where the upper part ends if the lower is newer */
	size_t count;
	size_t touched;			/* no byte from here on has been written since it was given back */
	size_t asked_bytes;

	struct ring_position position;

	bool has_gap;
	bool gap_counted;		/* gap.count is known */
	struct proto_gap gap;		/* in front of the oldest item; cause FULL */
	uint64_t dropped;		/* samples, ever */
	uint8_t gap_frame[FRAME_HEADER_SIZE + 52 + FRAME_TRAILER_SIZE];
};

/* Takes @size bytes; those that are never used cost nothing. Returns 0 or -errno. */
int ring_init(struct ring *ring, size_t size);
void ring_done(struct ring *ring);

/* Keep @item, whose sequence is above all others, dropping the oldest for it. */
void ring_add(struct ring *ring, const struct ring_item *item);

/* Forget what the host has committed: everything up to @sequence. */
void ring_commit(struct ring *ring, uint64_t sequence);

/* A new connection, to a host that has everything up to @committed: begin again behind that. */
void ring_restart(struct ring *ring, uint64_t committed);

/*
 * The next item that this connection has not had, gaps trimmed to what it has not;
 * false if there is none. Its frame lives until the next call of any function here.
 */
bool ring_next(struct ring *ring, struct ring_item *ret_item);

/* Undo calls of ring_next() since @position was copied; nothing else may have happened. */
void ring_back(struct ring *ring, const struct ring_position *position);

/* False if users of the guest have asked for so much that the clock's samples suffer. */
bool ring_may_ask(const struct ring *ring);

#endif
