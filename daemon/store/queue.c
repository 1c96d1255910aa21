/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/queue.h"

#include <stdlib.h>
#include <string.h>

/* Records come in batches, so that a queue that never fills stays small. */
#define BATCH 256

struct batch {
	struct batch *next;
	size_t count;
	struct pending pending[BATCH];
};

struct pending *queue_push(struct queue *queue)
{
	struct batch *batch = queue->last;
	struct pending *p;

	if (!batch || batch->count == BATCH) {
		batch = malloc(sizeof(*batch));
		if (!batch)
			return NULL;
		batch->next = NULL;
		batch->count = 0;
		if (queue->last)
			queue->last->next = batch;
		else
			queue->first = batch;
		queue->last = batch;
	}
	p = &batch->pending[batch->count++];
	memset(p, 0, sizeof(*p));
	queue->count++;
	return p;
}

int queue_walk(struct queue *queue, queue_fn fn, void *ctx)
{
	int r = 0;

	for (struct batch *batch = queue->first; batch; batch = batch->next) {
		for (size_t i = 0; i < batch->count && r == 0; i++)
			r = fn(ctx, &batch->pending[i]);
	}
	return r;
}

static int free_lists(void *ctx, struct pending *p)
{
	(void)ctx;
	if (p->kind == PENDING_SAMPLE)
		free((void *)p->sample.detail);
	return 0;
}

void queue_clear(struct queue *queue)
{
	(void)queue_walk(queue, free_lists, NULL);
	while (queue->first) {
		struct batch *batch = queue->first;

		queue->first = batch->next;
		free(batch);
	}
	memset(queue, 0, sizeof(*queue));
}
