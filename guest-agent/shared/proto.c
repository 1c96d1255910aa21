/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/shared/proto.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <zlib.h>

/* Header: offsets. The layout is the same in every version. */
#define HEADER_MAGIC 0
#define HEADER_VERSION 4
#define HEADER_TYPE 5
#define HEADER_FLAGS 6
#define HEADER_LENGTH 8
#define HEADER_CRC 12
static const uint8_t magic[4] = { 'V', 'M', 'x', 0xf1 };

#define WORKLOAD_KNOWN (UINT64_MAX >> (64 - WORKLOAD_COUNT))

/* Fields behind a payload's fixed part: u16 number, u16 length, value. */
enum {
	FIELD_LEAF = 1,
	FIELD_GENERATION = 2,
	FIELD_AGENT = 3,
	FIELD_KERNEL = 4,
	FIELD_EXITS = 16,
	FIELD_HANDLING = 17,
	FIELD_WORKLOAD = 18,
};

struct writer {
	uint8_t *buf;
	size_t size;
	size_t len;
	bool overflow;
};

struct reader {
	const uint8_t *buf;
	size_t len;
	bool overflow;
};

static uint64_t get_le(const uint8_t *p, size_t bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static void set_le(uint8_t *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++, v >>= 8)
		p[i] = v & 0xff;
}

static void put_bytes(struct writer *w, const void *bytes, size_t len)
{
	if (w->overflow || len > w->size - w->len) {
		w->overflow = true;
		return;
	}
	memcpy(w->buf + w->len, bytes, len);
	w->len += len;
}

static void put(struct writer *w, uint64_t v, size_t bytes)
{
	uint8_t le[8];

	set_le(le, v, bytes);
	put_bytes(w, le, bytes);
}

static void put_field(struct writer *w, uint16_t number, size_t len)
{
	put(w, number, 2);
	put(w, len, 2);
}

static void put_text(struct writer *w, uint16_t number, const char *text)
{
	size_t len = strnlen(text, PROTO_TEXT_MAX);

	put_field(w, number, len);
	put_bytes(w, text, len);
}

static const uint8_t *take_bytes(struct reader *r, size_t len)
{
	const uint8_t *p = r->buf;

	if (r->overflow || len > r->len) {
		r->overflow = true;
		return NULL;
	}
	r->buf += len;
	r->len -= len;
	return p;
}

static uint64_t take(struct reader *r, size_t bytes)
{
	const uint8_t *p = take_bytes(r, bytes);

	return p ? get_le(p, bytes) : 0;
}

/* The next field as a reader of its own, or false at the end of the payload. */
static bool take_field(struct reader *r, uint16_t *ret_number, struct reader *ret_value)
{
	size_t len;

	if (r->overflow || r->len == 0)
		return false;
	*ret_number = take(r, 2);
	len = take(r, 2);
	ret_value->buf = take_bytes(r, len);
	ret_value->len = len;
	ret_value->overflow = false;
	return !r->overflow;
}

static void take_text(struct reader *value, char text[PROTO_TEXT_MAX + 1])
{
	size_t len = value->len < PROTO_TEXT_MAX ? value->len : PROTO_TEXT_MAX;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = value->buf[i];

		text[i] = c >= 0x20 && c < 0x7f ? (char)c : '?';
	}
	text[len] = '\0';
}

static struct writer frame_begin(void *buf, size_t size)
{
	struct writer w = { .buf = buf, .size = size };

	if (size < PROTO_HEADER_SIZE + PROTO_TRAILER_SIZE) {
		w.overflow = true;
	} else {
		w.size -= PROTO_TRAILER_SIZE;
		w.len = PROTO_HEADER_SIZE;
	}
	return w;
}

static int frame_end(struct writer *w, uint8_t type, uint16_t flags)
{
	size_t payload_len = w->len - PROTO_HEADER_SIZE;
	uint8_t *h = w->buf;

	if (w->overflow || payload_len > PROTO_PAYLOAD_MAX)
		return -ENOBUFS;
	memcpy(h + HEADER_MAGIC, magic, sizeof(magic));
	h[HEADER_VERSION] = PROTO_VERSION;
	h[HEADER_TYPE] = type;
	set_le(h + HEADER_FLAGS, flags, 2);
	set_le(h + HEADER_LENGTH, payload_len, 4);
	set_le(h + HEADER_CRC, crc32(0, h, HEADER_CRC), 4);
	set_le(w->buf + w->len, crc32(0, h + PROTO_HEADER_SIZE, payload_len), PROTO_TRAILER_SIZE);
	return w->len + PROTO_TRAILER_SIZE;
}

int proto_encode_hello(void *buf, size_t size, const struct proto_hello *hello)
{
	struct writer w = frame_begin(buf, size);

	put(&w, hello->version_min, 2);
	put(&w, hello->version_max, 2);
	put_bytes(&w, hello->boot_id, PROTO_BOOT_ID_SIZE);
	put(&w, hello->t_boot_ns, 8);
	put(&w, hello->t_wall_ns, 8);
	put(&w, hello->interval_us, 4);
	put(&w, hello->vcpus, 4);
	if (hello->has & PROTO_HELLO_HAS_LEAF) {
		put_field(&w, FIELD_LEAF, 16);
		put(&w, hello->leaf_version, 4);
		put(&w, hello->leaf_features, 4);
		put(&w, hello->reason_namespace, 4);
		put(&w, hello->tsc_khz, 4);
	}
	if (hello->has & PROTO_HELLO_HAS_GENERATION) {
		put_field(&w, FIELD_GENERATION, 8);
		put(&w, hello->generation, 8);
	}
	put_text(&w, FIELD_AGENT, hello->agent);
	put_text(&w, FIELD_KERNEL, hello->kernel);
	return frame_end(&w, PROTO_HELLO, 0);
}

int proto_encode_welcome(void *buf, size_t size, const struct proto_welcome *welcome)
{
	struct writer w = frame_begin(buf, size);

	put(&w, welcome->version, 2);
	put(&w, welcome->committed, 8);
	return frame_end(&w, PROTO_WELCOME, 0);
}

int proto_encode_ack(void *buf, size_t size, const struct proto_ack *ack)
{
	struct writer w = frame_begin(buf, size);

	put(&w, ack->committed, 8);
	return frame_end(&w, PROTO_ACK, 0);
}

int proto_encode_call(void *buf, size_t size)
{
	struct writer w = frame_begin(buf, size);

	return frame_end(&w, PROTO_CALL, 0);
}

int proto_encode_sample(void *buf, size_t size, const struct sample *sample, uint16_t flags)
{
	struct writer w = frame_begin(buf, size);
	uint64_t mask = sample->workload.mask & WORKLOAD_KNOWN;

	put(&w, sample->sequence, 8);
	put(&w, sample->t_boot_ns, 8);
	put(&w, sample->t_wall_ns, 8);
	if (sample->has & SAMPLE_HAS_GENERATION) {
		put_field(&w, FIELD_GENERATION, 8);
		put(&w, sample->generation, 8);
	}
	if (sample->has & SAMPLE_HAS_EXITS) {
		put_field(&w, FIELD_EXITS, 8);
		put(&w, sample->exits, 8);
	}
	if (sample->has & SAMPLE_HAS_HANDLING) {
		put_field(&w, FIELD_HANDLING, 8);
		put(&w, sample->handling_cycles, 8);
	}
	if (mask) {
		put_field(&w, FIELD_WORKLOAD, 8 + 8 * __builtin_popcountll(mask));
		put(&w, mask, 8);
		for (unsigned int i = 0; i < WORKLOAD_COUNT; i++) {
			if (mask >> i & 1)
				put(&w, sample->workload.value[i], 8);
		}
	}
	return frame_end(&w, PROTO_SAMPLE, flags);
}

int proto_decode_hello(const struct proto_frame *untrusted, struct proto_hello *ret_hello)
{
	struct reader r = { .buf = untrusted->payload, .len = untrusted->payload_len };
	struct proto_hello hello = { 0 };
	const uint8_t *boot_id;
	struct reader value;
	uint16_t number;

	hello.version_min = take(&r, 2);
	hello.version_max = take(&r, 2);
	boot_id = take_bytes(&r, PROTO_BOOT_ID_SIZE);
	hello.t_boot_ns = take(&r, 8);
	hello.t_wall_ns = take(&r, 8);
	hello.interval_us = take(&r, 4);
	hello.vcpus = take(&r, 4);
	if (r.overflow || hello.version_min > hello.version_max)
		return -EBADMSG;
	memcpy(hello.boot_id, boot_id, PROTO_BOOT_ID_SIZE);
	while (take_field(&r, &number, &value)) {
		switch (number) {
		case FIELD_LEAF:
			hello.leaf_version = take(&value, 4);
			hello.leaf_features = take(&value, 4);
			hello.reason_namespace = take(&value, 4);
			hello.tsc_khz = take(&value, 4);
			hello.has |= PROTO_HELLO_HAS_LEAF;
			break;
		case FIELD_GENERATION:
			hello.generation = take(&value, 8);
			hello.has |= PROTO_HELLO_HAS_GENERATION;
			break;
		case FIELD_AGENT:
			take_text(&value, hello.agent);
			break;
		case FIELD_KERNEL:
			take_text(&value, hello.kernel);
			break;
		}
		if (value.overflow)
			return -EBADMSG;
	}
	if (r.overflow)
		return -EBADMSG;
	*ret_hello = hello;
	return 0;
}

int proto_decode_welcome(const struct proto_frame *untrusted, struct proto_welcome *ret_welcome)
{
	struct reader r = { .buf = untrusted->payload, .len = untrusted->payload_len };
	struct proto_welcome welcome;

	welcome.version = take(&r, 2);
	welcome.committed = take(&r, 8);
	if (r.overflow)
		return -EBADMSG;
	*ret_welcome = welcome;
	return 0;
}

int proto_decode_ack(const struct proto_frame *untrusted, struct proto_ack *ret_ack)
{
	struct reader r = { .buf = untrusted->payload, .len = untrusted->payload_len };
	struct proto_ack ack;

	ack.committed = take(&r, 8);
	if (r.overflow)
		return -EBADMSG;
	*ret_ack = ack;
	return 0;
}

/*
 * Values that this version does not know sit behind the known ones, their bits
 * above the known bits, so a newer sender's are skipped by not reading them.
 */
static void take_workload(struct reader *value, struct workload *workload)
{
	uint64_t mask = take(value, 8);

	for (unsigned int i = 0; i < WORKLOAD_COUNT; i++) {
		if (mask >> i & 1)
			workload->value[i] = take(value, 8);
	}
	workload->mask = mask & WORKLOAD_KNOWN;
}

int proto_decode_sample(const struct proto_frame *untrusted, struct sample *ret_sample)
{
	struct reader r = { .buf = untrusted->payload, .len = untrusted->payload_len };
	struct sample sample = { 0 };
	struct reader value;
	uint16_t number;

	sample.sequence = take(&r, 8);
	sample.t_boot_ns = take(&r, 8);
	sample.t_wall_ns = take(&r, 8);
	if (r.overflow || sample.sequence == 0 || sample.sequence > INT64_MAX ||
	    sample.t_boot_ns > INT64_MAX)
		return -EBADMSG;
	while (take_field(&r, &number, &value)) {
		switch (number) {
		case FIELD_GENERATION:
			sample.generation = take(&value, 8);
			sample.has |= SAMPLE_HAS_GENERATION;
			break;
		case FIELD_EXITS:
			sample.exits = take(&value, 8);
			sample.has |= SAMPLE_HAS_EXITS;
			break;
		case FIELD_HANDLING:
			sample.handling_cycles = take(&value, 8);
			sample.has |= SAMPLE_HAS_HANDLING;
			break;
		case FIELD_WORKLOAD:
			take_workload(&value, &sample.workload);
			break;
		}
		if (value.overflow)
			return -EBADMSG;
	}
	if (r.overflow)
		return -EBADMSG;
	*ret_sample = sample;
	return 0;
}

uint8_t *proto_decoder_space(struct proto_decoder *decoder, size_t *ret_size)
{
	memmove(decoder->buf, decoder->buf + decoder->start, decoder->end - decoder->start);
	decoder->end -= decoder->start;
	decoder->start = 0;
	*ret_size = sizeof(decoder->buf) - decoder->end;
	return decoder->buf + decoder->end;
}

void proto_decoder_added(struct proto_decoder *decoder, size_t len)
{
	assert(len <= sizeof(decoder->buf) - decoder->end);
	decoder->end += len;
}

void proto_decoder_reset(struct proto_decoder *decoder)
{
	decoder->bytes_skipped += decoder->end - decoder->start;
	decoder->start = 0;
	decoder->end = 0;
}

/* Drop bytes up to the next place, behind the current one, where a frame may begin. */
static void skip_to_magic(struct proto_decoder *decoder)
{
	size_t from = decoder->start;
	size_t i = from + 1;

	while (i < decoder->end) {
		size_t left = decoder->end - i;

		if (memcmp(decoder->buf + i, magic, left < sizeof(magic) ? left : sizeof(magic)) == 0)
			break;
		i++;
	}
	decoder->start = i;
	decoder->bytes_skipped += i - from;
}

bool proto_decoder_next(struct proto_decoder *decoder, struct proto_frame *ret_frame)
{
	for (;;) {
		const uint8_t *h = decoder->buf + decoder->start;
		size_t have = decoder->end - decoder->start;
		size_t len;

		if (have == 0)
			return false;
		if (memcmp(h, magic, have < sizeof(magic) ? have : sizeof(magic)) != 0) {
			skip_to_magic(decoder);
			continue;
		}
		if (have < PROTO_HEADER_SIZE)
			return false;
		len = get_le(h + HEADER_LENGTH, 4);
		/* The header has a checksum of its own so that a damaged length cannot
		 * make the decoder wait for bytes that never come. */
		if (get_le(h + HEADER_CRC, 4) != crc32(0, h, HEADER_CRC) ||
		    len > PROTO_PAYLOAD_MAX) {
			decoder->frames_bad++;
			skip_to_magic(decoder);
			continue;
		}
		if (have < PROTO_HEADER_SIZE + len + PROTO_TRAILER_SIZE)
			return false;
		if (get_le(h + PROTO_HEADER_SIZE + len, 4) !=
		    crc32(0, h + PROTO_HEADER_SIZE, len)) {
			decoder->frames_bad++;
			skip_to_magic(decoder);
			continue;
		}
		*ret_frame = (struct proto_frame){
			.version = h[HEADER_VERSION],
			.type = h[HEADER_TYPE],
			.flags = get_le(h + HEADER_FLAGS, 2),
			.payload = h + PROTO_HEADER_SIZE,
			.payload_len = len,
		};
		decoder->start += PROTO_HEADER_SIZE + len + PROTO_TRAILER_SIZE;
		return true;
	}
}
