/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nobody should send: truncated, damaged, contradictory, random. */
#include <string.h>
#include <zlib.h>

#include "guest-agent/shared/proto.h"
#include "guest-agent/shared/tap.h"
#include "guest-agent/shared/testframes.h"

static uint64_t rng_state = 0x9e3779b97f4a7c15;

static uint64_t rng(void)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state;
}

static struct frame_decoder decoder;

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
					[PROTO_SAMPLE] = FIXED_SAMPLE, [PROTO_ACK] = 8,
					[PROTO_CALL] = 0, [PROTO_MARK] = FIXED_MARK,
					[PROTO_GAP] = 40, [PROTO_PACE] = 4 };

	for (size_t i = 0; i < LENGTH(types); i++) {
		uint8_t type = types[i].type, buf[PROTO_ENCODED_MAX];
		const uint8_t *payload = buf + FRAME_HEADER_SIZE;
		int len = encode(type, buf, sizeof(buf)) - FRAME_HEADER_SIZE - FRAME_TRAILER_SIZE;
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
		struct frame frame;
		bool good = true;
		int len = encode(types[i].type, stream.buf, PROTO_ENCODED_MAX);

		stream.len = len;
		add_ack(&stream, 77);
		for (int bit = 0; bit < 8 * len; bit++) {
			stream.buf[bit / 8] ^= 1 << bit % 8;
			good = good && feed(&decoder, stream.buf, stream.len, &frame) == 1 &&
			       ack_of(&frame) == 77;
			stream.buf[bit / 8] ^= 1 << bit % 8;
			frame_decoder_reset(&decoder);
		}
		ok(good, "%s with any bit flipped is dropped, the frame behind it delivered",
		   types[i].name);
	}
}

static void test_lengths(void)
{
	static const uint32_t too_long[] = { FRAME_PAYLOAD_MAX + 1, 0x10000, INT32_MAX,
					     UINT32_MAX - 19, UINT32_MAX };
	static uint8_t payload[FRAME_PAYLOAD_MAX];
	struct bytes stream = { .len = 0 };
	struct frame frame;
	bool good = true;

	for (size_t i = 0; i < LENGTH(too_long); i++) {
		stream.len = 0;
		add_bytes(&stream, "VMx\xf1\x01\x04\0\0", 8);
		add_le(&stream, too_long[i], 4);
		add_le(&stream, crc32(0, stream.buf, 12), 4);
		add_ack(&stream, 5);
		good = good && feed(&decoder, stream.buf, stream.len, &frame) == 1 &&
		       ack_of(&frame) == 5;
	}
	ok(good, "a correct header with too large a length is garbage, at once");

	memset(payload, 'V', sizeof(payload));
	stream.len = 0;
	add_frame(&stream, 9, 200, payload, sizeof(payload));
	good = feed(&decoder, stream.buf, 20, &frame) == 0;
	good = good && feed(&decoder, stream.buf + 20, stream.len - 21, &frame) == 0;
	good = good && feed(&decoder, stream.buf + stream.len - 1, 1, &frame) == 1;
	ok(good && frame.version == 9 && frame.type == 200 &&
		   frame.payload_len == FRAME_PAYLOAD_MAX &&
		   memcmp(frame.payload, payload, sizeof(payload)) == 0,
	   "the longest payload, of a type and version still unknown");
	ok(feed(&decoder, stream.buf, stream.len, &frame) == 1 &&
		   feed(&decoder, stream.buf, stream.len, &frame) == 1,
	   "and twice more");
}

static void test_garbage(void)
{
	/* Beginnings of frames among it, one in front of the magic itself. */
	static const char garbage[] = "\0noise VM VMx VMx\xf0 VMVMx\xf1 \xff\xff VVMx";
	const size_t garbage_len = sizeof(garbage) - 1;
	struct bytes stream = { .len = 0 };
	struct frame frame;
	bool good = true;
	size_t frames = 0;

	add_bytes(&stream, garbage, garbage_len);
	stream.len += encode(PROTO_SAMPLE, stream.buf + stream.len, PROTO_ENCODED_MAX);
	add_bytes(&stream, garbage, garbage_len);
	add_ack(&stream, 9);
	for (size_t split = 0; split <= stream.len; split++) {
		uint64_t skipped = decoder.bytes_skipped;
		int n = feed(&decoder, stream.buf, split, &frame);

		n += feed(&decoder, stream.buf + split, stream.len - split, &frame);
		good = good && n == 2 && ack_of(&frame) == 9 &&
		       decoder.bytes_skipped - skipped == 2 * garbage_len;
	}
	ok(good, "garbage before and between two frames, split at every byte");
	for (size_t i = 0; i < stream.len; i++)
		frames += feed(&decoder, stream.buf + i, 1, &frame);
	ok(frames == 2 && ack_of(&frame) == 9, "the same byte by byte");
	ok(feed(&decoder, (const uint8_t *)"VMx", 3, &frame) == 0, "half a magic waits");
	frame_decoder_reset(&decoder);
	stream.len = 0;
	add_bytes(&stream, "\xf1\x01\x05", 3);
	add_ack(&stream, 10);
	ok(feed(&decoder, stream.buf, stream.len, &frame) == 1 && ack_of(&frame) == 10,
	   "and is forgotten by a reset");
}

static void test_resync(void)
{
	uint8_t whole[PROTO_ENCODED_MAX];
	size_t len = encode(PROTO_SAMPLE, whole, sizeof(whole));
	struct bytes stream = { .len = 0 };
	struct frame frame;
	bool good = true;

	for (size_t cut = 1; cut < len; cut++) {
		uint64_t first = 0;
		int n = 0;

		for (uint64_t i = 1; i <= 32; i++) {
			stream.len = 0;
			if (i == 1)
				add_bytes(&stream, whole, cut);
			add_ack(&stream, i);
			n += feed(&decoder, stream.buf, stream.len, &frame);
			if (n && !first)
				first = i;
		}
		good = good && n == 32 && ack_of(&frame) == 32 &&
		       first <= 1 + len / (FRAME_HEADER_SIZE + 8 + FRAME_TRAILER_SIZE);
	}
	ok(good, "a frame cut anywhere: none behind it is lost, none waits for more than its rest");

	/* A magic inside a damaged frame's payload must not swallow what follows. */
	stream.len = 0;
	add_bytes(&stream, "VMx\xf1", 4);
	add_bytes(&stream, "VMx\xf1\x01\x03\0\0", 8);
	add_ack(&stream, 21);
	ok(feed(&decoder, stream.buf, stream.len, &frame) == 1 && ack_of(&frame) == 21,
	   "headers that break off in front of a frame");
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

#define DETAIL(text, what) { text, sizeof(text) - 1, what }
static const struct {
	const char *bytes;
	size_t len;
	const char *what;
} bad_details[] = {
	DETAIL("\x20\0\x08\0\x05\1\1\1\x05\1\1\1", "a reason twice"),
	DETAIL("\x21\0\x06\0\x02\1\1\x01\1\1", "vCPUs that descend"),
	DETAIL("\x20\0\x03\0\x05\1\1", "a reason without its away time"),
	DETAIL("\x20\0\x08\0\xff\xff\xff\xff\x1f\1\1\1", "a reason above 32 bits"),
	DETAIL("\x22\0\x0b\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\0",
	       "a count above 64 bits"),
	DETAIL("\x22\0\x0d\0\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\0",
	       "a number without an end"),
	DETAIL("\x22\0\x04\0\x01\x03" "ab", "a name longer than its list"),
	DETAIL("\x22\0\x05\0\x01\x03" "a\nb", "a name with a line's end in it"),
	DETAIL("\x24\0\x43\0\x01\x41" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	       "aaaaaaaa", "a name of 65 characters"),
	DETAIL("\x24\0\0\0\x24\0\0\0", "a list twice"),
	DETAIL("\x20\0\0\0\x10\0\x08\0\1\0\0\0\0\0\0\0", "a value behind the lists"),
	DETAIL("\x15\0\x14\0\xff\xff\xff\xff\xff\xff\xff\xff" "\0\0\0\0\0\0\0\0\0\0\0\0",
	       "a host time above INT64_MAX"),
};

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

		good = good && proto_encode_sample(buf, sizeof(buf), &sample, 2, 0) > 0 &&
		       refused(PROTO_SAMPLE, buf + FRAME_HEADER_SIZE, FIXED_SAMPLE);
	}
	ok(good, "sequences 0 and above INT64_MAX");
	proto_encode_sample(buf, sizeof(buf),
			    &(struct sample){ .sequence = INT64_MAX, .t_boot_ns = INT64_MAX }, 2,
			    0);
	ok(decode(PROTO_SAMPLE, buf + FRAME_HEADER_SIZE, FIXED_SAMPLE, &m) == 0 &&
		   m.sample.sequence == INT64_MAX,
	   "but not INT64_MAX itself");
	proto_encode_sample(buf, sizeof(buf),
			    &(struct sample){ .sequence = 1, .t_boot_ns = 1ULL << 63 }, 2,
			    0);
	ok(refused(PROTO_SAMPLE, buf + FRAME_HEADER_SIZE, FIXED_SAMPLE),
	   "a time above INT64_MAX");

	for (size_t i = 0; i < LENGTH(bad_details); i++) {
		payload.len = 0;
		add_le(&payload, 1, 8);
		add_le(&payload, 1, 8);
		add_le(&payload, 1, 8);
		add_bytes(&payload, bad_details[i].bytes, bad_details[i].len);
		ok(refused(PROTO_SAMPLE, payload.buf, payload.len), "%s", bad_details[i].what);
	}

	proto_encode_hello(buf, sizeof(buf), &hello);
	ok(refused(PROTO_HELLO, buf + FRAME_HEADER_SIZE, FIXED_HELLO), "version_min > version_max");
}

static void test_random(void)
{
	enum { CHUNK = 4096, CHUNKS = 1024 };
	uint64_t total = 0, before = decoder.bytes_skipped;
	struct frame frame;
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
			uint32_t crc, length = rng() % (2 * FRAME_PAYLOAD_MAX);

			memcpy(chunk + j + 8, &length, 4);
			crc = crc32(0, chunk + j, 12);
			memcpy(chunk + j + 12, &crc, 4);
		}
		for (size_t j = 0, n; j < CHUNK; j += n) {
			n = 1 + rng() % CHUNK;
			n = n < CHUNK - j ? n : CHUNK - j;
			frames += feed(&decoder, chunk + j, n, &frame);
			total += n;
		}
	}
	ok(frames == 0, "%llu random bytes: no frame", (unsigned long long)total);
	frame_decoder_reset(&decoder);
	ok(decoder.bytes_skipped - before == total, "every one of them counted");
}

/* True if what was accepted says the same after another round. */
static bool again(uint8_t type, const union message *m)
{
	uint8_t buf[PROTO_ENCODED_MAX];
	struct frame frame;
	union message n;
	int len;

	if (type == PROTO_HELLO) {
		len = proto_encode_hello(buf, sizeof(buf), &m->hello);
		return len > 0 && feed(&decoder, buf, len, &frame) == 1 &&
		       proto_decode_hello(&frame, &n.hello) == 0 && same_hello(&n.hello, &m->hello);
	}
	if (type == PROTO_MARK) {
		len = proto_encode_mark(buf, sizeof(buf), &m->mark);
		return len > 0 && feed(&decoder, buf, len, &frame) == 1 &&
		       proto_decode_mark(&frame, &n.mark) == 0 && same_mark(&n.mark, &m->mark);
	}
	if (type == PROTO_GAP) {
		len = proto_encode_gap(buf, sizeof(buf), &m->gap);
		return len > 0 && feed(&decoder, buf, len, &frame) == 1 &&
		       proto_decode_gap(&frame, &n.gap) == 0 && same_gap(&n.gap, &m->gap);
	}
	if (type == PROTO_SAMPLE) {
		len = proto_encode_sample(buf, sizeof(buf), &m->sample, 2, 0);
		return len > 0 && feed(&decoder, buf, len, &frame) == 1 &&
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
		size_t len = encode(type, buf, PROTO_ENCODED_MAX) - FRAME_TRAILER_SIZE;
		union message m;

		for (uint64_t n = rng() % 4; n && len > FRAME_HEADER_SIZE; n--)
			buf[FRAME_HEADER_SIZE + rng() % (len - FRAME_HEADER_SIZE)] = rng();
		for (uint64_t n = rng() % 4 ? 0 : rng() % 64; n; n--)
			buf[len++] = rng() % 32;
		if (decode(type, buf + FRAME_HEADER_SIZE, len - FRAME_HEADER_SIZE, &m) < 0) {
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
	test_truncation();
	test_flipped_bits();
	test_lengths();
	test_garbage();
	test_resync();
	test_refusals();
	test_random();
	test_mutations();
	return done_testing();
}
