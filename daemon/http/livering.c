/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/livering.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024

struct livetext {
	unsigned int users;
	size_t len;
	char text[];
};

struct event {
	/* Twice the id of the newest sample so far, and 1 for what is none. */
	uint64_t order;
	struct livevm *vm;
	uint8_t slot;			/* of vm->newest */
	struct livetext *text, *detail;	/* detail may be NULL */
};

struct livering {
	struct event events[LIVERING_EVENTS];
	uint64_t oldest, head;		/* numbers; head is the next event's */
	size_t bytes;
	uint64_t order;			/* of the newest event */
	uint64_t gone;			/* of the last that is remembered no more */
	struct livetext *hello, *lost;
	struct livevm all;		/* what notices are of */
	struct livevm *vms[BUCKETS];
	unsigned int vms_count;
};

static struct livetext *text_new(const char *s)
{
	size_t len = strlen(s);
	struct livetext *text = malloc(sizeof(*text) + len);

	if (!text)
		return NULL;
	text->users = 1;
	text->len = len;
	memcpy(text->text, s, len);
	return text;
}

static void text_drop(struct livetext *text)
{
	if (text && --text->users == 0)
		free(text);
}

int livering_new(int64_t last_id, const char *hello, const char *lost, struct livering **ret_ring)
{
	struct livering *ring = calloc(1, sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	ring->order = ring->gone = 2 * (uint64_t)last_id;
	ring->hello = text_new(hello);
	ring->lost = text_new(lost);
	if (!ring->hello || !ring->lost) {
		livering_free(ring);
		return -ENOMEM;
	}
	*ret_ring = ring;
	return 0;
}

static struct event *event_at(struct livering *ring, uint64_t number)
{
	return &ring->events[number % LIVERING_EVENTS];
}

static void forget_oldest(struct livering *ring)
{
	struct event *event = event_at(ring, ring->oldest++);

	ring->gone = event->order;
	ring->bytes -= event->text->len + (event->detail ? event->detail->len : 0);
	text_drop(event->text);
	text_drop(event->detail);
}

void livering_free(struct livering *ring)
{
	if (!ring)
		return;
	while (ring->oldest < ring->head)
		forget_oldest(ring);
	for (size_t i = 0; i < BUCKETS; i++) {
		while (ring->vms[i]) {
			struct livevm *next = ring->vms[i]->next;

			free(ring->vms[i]);
			ring->vms[i] = next;
		}
	}
	text_drop(ring->hello);
	text_drop(ring->lost);
	free(ring);
}

/* FNV-1a. */
static size_t bucket_of(const char *key)
{
	uint32_t hash = 2166136261;

	for (; *key; key++)
		hash = (hash ^ (uint8_t)*key) * 16777619;
	return hash % BUCKETS;
}

struct livevm *livering_vm(struct livering *ring, const char *key)
{
	struct livevm **slot = &ring->vms[bucket_of(key)];
	struct livevm *vm = *slot;

	while (vm && strcmp(vm->key, key) != 0)
		vm = vm->next;
	if (vm || ring->vms_count == LIVERING_VMS)
		return vm;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return NULL;
	snprintf(vm->key, sizeof(vm->key), "%s", key);
	vm->next = *slot;
	*slot = vm;
	ring->vms_count++;
	return vm;
}

/* Nobody may believe that nothing happened. */
static int lose_all(struct livering *ring)
{
	while (ring->oldest < ring->head)
		forget_oldest(ring);
	/* One number that nobody was given. */
	ring->oldest = ++ring->head;
	ring->gone = ring->order;
	return -ENOMEM;
}

/* Takes ownership of the texts; @text may be NULL for want of memory. */
static int push(struct livering *ring, const struct event *event)
{
	size_t len;

	if (!event->text) {
		text_drop(event->detail);
		return lose_all(ring);
	}
	len = event->text->len + (event->detail ? event->detail->len : 0);
	while (ring->oldest < ring->head && (ring->head - ring->oldest == LIVERING_EVENTS ||
					     ring->bytes + len > LIVERING_BYTES))
		forget_oldest(ring);
	*event_at(ring, ring->head++) = *event;
	event->vm->newest[event->slot] = ring->head;
	ring->bytes += len;
	return 0;
}

int livering_sample(struct livering *ring, struct livevm *vm, enum sample_source source,
		    int64_t id, const char *text, const char *detail)
{
	struct event event = { .vm = vm, .slot = source };

	ring->order = event.order = 2 * (uint64_t)id;
	if (!vm)
		return lose_all(ring);
	event.text = text_new(text);
	/* Without memory for it there are none. */
	event.detail = detail ? text_new(detail) : NULL;
	return push(ring, &event);
}

int livering_notice(struct livering *ring, enum livering_notice kind, const char *text)
{
	struct event event = { .vm = &ring->all, .slot = kind, .text = text_new(text) };

	ring->order = event.order = ring->order | 1;
	return push(ring, &event);
}

/* ---- readers ---- */

/* The first event behind the sample @last_id, of which nothing is forgotten. */
static uint64_t behind(struct livering *ring, int64_t last_id)
{
	uint64_t low = ring->oldest, high = ring->head;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (event_at(ring, middle)->order <= 2 * (uint64_t)last_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void livering_begin(struct livering *ring, struct livering_reader *reader, struct livevm *only,
		    struct livevm *detail, int64_t last_id)
{
	*reader = (struct livering_reader){
		.only = only,
		.detail = detail,
		.next = ring->head,
		.resumed_to = ring->head,
	};
	if (detail)
		detail->watchers++;
	if (last_id <= 0)
		return;
	if ((uint64_t)last_id > ring->order / 2 || 2 * (uint64_t)last_id < ring->gone)
		reader->lost = true;
	else
		reader->next = behind(ring, last_id);
}

void livering_end(struct livering *ring, struct livering_reader *reader)
{
	(void)ring;
	text_drop(reader->text);
	reader->text = NULL;
	if (reader->detail)
		reader->detail->watchers--;
	reader->detail = NULL;
}

static bool is_behind(const struct livering *ring, const struct livering_reader *reader)
{
	if (reader->next < ring->oldest)
		return true;
	return reader->next >= reader->resumed_to && reader->next >= reader->newest_to &&
	       ring->head - reader->next >
		       LIVERING_BEHIND + LIVERING_BEHIND_ROUNDS * SOURCES * (uint64_t)ring->vms_count;
}

static bool is_for(const struct livering_reader *reader, const struct event *event, uint64_t number)
{
	if (number < reader->newest_to && event->vm->newest[event->slot] > number + 1)
		return false;
	return !reader->only || event->vm == reader->only || !*event->vm->key;
}

/* The text that is due now, or NULL; the reader is behind it then. */
static struct livetext *take(struct livering *ring, struct livering_reader *reader)
{
	if (!reader->greeted) {
		reader->greeted = true;
		return ring->hello;
	}
	if (is_behind(ring, reader)) {
		reader->lost = true;
		reader->newest_to = ring->head;
		if (reader->next < ring->oldest)
			reader->next = ring->oldest;
	}
	if (reader->lost) {
		reader->lost = false;
		return ring->lost;
	}
	while (reader->next < ring->head) {
		uint64_t number = reader->next++;
		const struct event *event = event_at(ring, number);

		if (is_for(reader, event, number))
			return event->detail && event->vm == reader->detail ? event->detail
									   : event->text;
	}
	return NULL;
}

size_t livering_read(struct livering *ring, struct livering_reader *reader, char *buf, size_t size)
{
	size_t copied = 0;

	while (copied < size) {
		size_t n;

		if (!reader->text) {
			reader->text = take(ring, reader);
			reader->offset = 0;
			if (!reader->text)
				break;
			reader->text->users++;
		}
		n = reader->text->len - reader->offset;
		n = n < size - copied ? n : size - copied;
		memcpy(buf + copied, reader->text->text + reader->offset, n);
		copied += n;
		reader->offset += n;
		if (reader->offset == reader->text->len) {
			text_drop(reader->text);
			reader->text = NULL;
		}
	}
	return copied;
}
