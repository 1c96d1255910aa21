/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/livebench/livebench.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/proto.h"

#define TIMEOUT_MS 20000
#define REASONS 24			/* that occur in a busy guest */

struct guest {
	int listen_fd, fd;
	unsigned int taken;
	uint64_t sequence, acked;
	struct frame_decoder decoder;
};

struct guests {
	unsigned int count;
	struct guest guest[LIVEBENCH_VMS_MAX];
};

static int64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

int guests_new(const char *directory, unsigned int count, struct guests **ret_guests)
{
	struct guests *g = calloc(1, sizeof(*g));

	if (!g || count > LIVEBENCH_VMS_MAX)
		return -ENOMEM;
	g->count = count;
	for (unsigned int i = 0; i < count; i++) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };
		struct guest *guest = &g->guest[i];

		guest->fd = -1;
		guest->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		snprintf(address.sun_path, sizeof(address.sun_path), "%s/vm%u.sock", directory, i);
		if (guest->listen_fd < 0 ||
		    bind(guest->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		    listen(guest->listen_fd, 4) < 0)
			return -errno;
	}
	*ret_guests = g;
	return 0;
}

void guests_free(struct guests *g)
{
	for (unsigned int i = 0; g && i < g->count; i++) {
		close(g->guest[i].listen_fd);
		if (g->guest[i].fd >= 0)
			close(g->guest[i].fd);
	}
	free(g);
}

static int say(struct guest *guest, const uint8_t *buf, int len)
{
	return len < 0 ? len : write(guest->fd, buf, len) == len ? 0 : -EIO;
}

/* Take frames until one of @type came; of an acknowledgement the sequence is noted. */
static int hear(struct guest *guest, int type)
{
	for (;;) {
		struct pollfd poll_fd = { .fd = guest->fd, .events = POLLIN };
		struct frame frame;
		struct proto_ack ack;
		uint8_t *space;
		size_t size;
		ssize_t n;

		while (frame_decoder_next(&guest->decoder, &frame)) {
			if (frame.type == PROTO_ACK && proto_decode_ack(&frame, &ack) == 0)
				guest->acked = ack.committed;
			if (frame.type == type)
				return 0;
		}
		if (poll(&poll_fd, 1, TIMEOUT_MS) <= 0)
			return -ETIMEDOUT;
		space = frame_decoder_space(&guest->decoder, &size);
		n = read(guest->fd, space, size);
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		frame_decoder_added(&guest->decoder, n);
	}
}

static int meet(struct guest *guest, unsigned int i)
{
	struct proto_hello hello = {
		.version_min = 1,
		.version_max = PROTO_VERSION,
		.t_boot_ns = 60000000000,
		.t_wall_ns = wall_ns(),
		.interval_us = 1000000,
		.vcpus = 2,
		.has = PROTO_HELLO_HAS_LEAF | PROTO_HELLO_HAS_GENERATION,
		.leaf_version = 0x10000,
		.leaf_features = 0xff,
		.reason_namespace = 2,
		.tsc_khz = 2000000,
		.generation = 7,
		.agent = "bench",
		.kernel = "bench",
	};
	uint8_t buf[PROTO_ENCODED_MAX];
	int r;

	snprintf((char *)hello.boot_id, sizeof(hello.boot_id), "boot%u", i);
	guest->fd = accept4(guest->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (guest->fd < 0)
		return -errno;
	r = say(guest, buf, proto_encode_hello(buf, sizeof(buf), &hello));
	return r < 0 ? r : hear(guest, PROTO_WELCOME);
}

int guests_meet(struct guests *g)
{
	int r = 0;

	for (unsigned int i = 0; i < g->count && r == 0; i++)
		r = meet(&g->guest[i], i);
	return r;
}

/* The next sample of a guest whose reasons all occur. */
static int take(struct guest *guest)
{
	unsigned int n = ++guest->taken;
	static const uint64_t workload[] = { 17, 3, 40, 1900 };
	uint8_t lists[2048], buf[FRAME_MAX];
	struct wire_writer w = { .buf = lists, .size = sizeof(lists) };
	struct sample sample = {
		.has = SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_GENERATION |
		       SAMPLE_HAS_AWAY | SAMPLE_HAS_CLOCK,
		.generation = 7,
		.interval_us = 1000000,
		.clock_error_ns = 1000,
		.host_ns = wall_ns(),
		.t_boot_ns = 60000000000 + n * 1000000000ULL,
		.detail = lists,
	};
	size_t began = detail_begin(&w, DETAIL_REASONS);

	for (unsigned int i = 0; i < REASONS; i++) {
		uint64_t count = n * (i * i * 7 + 3ULL);
		struct detail_entry entry = { .id = 64 + 3 * i, .value = count,
					      .handling_cycles = count * 2000,
					      .away_cycles = count * 3500 };

		detail_put(&w, DETAIL_REASONS, &entry);
		sample.exits += count;
		sample.handling_cycles += entry.handling_cycles;
		sample.away_cycles += entry.away_cycles;
	}
	detail_end(&w, began);
	sample.detail_len = w.len;
	sample.sequence = guest->sequence = sample.t_boot_ns / 1000;
	for (size_t i = 0; i < sizeof(workload) / sizeof(workload[0]); i++) {
		sample.workload.mask |= 1ULL << i;
		sample.workload.value[i] = workload[i] * n;
	}
	return say(guest, buf, proto_encode_sample(buf, sizeof(buf), &sample, PROTO_VERSION, 0));
}

int guests_sample(struct guests *g, unsigned int part, unsigned int parts, int64_t *ret_ns)
{
	int r = 0;

	for (unsigned int i = part; i < g->count && r == 0; i += parts)
		r = take(&g->guest[i]);
	*ret_ns = 0;
	for (unsigned int i = part; i < g->count; i += parts) {
		while (r == 0 && g->guest[i].acked < g->guest[i].sequence) {
			r = hear(&g->guest[i], PROTO_ACK);
			if (r == 0 && *ret_ns == 0)
				*ret_ns = monotonic_ns();
		}
	}
	return r;
}
