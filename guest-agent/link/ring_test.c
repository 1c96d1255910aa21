/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/link/ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "guest-agent/shared/tap.h"

static struct ring ring;

/* @len bytes in all, which the sequence tells. */
static void add(uint64_t sequence, size_t len, bool asked)
{
	uint8_t frame[FRAME_MAX];

	memset(frame, sequence & 0xff, len);
	ring_add(&ring, &(struct ring_item){ .type = PROTO_SAMPLE, .asked = asked,
					     .sequence = sequence, .t_boot_ns = 1000 * sequence,
					     .frame = frame, .len = len });
}

static void add_gap(uint64_t from, uint64_t to, uint32_t count, enum proto_gap_cause cause)
{
	struct proto_gap gap = { .from = from, .to = to, .from_t_boot_ns = 1000 * from,
				 .to_t_boot_ns = 1000 * to, .count = count,
				 .cause = cause };
	uint8_t frame[PROTO_ENCODED_MAX];

	ring_add(&ring, &(struct ring_item){ .type = PROTO_GAP, .sequence = to,
					     .t_boot_ns = 1000 * to, .frame = frame,
					     .len = proto_encode_gap(frame, sizeof(frame), &gap) });
}

static bool next(struct ring_item *item, struct proto_gap *gap)
{
	struct frame view;

	if (!ring_next(&ring, item))
		return false;
	view = (struct frame){ .payload = item->frame + FRAME_HEADER_SIZE,
			       .payload_len = item->len - FRAME_HEADER_SIZE - FRAME_TRAILER_SIZE };
	if (item->type == PROTO_GAP)
		return proto_decode_gap(&view, gap) == 0;
	for (size_t i = 0; i < item->len; i++) {
		if (item->frame[i] != (item->sequence & 0xff))
			return false;
	}
	return true;
}

/* Exactly the samples @first to @last are next, whole. */
static bool next_are(uint64_t first, uint64_t last)
{
	struct proto_gap gap;
	struct ring_item item;

	for (uint64_t i = first; i <= last; i++) {
		if (!next(&item, &gap) || item.type != PROTO_SAMPLE || item.sequence != i)
			return false;
	}
	return ring.position.left == 0;
}

/* A gap is next. */
static bool next_is_gap(uint64_t from, uint64_t to, uint32_t count)
{
	struct proto_gap gap;
	struct ring_item item;

	return next(&item, &gap) && item.type == PROTO_GAP && item.sequence == to &&
	       gap.from == from && gap.to == to && gap.count == count &&
	       gap.from_t_boot_ns == 1000 * from && gap.to_t_boot_ns == 1000 * to;
}

static void start(void)
{
	ring_done(&ring);
	if (ring_init(&ring, RING_SIZE_MIN) < 0)
		exit(1);
}

static void test_sizes(void)
{
	ok(ring_init(&ring, RING_SIZE_MIN - 1) < 0 && ring_init(&ring, RING_SIZE_MAX + 1ULL) < 0,
	   "a ring has bounds");
	ring_done(&ring);
	start();
	for (uint64_t i = 1; i <= 3000; i++) {
		add(i, 21 + i * 37 % 8192, false);
		if (i % 5 == 0)
			ring_commit(&ring, i - 3);
	}
	ok(next_are(2998, 3000) && !ring.has_gap, "frames of all sizes come out as they went in");
	for (uint64_t i = 3001; i <= 9000; i++)
		add(i, 21 + i * 37 % 8192, false);
	ring_restart(&ring, 0);
	ok(next_is_gap(2998, 9000 - ring.count, 6003 - ring.count) &&
		   next_are(9001 - ring.count, 9000),
	   "also when the oldest make room for them");
	ok(ring.count >= 11, "and the memory is well used (%zu frames of 4 kB on average)", ring.count);
}

static void fill(uint64_t first, uint64_t last)
{
	for (uint64_t i = first; i <= last; i++)
		add(i, 1000, false);
}

static void test_gap(void)
{
	start();
	fill(1, 164);
	ok(ring.count == 64 && ring.dropped == 100, "64 samples of 1 kB fit, 100 are dropped");
	ok(next_is_gap(1, 100, 100) && next_are(101, 164), "one gap stands for them, in front");
	fill(165, 170);
	ok(next_are(165, 170), "it grows: what this connection had already is not a gap for it");
	ring_restart(&ring, 0);
	ok(next_is_gap(1, 106, 106), "for a new connection it is");
	ring_restart(&ring, 30);
	ok(next_is_gap(31, 106, 0), "of which a part is known there: how many is not known");
	ring_commit(&ring, 106);
	ok(!ring.has_gap && next_are(107, 170), "committed, it is gone");
	fill(171, 176);
	ok(next_are(171, 176) && ring.has_gap && ring.gap.from == 107, "the next begins anew");

	start();
	fill(1, 10);
	ring_commit(&ring, 10);
	fill(11, 164);
	ring_restart(&ring, 10);
	ok(next_is_gap(11, 100, 90), "a gap begins behind what was committed");
	fill(165, 170);
	ring_restart(&ring, 100);
	ok(next_is_gap(101, 106, 0), "one that was committed and has grown is its end");
	fill(171, 175);
	ok(next_is_gap(107, 111, 0) && next_are(112, 175),
	   "a gap that grows into what this connection has not had goes again, without the rest");
}

static void test_gap_of_gaps(void)
{
	start();
	add(1, 1000, false);
	add_gap(2, 9, 3, PROTO_GAP_MISSED);
	add_gap(10, 11, 0, PROTO_GAP_MISSED);
	add(12, 1000, false);
	ring_restart(&ring, 5);
	ok(next_is_gap(6, 9, 0) && next_is_gap(10, 11, 0) && next_are(12, 12),
	   "gaps have their place among samples, and are trimmed to what is not committed");
	start();
	add(1, 1000, false);
	add_gap(2, 9, 3, PROTO_GAP_MOVED);
	fill(10, 73);
	ok(next_is_gap(1, 10, 5), "the gap swallows others");
	fill(74, 130);
	add_gap(131, 140, 0, PROTO_GAP_MOVED);
	fill(141, 300);
	ring_restart(&ring, 0);
	ok(next_is_gap(1, 236, 0), "with one whose count is not known its own is not");
	start();
	add(1, 1000, false);
	add_gap(2, 9, 3, PROTO_GAP_MISSED);
	fill(10, 73);
	ok(next_is_gap(1, 10, 2), "of samples that were not taken none was dropped");
}

/* Whole samples, each with its number among those that were taken. */
static void take(uint64_t first, uint64_t last)
{
	static const uint8_t list[1000] = { 200, 0, 0xe4, 3 };	/* a field of 996 bytes */
	struct sample sample = { .has = SAMPLE_HAS_TAKEN, .detail = list, .detail_len = sizeof(list) };
	uint8_t frame[FRAME_MAX];

	for (uint64_t i = first; i <= last; i++) {
		sample.sequence = i;
		sample.taken = 1000 + i;
		ring_add(&ring, &(struct ring_item){ .type = PROTO_SAMPLE, .sequence = i,
						     .t_boot_ns = 1000 * i, .frame = frame,
						     .len = proto_encode_sample(frame, sizeof(frame),
										&sample, 2, 0) });
	}
}

static void test_taken(void)
{
	struct proto_gap gap;
	struct ring_item item;

	start();
	take(1, 100);
	ok(next(&item, &gap) && gap.to == 100 - ring.count && gap.count == gap.to &&
		   gap.taken == 1000 + gap.to,
	   "a gap says how many had been taken up to its end");
	ring_restart(&ring, 3);
	ok(next(&item, &gap) && gap.from == 4 && gap.count == 0 && gap.taken == 1000 + gap.to,
	   "also when it does not know how many it holds");
	add_gap(101, 109, 2, PROTO_GAP_MISSED);
	fill(110, 112);
	take(113, 300);
	ring_restart(&ring, 0);
	ok(next(&item, &gap) && gap.taken == 1000 + gap.to, "whatever lies between");
}

static void test_back(void)
{
	struct ring_position position;

	start();
	fill(1, 70);
	position = ring.position;
	ok(next_is_gap(1, 6, 6) && next_are(7, 70), "what was handed out");
	ring_back(&ring, &position);
	ok(next_is_gap(1, 6, 6) && next_are(7, 70), "can be put back");
	ring_back(&ring, &position);
	fill(71, 72);
	ok(next_is_gap(1, 8, 8), "and dropped, without having been sent");
	ring_restart(&ring, 7);
	ok(next_is_gap(8, 8, 0) && next_are(9, 72), "how many of what another has sent is not known");
}

static size_t resident(void)
{
	unsigned char pages[16 << 20 >> 12];
	size_t n = 0;

	if (mincore(ring.buf, ring.size, pages) < 0)
		return SIZE_MAX;
	for (size_t i = 0; i < (ring.size + 4095) / 4096; i++)
		n += pages[i] & 1;
	return n * 4096;
}

static void test_memory(void)
{
	ring_done(&ring);
	if (ring_init(&ring, 4 << 20) < 0)
		exit(1);
	ok(resident() == 0, "a ring of 4 MiB takes nothing before it is used");
	/* The host commits each second, and there is always something that it has not. */
	for (uint64_t i = 1; i <= 100000; i++) {
		add(i, 1000, false);
		if (i % 10 == 0)
			ring_commit(&ring, i - 3);
	}
	ok(resident() <= 32768, "with a host that commits it stays small (%zu bytes)", resident());
	fill(100001, 104000);
	ok(resident() > 4000000 && !ring.has_gap, "without one it grows");
	ring_commit(&ring, 103990);
	ok(resident() <= 65536 && ring.count == 10, "and is given back afterwards (%zu bytes)", resident());
	ring_restart(&ring, 0);
	ok(next_are(103991, 104000), "without the rest");
}

static void test_asked(void)
{
	uint64_t i;

	start();
	for (i = 1; ring_may_ask(&ring) && i < 100; i++)
		add(i, 1000, true);
	ok(i == 17, "a quarter of the memory is for what users ask for");
	fill(i, i + 60);
	ok(ring_may_ask(&ring), "what was dropped of it does not count");
	for (i += 61; ring_may_ask(&ring); i++)
		add(i, 1000, true);
	ring_commit(&ring, i);
	ok(ring_may_ask(&ring) && ring.asked_bytes == 0, "nor what was committed");
}

int main(void)
{
	test_sizes();
	test_gap();
	test_gap_of_gaps();
	test_taken();
	test_back();
	test_memory();
	test_asked();
	ring_done(&ring);
	return done_testing();
}
