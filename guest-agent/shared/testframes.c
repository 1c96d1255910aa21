/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/shared/testframes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "guest-agent/shared/cleanup.h"

#define RECORDED_MASK 0xffffff		/* the values there were in the recording */

#define X(identifier, number) { number, #identifier },
const struct message_type types[TYPES] = { PROTO_TYPE_MAP(X) };
#undef X

void add_bytes(struct bytes *b, const void *bytes, size_t len)
{
	memcpy(b->buf + b->len, bytes, len);
	b->len += len;
}

void add_le(struct bytes *b, uint64_t v, size_t bytes)
{
	for (; bytes; bytes--, v >>= 8)
		b->buf[b->len++] = v & 0xff;
}

void add_frame(struct bytes *b, uint8_t version, uint8_t type, const void *payload, size_t len)
{
	size_t start = b->len;

	add_bytes(b, "VMx\xf1", 4);
	add_le(b, version, 1);
	add_le(b, type, 1);
	add_le(b, 0, 2);
	add_le(b, len, 4);
	add_le(b, crc32(0, b->buf + start, 12), 4);
	add_bytes(b, payload, len);
	add_le(b, crc32(0, payload, len), 4);
}

void add_ack(struct bytes *b, uint64_t committed)
{
	struct bytes payload = { .len = 0 };

	add_le(&payload, committed, 8);
	add_frame(b, 1, PROTO_ACK, payload.buf, payload.len);
}

const struct proto_hello a_hello = {
	.version_min = 1,
	.version_max = 3,
	.boot_id = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc,
		     0xdd, 0xee, 0xff },
	.t_boot_ns = 0x0102030405060708,
	.t_wall_ns = 0x1112131415161718,
	.interval_us = 250000,
	.vcpus = 4,
	.has = PROTO_HELLO_HAS_LEAF | PROTO_HELLO_HAS_GENERATION,
	.leaf_version = 0x10000,
	.leaf_features = 0xff,
	.reason_namespace = 2,
	.tsc_khz = 2400000,
	.generation = 0xfedcba9876543210,
	.agent = "0.1",
	.kernel = "6.1.0-40-amd64",
};

struct sample a_sample(void)
{
	struct sample sample = {
		.sequence = 0x0001020304050607,
		.t_boot_ns = 0x0807060504030201,
		.t_wall_ns = 0x1817161514131211,
		.has = SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_GENERATION,
		.exits = UINT64_MAX,
		.handling_cycles = 1ULL << 63,
		.generation = 0xfedcba9876543210,
		.workload = { .mask = RECORDED_MASK },
	};

	for (unsigned int i = 0; i < WORKLOAD_COUNT; i++)
		sample.workload.value[i] = 0x1000000000000000 + i;
	return sample;
}

int encode(uint8_t type, void *buf, size_t size)
{
	struct proto_welcome welcome = { .version = 1, .committed = 0x1122334455667788 };
	struct proto_ack ack = { .committed = 0x8877665544332211 };
	struct sample sample = a_sample();

	switch (type) {
	case PROTO_HELLO:
		return proto_encode_hello(buf, size, &a_hello);
	case PROTO_WELCOME:
		return proto_encode_welcome(buf, size, &welcome);
	case PROTO_SAMPLE:
		return proto_encode_sample(buf, size, &sample, PROTO_FLAG_DELAYED);
	case PROTO_ACK:
		return proto_encode_ack(buf, size, &ack);
	default:
		return proto_encode_call(buf, size);
	}
}

int decode(uint8_t type, const void *payload, size_t len, union message *ret)
{
	_cleanup_free_ uint8_t *copy = malloc(len ? len : 1);
	struct proto_frame frame = { .version = 1, .type = type, .payload = copy,
				     .payload_len = len };

	if (len)
		memcpy(copy, payload, len);
	switch (type) {
	case PROTO_HELLO:
		return proto_decode_hello(&frame, &ret->hello);
	case PROTO_WELCOME:
		return proto_decode_welcome(&frame, &ret->welcome);
	case PROTO_SAMPLE:
		return proto_decode_sample(&frame, &ret->sample);
	case PROTO_ACK:
		return proto_decode_ack(&frame, &ret->ack);
	default:
		return 0;
	}
}

bool refused(uint8_t type, const void *payload, size_t len)
{
	union message message, before;

	memset(&message, 0x5a, sizeof(message));
	before = message;
	return decode(type, payload, len, &message) == -EBADMSG &&
	       memcmp(&message, &before, sizeof(message)) == 0;
}

int feed(struct proto_decoder *decoder, const uint8_t *bytes, size_t len, struct proto_frame *ret)
{
	int frames = 0;

	while (len) {
		size_t size;
		uint8_t *space = proto_decoder_space(decoder, &size);

		if (size < PROTO_FRAME_MAX)
			return -1;
		size = size < len ? size : len;
		memcpy(space, bytes, size);
		proto_decoder_added(decoder, size);
		bytes += size;
		len -= size;
		while (proto_decoder_next(decoder, ret))
			frames++;
	}
	return frames;
}

uint64_t ack_of(const struct proto_frame *frame)
{
	struct proto_ack ack = { 0 };

	return frame->type == PROTO_ACK && proto_decode_ack(frame, &ack) == 0 ? ack.committed : 0;
}

bool same_hello(const struct proto_hello *a, const struct proto_hello *b)
{
	return a->version_min == b->version_min && a->version_max == b->version_max &&
	       memcmp(a->boot_id, b->boot_id, PROTO_BOOT_ID_SIZE) == 0 &&
	       a->t_boot_ns == b->t_boot_ns && a->t_wall_ns == b->t_wall_ns &&
	       a->interval_us == b->interval_us && a->vcpus == b->vcpus && a->has == b->has &&
	       a->leaf_version == b->leaf_version && a->leaf_features == b->leaf_features &&
	       a->reason_namespace == b->reason_namespace && a->tsc_khz == b->tsc_khz &&
	       a->generation == b->generation && strcmp(a->agent, b->agent) == 0 &&
	       strcmp(a->kernel, b->kernel) == 0;
}

bool same_sample(const struct sample *a, const struct sample *b)
{
	if (a->sequence != b->sequence || a->t_boot_ns != b->t_boot_ns ||
	    a->t_wall_ns != b->t_wall_ns || a->has != b->has || a->exits != b->exits ||
	    a->handling_cycles != b->handling_cycles || a->generation != b->generation ||
	    a->workload.mask != b->workload.mask)
		return false;
	for (unsigned int i = 0; i < WORKLOAD_COUNT; i++) {
		if (a->workload.mask >> i & 1 && a->workload.value[i] != b->workload.value[i])
			return false;
	}
	return true;
}
