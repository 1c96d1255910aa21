/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records that wait for their commit, in order. For store.c only. Non-logging. */
#ifndef DAEMON_QUEUE_H
#define DAEMON_QUEUE_H

#include "daemon/base/record.h"

enum pending_kind { PENDING_SAMPLE, PENDING_MARK, PENDING_GAP, PENDING_QUARANTINE, PENDING_RETRACT };

struct pending {
	enum pending_kind kind;
	enum sample_source source;
	struct boot *boot;
	uint64_t sequence;		/* the highest in it */
	struct range range;		/* GAP, QUARANTINE; RETRACT: from, cause */
	uint64_t ranges;		/* RETRACT: so many were made */
	union {
		struct sample sample;	/* SAMPLE, with lists of its own; QUARANTINE, without */
		struct mark mark;
	};
};

struct batch;

/* Zero-initialise. */
struct queue {
	struct batch *first, *last;
	size_t count;
	size_t bytes;			/* of the samples' lists */
};

/* Room for one more record, zeroed; NULL for want of memory. */
struct pending *queue_push(struct queue *queue);

/* The records in order, while @fn returns 0; returns what the last one did. */
typedef int (*queue_fn)(void *ctx, struct pending *pending);
int queue_walk(struct queue *queue, queue_fn fn, void *ctx);

/* Forget all; the samples' lists are freed. */
void queue_clear(struct queue *queue);

#endif
