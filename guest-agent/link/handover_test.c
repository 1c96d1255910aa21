/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/link/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"
#include "guest-agent/testhost.h"

#define NOW_NS 1000000000000ULL

static const struct handover before = {
	.boot_id = { 1, 2, 3 }, .started = 5, .last = 70000, .sampled_ns = 60000000,
	.taken = 12345, .exits = 678, .phases = 5,
};
static FILE *file;
static int fd;
static struct ring from, to;
static struct handover after;

/* ---- what is saved ---- */

static void add(struct ring *ring, enum proto_type type, uint64_t sequence, const void *frame, int len)
{
	ring_add(ring, &(struct ring_item){ .type = type, .sequence = sequence,
					    .t_boot_ns = 1000 * sequence, .frame = frame,
					    .len = len });
}

static void add_sample(struct ring *ring, uint64_t sequence)
{
	struct sample sample = testhost_sample(sequence);
	uint8_t frame[FRAME_MAX];

	add(ring, PROTO_SAMPLE, sequence, frame,
	    proto_encode_sample(frame, sizeof(frame), &sample, PROTO_VERSION, 0));
}

static void add_mark(struct ring *ring, uint64_t sequence)
{
	const struct proto_mark mark = { .sequence = sequence, .t_boot_ns = 1000,
					 .kind = PROTO_MARK_PHASE, .label = "kernel" };
	uint8_t frame[PROTO_ENCODED_MAX];

	add(ring, PROTO_MARK, sequence, frame, proto_encode_mark(frame, sizeof(frame), &mark));
}

static void start(void)
{
	ring_done(&from);
	ring_done(&to);
	if (ring_init(&from, RING_SIZE_MIN) < 0 || ring_init(&to, RING_SIZE_MIN) < 0)
		exit(1);
	after = (struct handover){ 0 };
}

static int load(void)
{
	return handover_load(fd, before.boot_id, NOW_NS, &to, &after);
}

/* Whether both rings have the same frames in front of a host that has nothing. */
static bool same_rings(void)
{
	struct ring_item a, b;

	ring_restart(&from, 0);
	ring_restart(&to, 0);
	while (ring_next(&from, &a)) {
		if (!ring_next(&to, &b) || a.type != b.type || a.sequence != b.sequence ||
		    a.t_boot_ns != b.t_boot_ns || a.len != b.len ||
		    memcmp(a.frame, b.frame, a.len) != 0)
			return false;
	}
	return !ring_next(&to, &b);
}

static void test_all(void)
{
	start();
	ok(load() == -ENODATA && to.count == 0, "nothing was handed over");
	add_sample(&from, 10);
	add_mark(&from, 11);
	add_sample(&from, 12);
	add_sample(&from, 13);
	ring_restart(&from, 10);
	ok(handover_save(fd, &before, &from) == 0 && load() == 0 &&
		   memcmp(&after, &before, sizeof(before)) == 0,
	   "the next agent knows where the last one was");
	ok(to.count == 3 && same_rings(), "and has what the host has not committed, nothing else");
	ok(load() == -ENODATA, "once");
	add_sample(&from, 14);
	(void)handover_save(fd, &before, &from);
	start();
	ok(handover_save(fd, &before, &from) == 0 && load() == 0 && to.count == 0 &&
		   after.taken == before.taken,
	   "all may be committed");
}

/* More than the memory held: what was dropped stands in front as a gap. */
static void test_gap(void)
{
	struct ring_item item;

	start();
	for (uint64_t i = 100; i < 200; i++)
		add_sample(&from, i);
	ok(from.has_gap && handover_save(fd, &before, &from) == 0 && load() == 0 &&
		   ring_next(&to, &item) && item.type == PROTO_GAP && same_rings(),
	   "a gap goes over as well");
	start();
	ring_done(&from);
	(void)ring_init(&from, 2 * RING_SIZE_MIN);
	for (uint64_t i = 100; i < 200; i++)
		add_sample(&from, i);
	ok(!from.has_gap && handover_save(fd, &before, &from) == 0 && load() == 0 && to.has_gap &&
		   to.gap.from == 100,
	   "in a smaller memory one stands for the oldest");
}

/* ---- what is refused ---- */

static int save_and(off_t offset, const char *bytes, size_t len)
{
	start();
	add_sample(&from, 10);
	add_sample(&from, 11);
	if (handover_save(fd, &before, &from) < 0)
		exit(1);
	if (pwrite(fd, bytes, len, offset) != (ssize_t)len)
		exit(1);
	return load();
}

static int load_possible(struct handover handover)
{
	start();
	add_sample(&from, 10);
	if (handover_save(fd, &handover, &from) < 0)
		exit(1);
	return load();
}

static void test_refused(void)
{
	struct handover other = before;
	int full;

	other.boot_id[0]++;
	ok(load_possible(other) == -ESTALE && to.count == 0 && load() == -ENODATA,
	   "of another boot it is taken away");
	other = before;
	other.last = NOW_NS / 1000 + 1;
	ok(load_possible(other) == -ESTALE, "so is one from the future");
	other = before;
	other.last = 9;
	ok(load_possible(other) == 0 && to.count == 0, "a sequence that was not given is none");
	ok(save_and(20, "x", 1) == -EBADMSG && to.count == 0, "a damaged state is none");
	ok(save_and(200, "x", 1) == 0 && to.count == 1, "a damaged frame is left out");
	start();
	(void)handover_save(fd, &before, &from);
	ok(ftruncate(fd, 30) == 0 && load() == -EBADMSG, "so is one that is cut off");
	start();
	add_sample(&from, 10);
	full = open("/dev/full", O_RDWR | O_CLOEXEC);
	ok(full >= 0 && handover_save(full, &before, &from) < 0, "what cannot be written is said");
	close(full);
}

int main(void)
{
	file = tmpfile();
	if (!file) {
		perror("tmpfile");
		return 1;
	}
	fd = fileno(file);
	log_init("handover_test", 0);
	test_all();
	test_gap();
	test_refused();
	ring_done(&from);
	ring_done(&to);
	fclose(file);
	return done_testing();
}
