/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/testhost.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-agent/shared/detail.h"

#define LISTS 980

static const uint8_t *lists(size_t *ret_len)
{
	static uint8_t buf[LISTS + 40];
	static struct wire_writer w;
	size_t began;

	if (!w.buf) {
		w = (struct wire_writer){ .buf = buf, .size = sizeof(buf) };
		began = detail_begin(&w, DETAIL_REASONS);
		for (uint32_t i = 0; w.len < LISTS; i++)
			detail_put(&w, DETAIL_REASONS,
				   &(struct detail_entry){ .id = i, .value = 1000 * i });
		detail_end(&w, began);
	}
	*ret_len = w.len;
	return buf;
}

struct sample testhost_sample(uint64_t sequence)
{
	struct sample sample = {
		.sequence = sequence,
		.t_boot_ns = 1000 * sequence,
		.has = SAMPLE_HAS_EXITS,
		.exits = 7 * sequence,
		.workload = { .mask = UINT64_MAX >> (64 - WORKLOAD_COUNT) },
	};

	for (unsigned int i = 0; i < WORKLOAD_COUNT; i++)
		sample.workload.value[i] = sequence + i;
	sample.detail = lists(&sample.detail_len);
	return sample;
}

/* The sequence of a sample that is what was sent: all of it, or what version 1 has. */
static uint64_t check(const struct frame *frame)
{
	struct sample came, sent;

	if (proto_decode_sample(frame, &came) < 0)
		return 0;
	sent = testhost_sample(came.sequence);
	if (frame->version < 2) {
		sent.workload.mask = 0xffffff;
		memset(sent.workload.value + 24, 0, (WORKLOAD_COUNT - 24) * sizeof(uint64_t));
		sent.detail_len = 0;
	}
	if (came.exits != sent.exits || came.detail_len != sent.detail_len ||
	    memcmp(&came.workload, &sent.workload, sizeof(sent.workload)) != 0 ||
	    (sent.detail_len && memcmp(came.detail, sent.detail, sent.detail_len) != 0))
		return 0;
	return came.sequence;
}

static void note(struct testhost *host, const struct frame *frame)
{
	uint64_t sequence = 0;

	if (host->count == TESTHOST_FRAMES)
		return;
	if (frame->type == PROTO_HELLO)
		(void)proto_decode_hello(frame, &host->hello);
	if (frame->type == PROTO_SAMPLE) {
		sequence = check(frame);
		(void)proto_decode_sample(frame, &host->sample);
		host->sample.detail_len = 0;
		host->frames[host->count].taken = host->sample.taken;
	}
	if (frame->type == PROTO_MARK && proto_decode_mark(frame, &host->mark) == 0)
		sequence = host->mark.sequence;
	if (frame->type == PROTO_GAP && proto_decode_gap(frame, &host->gap) == 0)
		sequence = host->gap.to;
	host->frames[host->count].type = frame->type;
	host->frames[host->count].version = frame->version;
	host->frames[host->count].flags = frame->flags;
	host->frames[host->count++].sequence = sequence;
}

void testhost_connect(struct testhost *host, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	testhost_close(host);
	memcpy(address.sun_path, path, strlen(path) + 1);
	host->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(host->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		perror(path);
	memset(&host->decoder, 0, sizeof(host->decoder));
}

void testhost_close(struct testhost *host)
{
	if (host->fd >= 0)
		close(host->fd);
	host->fd = -1;
}

void testhost_read(struct testhost *host)
{
	struct frame frame;
	ssize_t n;

	do {
		size_t size;
		uint8_t *space = frame_decoder_space(&host->decoder, &size);

		n = read(host->fd, space, size);
		if (n > 0)
			frame_decoder_added(&host->decoder, n);
		while (frame_decoder_next(&host->decoder, &frame))
			note(host, &frame);
	} while (n > 0);
}

void testhost_write(struct testhost *host, const void *bytes, int len)
{
	if (write(host->fd, bytes, len) != len)
		perror("write");
}

void testhost_welcome(struct testhost *host, uint16_t version, uint64_t committed)
{
	struct proto_welcome welcome = { .version = version, .committed = committed };
	uint8_t buf[PROTO_ENCODED_MAX];

	testhost_write(host, buf, proto_encode_welcome(buf, sizeof(buf), &welcome));
}

void testhost_ack(struct testhost *host, uint64_t committed)
{
	struct proto_ack ack = { .committed = committed };
	uint8_t buf[PROTO_ENCODED_MAX];

	testhost_write(host, buf, proto_encode_ack(buf, sizeof(buf), &ack));
}

void testhost_call(struct testhost *host)
{
	uint8_t buf[PROTO_ENCODED_MAX];

	testhost_write(host, buf, proto_encode_call(buf, sizeof(buf)));
}

void testhost_pace(struct testhost *host, uint32_t interval_us)
{
	struct proto_pace pace = { .interval_us = interval_us };
	uint8_t buf[PROTO_ENCODED_MAX];

	testhost_write(host, buf, proto_encode_pace(buf, sizeof(buf), &pace));
}

bool testhost_came_one(const struct testhost *host, uint8_t type)
{
	return host->count == 1 && host->frames[0].type == type && !host->decoder.bytes_skipped;
}

bool testhost_came(const struct testhost *host, uint64_t first, uint64_t last, uint16_t flags)
{
	if (host->count != last - first + 1 || host->decoder.bytes_skipped)
		return false;
	for (size_t i = 0; i < host->count; i++) {
		if (host->frames[i].type != PROTO_SAMPLE ||
		    host->frames[i].sequence != first + i || host->frames[i].flags != flags)
			return false;
	}
	return true;
}
