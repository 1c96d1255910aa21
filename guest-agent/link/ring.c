/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/link/ring.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define NOT_WRAPPED SIZE_MAX
/* So much memory may stay touched when there is nothing to keep. */
#define KEEP 65536
/* What users ask for may take this part of the memory: others' history is not theirs to push out. */
#define ASKED_PART 4

/* In front of each frame; both together are a multiple of 8 bytes. */
struct head {
	uint64_t sequence;
	uint64_t t_boot_ns;
	uint32_t len;
	uint16_t type;
	uint16_t asked;
};

static size_t size_of(size_t frame_len)
{
	return (sizeof(struct head) + frame_len + 7) & ~(size_t)7;
}

static struct head *head_at(const struct ring *ring, size_t offset)
{
	return (struct head *)(ring->buf + offset);
}

static size_t behind(const struct ring *ring, size_t offset)
{
	offset += size_of(head_at(ring, offset)->len);
	return offset == ring->end ? 0 : offset;
}

int ring_init(struct ring *ring, size_t size)
{
	memset(ring, 0, sizeof(*ring));
	if (size < RING_SIZE_MIN || size > RING_SIZE_MAX)
		return -EINVAL;
	ring->buf = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ring->buf == MAP_FAILED) {
		ring->buf = NULL;
		return -errno;
	}
	ring->size = size;
	ring->end = NOT_WRAPPED;
	return 0;
}

void ring_done(struct ring *ring)
{
	if (ring->buf)
		munmap(ring->buf, ring->size);
	ring->buf = NULL;
}

/* ---- gaps ---- */

/*
 * What of @gap is above @sequence; the rest is not missing any more. How many samples
 * that are the host knows, which has those up to @sequence and hears of all in gap->taken.
 */
static void trim(struct proto_gap *gap, uint64_t sequence)
{
	uint64_t t_boot_ns = (sequence + 1) * 1000;

	if (sequence < gap->from)
		return;
	gap->from = sequence + 1;
	/* A sequence is that time in microseconds. */
	if (t_boot_ns > gap->from_t_boot_ns)
		gap->from_t_boot_ns = t_boot_ns;
	if (gap->from_t_boot_ns > gap->to_t_boot_ns)
		gap->from_t_boot_ns = gap->to_t_boot_ns;
	gap->count = 0;
}

static struct frame frame_of(const uint8_t *bytes, size_t len, uint8_t type)
{
	return (struct frame){ .type = type, .payload = bytes + FRAME_HEADER_SIZE,
			       .payload_len = len - FRAME_HEADER_SIZE - FRAME_TRAILER_SIZE };
}

/* What is missing when @item is dropped. */
static struct proto_gap gap_of(const struct head *item)
{
	const struct frame frame = frame_of((const uint8_t *)(item + 1), item->len, item->type);
	struct proto_gap gap = { .from = item->sequence, .from_t_boot_ns = item->t_boot_ns };
	struct sample sample;

	if (item->type == PROTO_SAMPLE) {
		gap.count = 1;
		if (proto_decode_sample(&frame, &sample) == 0 && sample.has & SAMPLE_HAS_TAKEN)
			gap.taken = sample.taken;
	} else if (item->type == PROTO_GAP) {
		(void)proto_decode_gap(&frame, &gap);
	}
	return gap;
}

static void add_to_gap(struct ring *ring, const struct head *item)
{
	struct proto_gap was = gap_of(item);
	bool counted = item->type != PROTO_GAP || was.count;

	/* Those were never taken, so they were not dropped either. */
	if (was.cause == PROTO_GAP_MISSED) {
		was.count = 0;
		counted = true;
	}
	if (!ring->has_gap) {
		ring->has_gap = ring->gap_counted = true;
		ring->gap = (struct proto_gap){ .from = was.from, .cause = PROTO_GAP_FULL,
						.from_t_boot_ns = was.from_t_boot_ns,
						.to_t_boot_ns = was.from_t_boot_ns };
	}
	ring->gap.to = item->sequence;
	if (item->t_boot_ns > ring->gap.to_t_boot_ns)
		ring->gap.to_t_boot_ns = item->t_boot_ns;
	ring->gap.count += was.count;
	ring->gap_counted = ring->gap_counted && counted;
	if (was.taken > ring->gap.taken)
		ring->gap.taken = was.taken;
	ring->dropped += item->type == PROTO_SAMPLE;
}

static void commit_gap(struct ring *ring, uint64_t sequence)
{
	if (!ring->has_gap || sequence < ring->gap.from)
		return;
	ring->has_gap = sequence < ring->gap.to;
	trim(&ring->gap, sequence);
	ring->gap_counted = false;
}

/* ---- items ---- */

/* Bytes that were used once are given back when few are. */
static void give_back(struct ring *ring)
{
	size_t from = ((ring->head > KEEP ? ring->head : KEEP) + 4095) & ~(size_t)4095;

	if (ring->touched < from + KEEP)
		return;
	/* What cannot be given back only stays. */
	(void)madvise(ring->buf + from, ring->touched - from, MADV_DONTNEED);
	ring->touched = from;
}

/* As near to the memory's beginning as can be, so that little of it is ever touched. */
static void settle(struct ring *ring)
{
	size_t used = ring->head - ring->tail;

	if (ring->count == 0) {
		ring->head = ring->tail = ring->position.next = 0;
		ring->end = NOT_WRAPPED;
	} else if (ring->end == NOT_WRAPPED && ring->tail >= used) {
		memmove(ring->buf, ring->buf + ring->tail, used);
		ring->head -= ring->tail;
		ring->position.next -= ring->tail;
		ring->tail = 0;
	} else {
		return;
	}
	give_back(ring);
}

static void remove_oldest(struct ring *ring)
{
	const struct head *item = head_at(ring, ring->tail);
	size_t next = behind(ring, ring->tail);

	if (item->asked)
		ring->asked_bytes -= size_of(item->len);
	if (ring->position.left == ring->count) {
		ring->position.left--;
		ring->position.next = next;
	}
	ring->count--;
	ring->tail = next;
	if (next == 0)
		ring->end = NOT_WRAPPED;
}

/* Room for @need bytes at ring->head, if there is. */
static bool make_room(struct ring *ring, size_t need)
{
	if (ring->count == 0)
		settle(ring);
	if (ring->end != NOT_WRAPPED)
		return ring->tail - ring->head >= need;
	if (ring->size - ring->head >= need)
		return true;
	if (ring->tail < need)
		return false;
	ring->end = ring->head;
	if (ring->position.next == ring->head)
		ring->position.next = 0;
	ring->head = 0;
	return true;
}

void ring_add(struct ring *ring, const struct ring_item *item)
{
	size_t need = size_of(item->len);

	assert(need <= ring->size);
	while (!make_room(ring, need)) {
		add_to_gap(ring, head_at(ring, ring->tail));
		remove_oldest(ring);
	}
	*head_at(ring, ring->head) = (struct head){ .sequence = item->sequence,
						    .t_boot_ns = item->t_boot_ns,
						    .len = item->len,
						    .type = item->type,
						    .asked = item->asked };
	memcpy(ring->buf + ring->head + sizeof(struct head), item->frame, item->len);
	ring->head += need;
	if (ring->head > ring->touched)
		ring->touched = ring->head;
	if (item->asked)
		ring->asked_bytes += need;
	ring->count++;
	ring->position.left++;
}

void ring_commit(struct ring *ring, uint64_t sequence)
{
	commit_gap(ring, sequence);
	while (ring->count && head_at(ring, ring->tail)->sequence <= sequence)
		remove_oldest(ring);
	settle(ring);
}

void ring_restart(struct ring *ring, uint64_t committed)
{
	ring_commit(ring, committed);
	ring->position = (struct ring_position){ .sent = committed, .next = ring->tail,
						 .left = ring->count };
}

/* ---- sending ---- */

static void make_gap_frame(struct ring *ring, const struct proto_gap *gap,
			   struct ring_item *ret_item)
{
	int len = proto_encode_gap(ring->gap_frame, sizeof(ring->gap_frame), gap);

	assert(len > 0);
	*ret_item = (struct ring_item){ .type = PROTO_GAP, .sequence = gap->to,
					.t_boot_ns = gap->to_t_boot_ns,
					.frame = ring->gap_frame, .len = len };
}

bool ring_next(struct ring *ring, struct ring_item *ret_item)
{
	struct ring_position *position = &ring->position;
	const struct head *item;
	struct proto_gap gap;
	struct frame frame;

	if (ring->has_gap && ring->gap.to > position->sent) {
		gap = ring->gap;
		trim(&gap, position->sent);
		if (!ring->gap_counted)
			gap.count = 0;
		make_gap_frame(ring, &gap, ret_item);
		position->sent = gap.to;
		return true;
	}
	if (position->left == 0)
		return false;
	item = head_at(ring, position->next);
	*ret_item = (struct ring_item){ .type = item->type, .asked = item->asked,
					.sequence = item->sequence,
					.t_boot_ns = item->t_boot_ns,
					.frame = (const uint8_t *)(item + 1), .len = item->len };
	frame = frame_of(ret_item->frame, item->len, item->type);
	if (item->type == PROTO_GAP && proto_decode_gap(&frame, &gap) == 0) {
		trim(&gap, position->sent);
		make_gap_frame(ring, &gap, ret_item);
	}
	position->next = behind(ring, position->next);
	position->left--;
	position->sent = ret_item->sequence;
	return true;
}

void ring_back(struct ring *ring, const struct ring_position *position)
{
	ring->position = *position;
}

bool ring_may_ask(const struct ring *ring)
{
	return ring->asked_bytes < ring->size / ASKED_PART;
}
