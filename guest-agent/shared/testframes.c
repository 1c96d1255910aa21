/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/shared/testframes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "guest-agent/shared/detail.h"

#define VERSION_1_MASK 0xffffff		/* the values there were in its recording */
#define VERSION_2_MASK 0x1ffffffff

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

const struct proto_hello a_hello_1 = {
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

struct proto_hello a_hello(void)
{
	struct proto_hello hello = a_hello_1;

	hello.has |= PROTO_HELLO_HAS_AGENT;
	hello.started = 0x0001020304050000;
	hello.interval_min_us = 10000;
	return hello;
}

const struct proto_mark a_mark = {
	.sequence = 0x0001020304050608,
	.t_boot_ns = 0x0807060504030202,
	.t_wall_ns = 0x1817161514131212,
	.kind = PROTO_MARK_END,
	.uid = 1000,
	.begin = 0x0001020304050000,
	.has = PROTO_MARK_HAS_STATUS,
	.status = 139,
	.label = "stress-ng --cpu 1 -t 5",
};

const struct proto_gap a_gap = {
	.from = 0x0001020304050609,
	.to = 0x0001020304060000,
	.from_t_boot_ns = 0x0807060504030203,
	.to_t_boot_ns = 0x0807060604030203,
	.count = 600,
	.cause = PROTO_GAP_FULL,
	.taken = 0x0203040506070809,
};

/* Each list with two entries, and one that this version does not know. */
static size_t a_detail(uint8_t *buf, size_t size)
{
	static const struct detail_entry entries[] = {
		{ .id = 0x7b, .value = 4711, .handling_cycles = 1ULL << 40,
		  .away_cycles = UINT64_MAX, .name = "sda", .name_len = 3 },
		{ .id = UINT32_MAX, .value = UINT64_MAX, .handling_cycles = 127,
		  .away_cycles = 128, .name = "a.service", .name_len = 9 },
	};
	struct wire_writer w = { .buf = buf, .size = size };

	for (int list = DETAIL_FIRST; list <= DETAIL_UNITS; list++) {
		size_t began = detail_begin(&w, list);

		for (size_t i = 0; i < LENGTH(entries); i++)
			detail_put(&w, list, &entries[i]);
		detail_end(&w, began);
	}
	wire_put_field(&w, 99, 5);
	wire_put_bytes(&w, "later", 5);
	return w.overflow ? 0 : w.len;
}

struct sample a_sample(void)
{
	static uint8_t detail[512];
	struct sample sample = a_sample_1();

	sample.has |= SAMPLE_HAS_AWAY | SAMPLE_HAS_CLOCK | SAMPLE_HAS_PACE |
		      SAMPLE_HAS_AGENT | SAMPLE_HAS_TAKEN;
	sample.away_cycles = 0x2122232425262728;
	sample.idle_cycles = 0x3132333435363738;
	sample.host_ns = 0x18cb0c5a3f2e1d0c;
	sample.guest_tsc = 0x4142434445464748;
	sample.clock_error_ns = 1500;
	sample.interval_us = 100000;
	sample.pace = SAMPLE_PACE_BOOT;
	sample.agent_exits = 123456789;
	sample.taken = 654321;
	sample.workload.mask = VERSION_2_MASK;
	for (unsigned int i = 0; i < WORKLOAD_COUNT; i++)
		sample.workload.value[i] = (i < 30 ? 0x1000000000000000ULL >> 2 * i : 1ULL << i) + i;
	sample.detail = detail;
	sample.detail_len = a_detail(detail, sizeof(detail));
	return sample;
}

struct sample a_sample_1(void)
{
	struct sample sample = {
		.sequence = 0x0001020304050607,
		.t_boot_ns = 0x0807060504030201,
		.t_wall_ns = 0x1817161514131211,
		.has = SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_GENERATION,
		.exits = UINT64_MAX,
		.handling_cycles = 1ULL << 63,
		.generation = 0xfedcba9876543210,
		.workload = { .mask = VERSION_1_MASK },
	};

	for (unsigned int i = 0; i < WORKLOAD_COUNT; i++)
		sample.workload.value[i] = 0x1000000000000000 + i;
	return sample;
}

int encode(uint8_t type, void *buf, size_t size)
{
	struct proto_welcome welcome = { .version = 1, .committed = 0x1122334455667788 };
	struct proto_ack ack = { .committed = 0x8877665544332211 };
	struct proto_hello hello = a_hello();
	struct sample sample = a_sample();

	switch (type) {
	case PROTO_HELLO:
		return proto_encode_hello(buf, size, &hello);
	case PROTO_WELCOME:
		return proto_encode_welcome(buf, size, &welcome);
	case PROTO_SAMPLE:
		return proto_encode_sample(buf, size, &sample, 2, FRAME_FLAG_DELAYED);
	case PROTO_ACK:
		return proto_encode_ack(buf, size, &ack);
	case PROTO_MARK:
		return proto_encode_mark(buf, size, &a_mark);
	case PROTO_GAP:
		return proto_encode_gap(buf, size, &a_gap);
	case PROTO_PACE:
		return proto_encode_pace(buf, size, &(struct proto_pace){ 250000 });
	default:
		return proto_encode_call(buf, size);
	}
}

int decode(uint8_t type, const void *payload, size_t len, union message *ret)
{
	static uint8_t *copy;
	struct frame frame = { .version = 1, .type = type, .payload_len = len };

	/* A decoded sample's lists lie in it. */
	free(copy);
	copy = malloc(len ? len : 1);
	frame.payload = copy;
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
	case PROTO_MARK:
		return proto_decode_mark(&frame, &ret->mark);
	case PROTO_GAP:
		return proto_decode_gap(&frame, &ret->gap);
	case PROTO_PACE:
		return proto_decode_pace(&frame, &ret->pace);
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

int feed(struct frame_decoder *decoder, const uint8_t *bytes, size_t len, struct frame *ret)
{
	int frames = 0;

	while (len) {
		size_t size;
		uint8_t *space = frame_decoder_space(decoder, &size);

		if (size < FRAME_MAX)
			return -1;
		size = size < len ? size : len;
		memcpy(space, bytes, size);
		frame_decoder_added(decoder, size);
		bytes += size;
		len -= size;
		while (frame_decoder_next(decoder, ret))
			frames++;
	}
	return frames;
}

uint64_t ack_of(const struct frame *frame)
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
	       a->generation == b->generation && a->started == b->started &&
	       a->interval_min_us == b->interval_min_us && strcmp(a->agent, b->agent) == 0 &&
	       strcmp(a->kernel, b->kernel) == 0;
}

static bool same_workload(const struct workload *a, const struct workload *b)
{
	if (a->mask != b->mask)
		return false;
	for (unsigned int i = 0; i < WORKLOAD_COUNT; i++) {
		if (a->mask >> i & 1 && a->value[i] != b->value[i])
			return false;
	}
	return true;
}

bool same_sample(const struct sample *a, const struct sample *b)
{
	return a->sequence == b->sequence && a->t_boot_ns == b->t_boot_ns &&
	       a->t_wall_ns == b->t_wall_ns && a->has == b->has && a->exits == b->exits &&
	       a->handling_cycles == b->handling_cycles && a->generation == b->generation &&
	       a->away_cycles == b->away_cycles && a->idle_cycles == b->idle_cycles &&
	       a->host_ns == b->host_ns && a->guest_tsc == b->guest_tsc &&
	       a->clock_error_ns == b->clock_error_ns && a->interval_us == b->interval_us &&
	       a->pace == b->pace && a->agent_exits == b->agent_exits && a->taken == b->taken &&
	       same_workload(&a->workload, &b->workload) && a->detail_len == b->detail_len &&
	       (a->detail_len == 0 || memcmp(a->detail, b->detail, a->detail_len) == 0);
}

bool same_mark(const struct proto_mark *a, const struct proto_mark *b)
{
	return a->sequence == b->sequence && a->t_boot_ns == b->t_boot_ns &&
	       a->t_wall_ns == b->t_wall_ns && a->kind == b->kind && a->uid == b->uid &&
	       a->begin == b->begin && a->has == b->has && a->status == b->status &&
	       strcmp(a->label, b->label) == 0;
}

bool same_gap(const struct proto_gap *a, const struct proto_gap *b)
{
	return a->from == b->from && a->to == b->to && a->from_t_boot_ns == b->from_t_boot_ns &&
	       a->to_t_boot_ns == b->to_t_boot_ns && a->count == b->count && a->cause == b->cause &&
	       a->taken == b->taken;
}
