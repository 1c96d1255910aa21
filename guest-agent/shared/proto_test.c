/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/shared/proto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/tap.h"

#define KNOWN_MASK (UINT64_MAX >> (64 - WORKLOAD_COUNT))
#define RECORDED_MASK 0xffffff		/* the values there were in the recording */
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define FIXED_HELLO 44			/* bytes of payload in front of the fields */
#define FIXED_SAMPLE 24

/* A frame built by hand from the specification, not by the code under test. */
struct bytes {
	uint8_t buf[3 * PROTO_FRAME_MAX];
	size_t len;
};

static void add_bytes(struct bytes *b, const void *bytes, size_t len)
{
	memcpy(b->buf + b->len, bytes, len);
	b->len += len;
}

static void add_le(struct bytes *b, uint64_t v, size_t bytes)
{
	for (; bytes; bytes--, v >>= 8)
		b->buf[b->len++] = v & 0xff;
}

static void add_frame(struct bytes *b, uint8_t version, uint8_t type, const void *payload,
		      size_t len)
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

static void add_ack(struct bytes *b, uint64_t committed)
{
	struct bytes payload = { .len = 0 };

	add_le(&payload, committed, 8);
	add_frame(b, 1, PROTO_ACK, payload.buf, payload.len);
}

static uint64_t rng_state = 0x9e3779b97f4a7c15;

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

static const struct proto_hello a_hello = {
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

static struct sample a_sample(void)
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

static int encode(uint8_t type, void *buf, size_t size)
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

#define X(identifier, number) { number, #identifier },
static const struct {
	uint8_t type;
	const char *name;
} types[] = { PROTO_TYPE_MAP(X) };
#undef X

/* Room for any decoded message. */
union message {
	struct proto_hello hello;
	struct proto_welcome welcome;
	struct sample sample;
	struct proto_ack ack;
};

/* From memory that ends where the payload does, so that a sanitizer sees reading on. */
static int decode(uint8_t type, const void *payload, size_t len, union message *ret)
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

/* As decode(), but false unless a refusal leaves the output alone. */
static bool refused(uint8_t type, const void *payload, size_t len)
{
	union message message, before;

	memset(&message, 0x5a, sizeof(message));
	before = message;
	return decode(type, payload, len, &message) == -EBADMSG &&
	       memcmp(&message, &before, sizeof(message)) == 0;
}

static struct proto_decoder decoder;

/* Gives the decoder @len bytes and returns how many frames came out, the last in @ret. */
static int feed(const uint8_t *bytes, size_t len, struct proto_frame *ret)
{
	int frames = 0;

	while (len) {
		size_t size;
		uint8_t *space = proto_decoder_space(&decoder, &size);

		if (size < PROTO_FRAME_MAX)
			return -1;
		size = size < len ? size : len;
		memcpy(space, bytes, size);
		proto_decoder_added(&decoder, size);
		bytes += size;
		len -= size;
		while (proto_decoder_next(&decoder, ret))
			frames++;
	}
	return frames;
}

static uint64_t ack_of(const struct proto_frame *frame)
{
	struct proto_ack ack = { 0 };

	return frame->type == PROTO_ACK && proto_decode_ack(frame, &ack) == 0 ? ack.committed : 0;
}

static bool same_hello(const struct proto_hello *a, const struct proto_hello *b)
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

static bool same_sample(const struct sample *a, const struct sample *b)
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

static void test_round_trips(void)
{
	struct sample sample = a_sample(), bare = { .sequence = 1 };
	struct proto_hello plain = { .version_min = 1, .version_max = 1 };
	uint8_t buf[PROTO_ENCODED_MAX];
	struct proto_frame frame;
	union message m;
	bool good = true;
	int len;

	len = encode(PROTO_HELLO, buf, sizeof(buf));
	ok(feed(buf, len, &frame) == 1 && frame.type == PROTO_HELLO && frame.version == 1 &&
		   frame.flags == 0 && proto_decode_hello(&frame, &m.hello) == 0 &&
		   same_hello(&m.hello, &a_hello),
	   "hello, with everything");
	len = proto_encode_hello(buf, sizeof(buf), &plain);
	ok(feed(buf, len, &frame) == 1 && proto_decode_hello(&frame, &m.hello) == 0 &&
		   same_hello(&m.hello, &plain),
	   "hello, with nothing optional");
	len = encode(PROTO_WELCOME, buf, sizeof(buf));
	ok(feed(buf, len, &frame) == 1 && frame.type == PROTO_WELCOME &&
		   proto_decode_welcome(&frame, &m.welcome) == 0 && m.welcome.version == 1 &&
		   m.welcome.committed == 0x1122334455667788,
	   "welcome");
	len = encode(PROTO_SAMPLE, buf, sizeof(buf));
	ok(feed(buf, len, &frame) == 1 && frame.type == PROTO_SAMPLE &&
		   frame.flags == PROTO_FLAG_DELAYED &&
		   proto_decode_sample(&frame, &m.sample) == 0 && same_sample(&m.sample, &sample),
	   "sample, with everything");
	len = proto_encode_sample(buf, sizeof(buf), &bare, 0);
	ok(feed(buf, len, &frame) == 1 && frame.flags == 0 &&
		   proto_decode_sample(&frame, &m.sample) == 0 && same_sample(&m.sample, &bare),
	   "sample, with nothing optional: unknown stays unknown");
	for (unsigned int i = 0; i < WORKLOAD_COUNT; i++) {
		sample.workload.mask = 1ULL << i;
		sample.has = i & 7;
		sample.exits = i & SAMPLE_HAS_EXITS ? 1 : 0;
		sample.handling_cycles = i & SAMPLE_HAS_HANDLING ? 2 : 0;
		sample.generation = i & SAMPLE_HAS_GENERATION ? 3 : 0;
		len = proto_encode_sample(buf, sizeof(buf), &sample, 0);
		good = good && feed(buf, len, &frame) == 1 &&
		       proto_decode_sample(&frame, &m.sample) == 0 &&
		       same_sample(&m.sample, &sample);
	}
	ok(good, "sample, each workload value alone and each set of optional fields");
	sample.workload.mask = UINT64_MAX;
	len = proto_encode_sample(buf, sizeof(buf), &sample, 0);
	ok(feed(buf, len, &frame) == 1 && proto_decode_sample(&frame, &m.sample) == 0 &&
		   m.sample.workload.mask == KNOWN_MASK,
	   "sample, a mask with bits that no value has");
	len = encode(PROTO_ACK, buf, sizeof(buf));
	ok(feed(buf, len, &frame) == 1 && ack_of(&frame) == 0x8877665544332211, "ack");
	len = encode(PROTO_CALL, buf, sizeof(buf));
	ok(feed(buf, len, &frame) == 1 && frame.type == PROTO_CALL && frame.payload_len == 0,
	   "call");
	ok(decoder.bytes_skipped == 0 && decoder.frames_bad == 0, "nothing was skipped");
}

static void test_encode_refuses(void)
{
	for (size_t i = 0; i < LENGTH(types); i++) {
		uint8_t whole[PROTO_ENCODED_MAX];
		int len = encode(types[i].type, whole, sizeof(whole));
		bool good = len > 0;

		for (int size = 0; size <= len; size++) {
			_cleanup_free_ uint8_t *buf = malloc(size ? size : 1);
			int r = encode(types[i].type, buf, size);

			good = good && r == (size == len ? len : -ENOBUFS);
		}
		ok(good, "%s into any smaller buffer: -ENOBUFS", types[i].name);
	}
}

/* Where a payload may end: behind the fixed part and behind each field. */
static bool is_boundary(const uint8_t *payload, size_t fixed, size_t at)
{
	size_t end = fixed;

	while (end < at)
		end += 4 + payload[end + 2] + (payload[end + 3] << 8);
	return end == at;
}

static void test_truncation(void)
{
	static const size_t fixed[] = { [PROTO_HELLO] = FIXED_HELLO, [PROTO_WELCOME] = 10,
					[PROTO_SAMPLE] = FIXED_SAMPLE, [PROTO_ACK] = 8 };

	for (size_t i = 0; i < LENGTH(types); i++) {
		uint8_t type = types[i].type, buf[PROTO_ENCODED_MAX];
		const uint8_t *payload = buf + PROTO_HEADER_SIZE;
		int len = encode(type, buf, sizeof(buf)) - PROTO_HEADER_SIZE - PROTO_TRAILER_SIZE;
		bool good = true;
		union message m;

		for (int cut = 0; cut < len; cut++) {
			if (is_boundary(payload, fixed[type], cut))
				good = good && decode(type, payload, cut, &m) == 0;
			else
				good = good && refused(type, payload, cut);
		}
		ok(good, "%s: each truncation refused, unless whole fields are missing",
		   types[i].name);
		if (type == PROTO_HELLO)
			ok(decode(type, payload, FIXED_HELLO, &m) == 0 && m.hello.has == 0 &&
				   m.hello.leaf_version == 0 && m.hello.agent[0] == '\0',
			   "and these are then absent");
		if (type == PROTO_SAMPLE)
			ok(decode(type, payload, FIXED_SAMPLE, &m) == 0 && m.sample.has == 0 &&
				   m.sample.workload.mask == 0,
			   "and these are then absent");
	}
}

static void test_flipped_bits(void)
{
	for (size_t i = 0; i < LENGTH(types); i++) {
		struct bytes stream = { .len = 0 };
		struct proto_frame frame;
		bool good = true;
		int len = encode(types[i].type, stream.buf, PROTO_ENCODED_MAX);

		stream.len = len;
		add_ack(&stream, 77);
		for (int bit = 0; bit < 8 * len; bit++) {
			stream.buf[bit / 8] ^= 1 << bit % 8;
			good = good && feed(stream.buf, stream.len, &frame) == 1 &&
			       ack_of(&frame) == 77;
			stream.buf[bit / 8] ^= 1 << bit % 8;
			proto_decoder_reset(&decoder);
		}
		ok(good, "%s with any bit flipped is dropped, the frame behind it delivered",
		   types[i].name);
	}
}

static void test_lengths(void)
{
	static const uint32_t too_long[] = { PROTO_PAYLOAD_MAX + 1, 0x10000, INT32_MAX,
					     UINT32_MAX - 19, UINT32_MAX };
	static uint8_t payload[PROTO_PAYLOAD_MAX];
	struct bytes stream = { .len = 0 };
	struct proto_frame frame;
	bool good = true;

	for (size_t i = 0; i < LENGTH(too_long); i++) {
		stream.len = 0;
		add_bytes(&stream, "VMx\xf1\x01\x04\0\0", 8);
		add_le(&stream, too_long[i], 4);
		add_le(&stream, crc32(0, stream.buf, 12), 4);
		add_ack(&stream, 5);
		good = good && feed(stream.buf, stream.len, &frame) == 1 && ack_of(&frame) == 5;
	}
	ok(good, "a correct header with too large a length is garbage, at once");

	memset(payload, 'V', sizeof(payload));
	stream.len = 0;
	add_frame(&stream, 9, 200, payload, sizeof(payload));
	good = feed(stream.buf, 20, &frame) == 0;
	good = good && feed(stream.buf + 20, stream.len - 21, &frame) == 0;
	good = good && feed(stream.buf + stream.len - 1, 1, &frame) == 1;
	ok(good && frame.version == 9 && frame.type == 200 &&
		   frame.payload_len == PROTO_PAYLOAD_MAX &&
		   memcmp(frame.payload, payload, sizeof(payload)) == 0,
	   "the longest payload, of a type and version still unknown");
	ok(feed(stream.buf, stream.len, &frame) == 1 && feed(stream.buf, stream.len, &frame) == 1,
	   "and twice more");
}

static void test_garbage(void)
{
	/* Beginnings of frames among it, one in front of the magic itself. */
	static const char garbage[] = "\0noise VM VMx VMx\xf0 VMVMx\xf1 \xff\xff VVMx";
	const size_t garbage_len = sizeof(garbage) - 1;
	struct bytes stream = { .len = 0 };
	struct proto_frame frame;
	bool good = true;
	size_t frames = 0;

	add_bytes(&stream, garbage, garbage_len);
	stream.len += encode(PROTO_SAMPLE, stream.buf + stream.len, PROTO_ENCODED_MAX);
	add_bytes(&stream, garbage, garbage_len);
	add_ack(&stream, 9);
	for (size_t split = 0; split <= stream.len; split++) {
		uint64_t skipped = decoder.bytes_skipped;
		int n = feed(stream.buf, split, &frame);

		n += feed(stream.buf + split, stream.len - split, &frame);
		good = good && n == 2 && ack_of(&frame) == 9 &&
		       decoder.bytes_skipped - skipped == 2 * garbage_len;
	}
	ok(good, "garbage before and between two frames, split at every byte");
	for (size_t i = 0; i < stream.len; i++)
		frames += feed(stream.buf + i, 1, &frame);
	ok(frames == 2 && ack_of(&frame) == 9, "the same byte by byte");
	ok(feed((const uint8_t *)"VMx", 3, &frame) == 0, "half a magic waits");
	proto_decoder_reset(&decoder);
	stream.len = 0;
	add_bytes(&stream, "\xf1\x01\x05", 3);
	add_ack(&stream, 10);
	ok(feed(stream.buf, stream.len, &frame) == 1 && ack_of(&frame) == 10,
	   "and is forgotten by a reset");
}

static void test_resync(void)
{
	uint8_t whole[PROTO_ENCODED_MAX];
	size_t len = encode(PROTO_SAMPLE, whole, sizeof(whole));
	struct bytes stream = { .len = 0 };
	struct proto_frame frame;
	bool good = true;

	for (size_t cut = 1; cut < len; cut++) {
		uint64_t first = 0;
		int n = 0;

		for (uint64_t i = 1; i <= 32; i++) {
			stream.len = 0;
			if (i == 1)
				add_bytes(&stream, whole, cut);
			add_ack(&stream, i);
			n += feed(stream.buf, stream.len, &frame);
			if (n && !first)
				first = i;
		}
		good = good && n == 32 && ack_of(&frame) == 32 &&
		       first <= 1 + len / (PROTO_HEADER_SIZE + 8 + PROTO_TRAILER_SIZE);
	}
	ok(good, "a frame cut anywhere: none behind it is lost, none waits for more than its rest");

	/* A magic inside a damaged frame's payload must not swallow what follows. */
	stream.len = 0;
	add_bytes(&stream, "VMx\xf1", 4);
	add_bytes(&stream, "VMx\xf1\x01\x03\0\0", 8);
	add_ack(&stream, 21);
	ok(feed(stream.buf, stream.len, &frame) == 1 && ack_of(&frame) == 21,
	   "headers that break off in front of a frame");
}

static void test_text(void)
{
	struct bytes payload = { .len = 0 };
	struct proto_hello hello = { .version_max = 1 };
	uint8_t buf[PROTO_ENCODED_MAX];
	union message m;
	int len;

	len = proto_encode_hello(buf, sizeof(buf), &hello);
	add_bytes(&payload, buf + PROTO_HEADER_SIZE, FIXED_HELLO);
	add_le(&payload, 4, 2);
	add_le(&payload, 7, 2);
	add_bytes(&payload, "a\0\n\x7f\xc3\xa4~", 7);
	add_le(&payload, 3, 2);
	add_le(&payload, 1000, 2);
	memset(payload.buf + payload.len, 'x', 1000);
	payload.len += 1000;
	ok(decode(PROTO_HELLO, payload.buf, payload.len, &m) == 0 &&
		   strcmp(m.hello.kernel, "a?????~") == 0,
	   "what is not printable ASCII in a text is a question mark");
	ok(strlen(m.hello.agent) == PROTO_TEXT_MAX, "a text too long is cut");

	memset(hello.agent, 'y', sizeof(hello.agent));
	len = proto_encode_hello(buf, sizeof(buf), &hello);
	ok(len > 0 &&
		   decode(PROTO_HELLO, buf + PROTO_HEADER_SIZE,
			  len - PROTO_HEADER_SIZE - PROTO_TRAILER_SIZE, &m) == 0 &&
		   strlen(m.hello.agent) == PROTO_TEXT_MAX,
	   "a text without an end is cut by the sender");
}

static void test_newer_sender(void)
{
	struct sample sample = a_sample();
	struct bytes payload = { .len = 0 };
	uint8_t buf[PROTO_ENCODED_MAX];
	union message m;
	int len;

	len = encode(PROTO_HELLO, buf, sizeof(buf)) - PROTO_HEADER_SIZE - PROTO_TRAILER_SIZE;
	add_bytes(&payload, buf + PROTO_HEADER_SIZE, FIXED_HELLO);
	add_bytes(&payload, "\x63\0\x05\0hello", 9);	/* field 99 */
	add_bytes(&payload, buf + PROTO_HEADER_SIZE + FIXED_HELLO, len - FIXED_HELLO);
	add_bytes(&payload, "\xff\xff\0\0", 4);
	ok(decode(PROTO_HELLO, payload.buf, payload.len, &m) == 0 && same_hello(&m.hello, &a_hello),
	   "hello: unknown fields are skipped");

	payload.len = 0;
	sample.has = 0;
	sample.workload.mask = KNOWN_MASK;
	add_le(&payload, sample.sequence, 8);
	add_le(&payload, sample.t_boot_ns, 8);
	add_le(&payload, sample.t_wall_ns, 8);
	add_bytes(&payload, "\x63\0\x05\0hello", 9);
	add_le(&payload, 18, 2);
	add_le(&payload, 8 + 8 * 64, 2);
	add_le(&payload, UINT64_MAX, 8);
	for (unsigned int i = 0; i < 64; i++)
		add_le(&payload, 0x1000000000000000 + i, 8);
	add_le(&payload, 16, 2);
	add_le(&payload, 12, 2);			/* an exit count that has grown */
	add_le(&payload, 4711, 8);
	add_le(&payload, 1, 4);
	sample.generation = sample.handling_cycles = 0;
	sample.has = SAMPLE_HAS_EXITS;
	sample.exits = 4711;
	ok(decode(PROTO_SAMPLE, payload.buf, payload.len, &m) == 0 &&
		   same_sample(&m.sample, &sample),
	   "sample: unknown fields, workload values and longer fields are skipped");

	add_bytes(&payload, "\0\0", 2);
	ok(refused(PROTO_SAMPLE, payload.buf, payload.len), "half a field's head is refused");
	payload.len = 0;
	add_le(&payload, 3, 2);
	add_le(&payload, 42, 8);
	add_le(&payload, 42, 8);
	ok(decode(PROTO_WELCOME, payload.buf, payload.len, &m) == 0 && m.welcome.version == 3 &&
		   m.welcome.committed == 42,
	   "welcome: what is behind the fixed part is skipped");
}

/* One field, saying @said bytes and having @have, behind a sample's fixed part. */
static void one_field(struct bytes *payload, uint16_t number, size_t said, size_t have)
{
	payload->len = 0;
	add_le(payload, 1, 8);
	add_le(payload, 1, 8);
	add_le(payload, 1, 8);
	add_le(payload, number, 2);
	add_le(payload, said, 2);
	memset(payload->buf + payload->len, 0xff, have);
	payload->len += have;
}

static void test_refusals(void)
{
	struct proto_hello hello = { .version_min = 2, .version_max = 1 };
	static const uint64_t bad[] = { 0, 1ULL << 63, UINT64_MAX };
	struct bytes payload;
	uint8_t buf[PROTO_ENCODED_MAX];
	bool good = true;
	union message m;

	one_field(&payload, 16, 9, 8);
	ok(refused(PROTO_SAMPLE, payload.buf, payload.len), "a field that is longer than the rest");
	one_field(&payload, 99, 0xffff, 8);
	ok(refused(PROTO_SAMPLE, payload.buf, payload.len), "an unknown one as well");
	one_field(&payload, 18, 8 + 8 * (WORKLOAD_COUNT - 1), 8 + 8 * (WORKLOAD_COUNT - 1));
	ok(refused(PROTO_SAMPLE, payload.buf, payload.len),
	   "a workload with fewer values than its mask says");
	one_field(&payload, 18, 7, 7);
	ok(refused(PROTO_SAMPLE, payload.buf, payload.len), "a workload with half a mask");
	one_field(&payload, 17, 4, 4);
	ok(refused(PROTO_SAMPLE, payload.buf, payload.len), "a value with too few bytes");

	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct sample sample = { .sequence = bad[i] };

		good = good && proto_encode_sample(buf, sizeof(buf), &sample, 0) > 0 &&
		       refused(PROTO_SAMPLE, buf + PROTO_HEADER_SIZE, FIXED_SAMPLE);
	}
	ok(good, "sequences 0 and above INT64_MAX");
	proto_encode_sample(buf, sizeof(buf),
			    &(struct sample){ .sequence = INT64_MAX, .t_boot_ns = INT64_MAX }, 0);
	ok(decode(PROTO_SAMPLE, buf + PROTO_HEADER_SIZE, FIXED_SAMPLE, &m) == 0 &&
		   m.sample.sequence == INT64_MAX,
	   "but not INT64_MAX itself");
	proto_encode_sample(buf, sizeof(buf),
			    &(struct sample){ .sequence = 1, .t_boot_ns = 1ULL << 63 }, 0);
	ok(refused(PROTO_SAMPLE, buf + PROTO_HEADER_SIZE, FIXED_SAMPLE),
	   "a time above INT64_MAX");

	proto_encode_hello(buf, sizeof(buf), &hello);
	ok(refused(PROTO_HELLO, buf + PROTO_HEADER_SIZE, FIXED_HELLO), "version_min > version_max");
}

/*
 * Version 1 as recorded on the day it was made. These bytes never change: what
 * fails here has changed the format, for every agent and daemon there is.
 */
static const char *const recorded[] = {
	"564d78f10101000065000000c57379b70100030000112233445566778899aabbccddeeff08070605"
	"04030201181716151413121190d00300040000000100100000000100ff00000002000000009f2400"
	"020008001032547698badcfe03000300302e3104000e00362e312e302d34302d616d643634365e9f"
	"8f",
	"564d78f1010200000a0000000d8ed4e5010088776655443322110f2d5e74",
	"564d78f10103010008010000a0f43423070605040302010001020304050607081112131415161718"
	"020008001032547698badcfe10000800ffffffffffffffff1100080000000000000000801200c800"
	"ffffff00000000000000000000000010010000000000001002000000000000100300000000000010"
	"04000000000000100500000000000010060000000000001007000000000000100800000000000010"
	"09000000000000100a000000000000100b000000000000100c000000000000100d00000000000010"
	"0e000000000000100f00000000000010100000000000001011000000000000101200000000000010"
	"13000000000000101400000000000010150000000000001016000000000000101700000000000010"
	"f92abf65",
	"564d78f10104000008000000bc730d2c1122334455667788c2e11891",
	"564d78f10105000000000000e750ce4f00000000",
};

static void test_recording(void)
{
	for (size_t i = 0; i < LENGTH(types); i++) {
		char hex[2 * PROTO_ENCODED_MAX + 1] = "";
		uint8_t buf[PROTO_ENCODED_MAX];
		int len = encode(types[i].type, buf, sizeof(buf));

		for (int j = 0; j < len; j++)
			snprintf(hex + 2 * j, 3, "%02x", buf[j]);
		if (!ok(strcmp(hex, recorded[i]) == 0, "%s as recorded", types[i].name))
			printf("# %s\n", hex);
	}
}

static void test_random(void)
{
	enum { CHUNK = 4096, CHUNKS = 1024 };
	uint64_t total = 0, before = decoder.bytes_skipped;
	struct proto_frame frame;
	uint8_t chunk[CHUNK];
	int frames = 0;

	for (int i = 0; i < CHUNKS; i++) {
		for (int j = 0; j < CHUNK; j += 8) {
			uint64_t v = rng();

			memcpy(chunk + j, &v, 8);
		}
		/* In every other one, plenty of places where a frame may begin. */
		for (int j = 0; i % 2 && j + 16 < CHUNK; j += 1 + rng() % 64) {
			memcpy(chunk + j, "VMx\xf1", 4);
			if (i % 4 == 1)
				continue;
			uint32_t crc, length = rng() % (2 * PROTO_PAYLOAD_MAX);

			memcpy(chunk + j + 8, &length, 4);
			crc = crc32(0, chunk + j, 12);
			memcpy(chunk + j + 12, &crc, 4);
		}
		for (size_t j = 0, n; j < CHUNK; j += n) {
			n = 1 + rng() % CHUNK;
			n = n < CHUNK - j ? n : CHUNK - j;
			frames += feed(chunk + j, n, &frame);
			total += n;
		}
	}
	ok(frames == 0, "%llu random bytes: no frame", (unsigned long long)total);
	proto_decoder_reset(&decoder);
	ok(decoder.bytes_skipped - before == total, "every one of them counted");
}

/* True if what was accepted says the same after another round. */
static bool again(uint8_t type, const union message *m)
{
	uint8_t buf[PROTO_ENCODED_MAX];
	struct proto_frame frame;
	union message n;
	int len;

	if (type == PROTO_HELLO) {
		len = proto_encode_hello(buf, sizeof(buf), &m->hello);
		return len > 0 && feed(buf, len, &frame) == 1 &&
		       proto_decode_hello(&frame, &n.hello) == 0 && same_hello(&n.hello, &m->hello);
	}
	if (type == PROTO_SAMPLE) {
		len = proto_encode_sample(buf, sizeof(buf), &m->sample, 0);
		return len > 0 && feed(buf, len, &frame) == 1 &&
		       proto_decode_sample(&frame, &n.sample) == 0 &&
		       same_sample(&n.sample, &m->sample);
	}
	return true;
}

static void test_mutations(void)
{
	int accepted = 0, rejected = 0;
	bool good = true;

	for (int i = 0; i < 200000; i++) {
		uint8_t type = types[i % LENGTH(types)].type, buf[2 * PROTO_ENCODED_MAX];
		size_t len = encode(type, buf, PROTO_ENCODED_MAX) - PROTO_TRAILER_SIZE;
		union message m;

		for (uint64_t n = rng() % 4; n && len > PROTO_HEADER_SIZE; n--)
			buf[PROTO_HEADER_SIZE + rng() % (len - PROTO_HEADER_SIZE)] = rng();
		for (uint64_t n = rng() % 4 ? 0 : rng() % 64; n; n--)
			buf[len++] = rng() % 32;
		if (decode(type, buf + PROTO_HEADER_SIZE, len - PROTO_HEADER_SIZE, &m) < 0) {
			rejected++;
		} else {
			accepted++;
			good = good && again(type, &m);
		}
	}
	ok(good && accepted > 1000 && rejected > 1000,
	   "mutated payloads: %d refused, %d accepted and encoded alike", rejected, accepted);
}

int main(void)
{
	test_round_trips();
	test_encode_refuses();
	test_truncation();
	test_flipped_bits();
	test_lengths();
	test_garbage();
	test_resync();
	test_text();
	test_newer_sender();
	test_refusals();
	test_recording();
	test_random();
	test_mutations();
	return done_testing();
}
