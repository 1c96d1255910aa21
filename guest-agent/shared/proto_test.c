/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is sent arrives, now and from newer senders, in the format as recorded. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/proto.h"
#include "guest-agent/shared/tap.h"
#include "guest-agent/shared/testframes.h"

#define KNOWN_MASK (UINT64_MAX >> (64 - WORKLOAD_COUNT))

static struct frame_decoder decoder;

/* The @i-th of a sample's forms: each set of optional fields, each value alone. */
static void some_sample(struct sample *sample, unsigned int i)
{
	*sample = (struct sample){ .sequence = i + 1, .has = i };
	sample->workload.mask = 1ULL << i % WORKLOAD_COUNT;
	sample->workload.value[i % WORKLOAD_COUNT] = i;
	if (i & SAMPLE_HAS_EXITS)
		sample->exits = 1;
	if (i & SAMPLE_HAS_HANDLING)
		sample->handling_cycles = 2;
	if (i & SAMPLE_HAS_GENERATION)
		sample->generation = 3;
	if (i & SAMPLE_HAS_AWAY)
		sample->away_cycles = 4;
	if (i & SAMPLE_HAS_CLOCK)
		sample->guest_tsc = 5;
	if (i & SAMPLE_HAS_PACE)
		sample->pace = SAMPLE_PACE_BUDGET;
	if (i & SAMPLE_HAS_AGENT)
		sample->agent_exits = 6;
	if (i & SAMPLE_HAS_TAKEN)
		sample->taken = 7;
}

static void test_round_trips(void)
{
	struct sample sample = a_sample(), old = a_sample_1(), bare = { .sequence = 1 };
	struct proto_hello plain = { .version_min = 1, .version_max = 1 }, full = a_hello();
	uint8_t buf[PROTO_ENCODED_MAX];
	struct frame frame;
	union message m;
	bool good = true;
	int len;

	len = encode(PROTO_HELLO, buf, sizeof(buf));
	ok(feed(&decoder, buf, len, &frame) == 1 && frame.type == PROTO_HELLO &&
		   frame.version == PROTO_VERSION && frame.flags == 0 &&
		   proto_decode_hello(&frame, &m.hello) == 0 && same_hello(&m.hello, &full),
	   "hello, with everything");
	len = proto_encode_hello(buf, sizeof(buf), &plain);
	ok(feed(&decoder, buf, len, &frame) == 1 && proto_decode_hello(&frame, &m.hello) == 0 &&
		   same_hello(&m.hello, &plain),
	   "hello, with nothing optional");
	len = encode(PROTO_WELCOME, buf, sizeof(buf));
	ok(feed(&decoder, buf, len, &frame) == 1 && frame.type == PROTO_WELCOME &&
		   proto_decode_welcome(&frame, &m.welcome) == 0 && m.welcome.version == 1 &&
		   m.welcome.committed == 0x1122334455667788,
	   "welcome");
	len = encode(PROTO_SAMPLE, buf, sizeof(buf));
	ok(feed(&decoder, buf, len, &frame) == 1 && frame.type == PROTO_SAMPLE &&
		   frame.flags == FRAME_FLAG_DELAYED &&
		   proto_decode_sample(&frame, &m.sample) == 0 && same_sample(&m.sample, &sample),
	   "sample, with everything");
	len = proto_encode_sample(buf, sizeof(buf), &sample, 1, 0);
	old.generation = sample.generation;
	for (unsigned int i = 0; i < WORKLOAD_COUNT; i++)
		old.workload.value[i] = sample.workload.value[i];
	ok(feed(&decoder, buf, len, &frame) == 1 && frame.version == 1 &&
		   proto_decode_sample(&frame, &m.sample) == 0 && same_sample(&m.sample, &old),
	   "sample for a daemon of version 1: what that knows");
	len = proto_encode_sample(buf, sizeof(buf), &bare, 2, 0);
	ok(feed(&decoder, buf, len, &frame) == 1 && frame.flags == 0 &&
		   proto_decode_sample(&frame, &m.sample) == 0 && same_sample(&m.sample, &bare),
	   "sample, with nothing optional: unknown stays unknown");
	for (unsigned int i = 0; i < 256; i++) {
		some_sample(&sample, i);
		len = proto_encode_sample(buf, sizeof(buf), &sample, 2, 0);
		good = good && feed(&decoder, buf, len, &frame) == 1 &&
		       proto_decode_sample(&frame, &m.sample) == 0 &&
		       same_sample(&m.sample, &sample);
	}
	ok(good, "sample, each workload value alone and each set of optional fields");
	sample.workload.mask = UINT64_MAX;
	len = proto_encode_sample(buf, sizeof(buf), &sample, 2, 0);
	ok(feed(&decoder, buf, len, &frame) == 1 && proto_decode_sample(&frame, &m.sample) == 0 &&
		   m.sample.workload.mask == KNOWN_MASK,
	   "sample, a mask with bits that no value has");
	len = encode(PROTO_ACK, buf, sizeof(buf));
	ok(feed(&decoder, buf, len, &frame) == 1 && ack_of(&frame) == 0x8877665544332211, "ack");
	len = encode(PROTO_CALL, buf, sizeof(buf));
	ok(feed(&decoder, buf, len, &frame) == 1 && frame.type == PROTO_CALL &&
		   frame.payload_len == 0,
	   "call");
	len = encode(PROTO_MARK, buf, sizeof(buf));
	ok(feed(&decoder, buf, len, &frame) == 1 && frame.type == PROTO_MARK &&
		   proto_decode_mark(&frame, &m.mark) == 0 && same_mark(&m.mark, &a_mark),
	   "mark");
	len = encode(PROTO_GAP, buf, sizeof(buf));
	ok(feed(&decoder, buf, len, &frame) == 1 && frame.type == PROTO_GAP &&
		   proto_decode_gap(&frame, &m.gap) == 0 && same_gap(&m.gap, &a_gap),
	   "gap");
	len = encode(PROTO_PACE, buf, sizeof(buf));
	ok(feed(&decoder, buf, len, &frame) == 1 && frame.type == PROTO_PACE &&
		   proto_decode_pace(&frame, &m.pace) == 0 && m.pace.interval_us == 250000,
	   "pace");
	ok(decoder.bytes_skipped == 0 && decoder.frames_bad == 0, "nothing was skipped");
}

static void test_flags(void)
{
	uint8_t buf[PROTO_ENCODED_MAX];
	int len = encode(PROTO_SAMPLE, buf, sizeof(buf));
	struct frame frame;

	frame_set_flags(buf, 0);
	ok(feed(&decoder, buf, len, &frame) == 1 && frame.flags == 0, "a frame's flags cleared");
	frame_set_flags(buf, FRAME_FLAG_DELAYED);
	ok(feed(&decoder, buf, len, &frame) == 1 && frame.flags == FRAME_FLAG_DELAYED,
	   "and set again");
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

static void test_text(void)
{
	struct bytes payload = { .len = 0 };
	struct proto_hello hello = { .version_max = 1 };
	uint8_t buf[PROTO_ENCODED_MAX];
	union message m;
	int len;

	len = proto_encode_hello(buf, sizeof(buf), &hello);
	add_bytes(&payload, buf + FRAME_HEADER_SIZE, FIXED_HELLO);
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
		   decode(PROTO_HELLO, buf + FRAME_HEADER_SIZE,
			  len - FRAME_HEADER_SIZE - FRAME_TRAILER_SIZE, &m) == 0 &&
		   strlen(m.hello.agent) == PROTO_TEXT_MAX,
	   "a text without an end is cut by the sender");
}

static void test_newer_sender(void)
{
	struct sample sample = a_sample_1();
	struct proto_hello full = a_hello();
	struct bytes payload = { .len = 0 };
	uint8_t buf[PROTO_ENCODED_MAX];
	union message m;
	int len;

	len = encode(PROTO_HELLO, buf, sizeof(buf)) - FRAME_HEADER_SIZE - FRAME_TRAILER_SIZE;
	add_bytes(&payload, buf + FRAME_HEADER_SIZE, FIXED_HELLO);
	add_bytes(&payload, "\x63\0\x05\0hello", 9);	/* field 99 */
	add_bytes(&payload, buf + FRAME_HEADER_SIZE + FIXED_HELLO, len - FIXED_HELLO);
	add_bytes(&payload, "\xff\xff\0\0", 4);
	ok(decode(PROTO_HELLO, payload.buf, payload.len, &m) == 0 && same_hello(&m.hello, &full),
	   "hello: unknown fields are skipped");

	payload.len = 0;
	sample.has = 0;
	sample.workload.mask = KNOWN_MASK;
	add_le(&payload, sample.sequence, 8);
	add_le(&payload, sample.t_boot_ns, 8);
	add_le(&payload, sample.t_wall_ns, 8);
	add_bytes(&payload, "\x1e\0\x05\0hello", 9);
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

/*
 * Each version as recorded on the day it was made. These bytes never change: what
 * fails here has changed the format, for every agent and daemon there is.
 */
static const char *const recorded_1[] = {
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

static const char *const recorded_2[] = {
	"564d78f10201000075000000b923ef690100030000112233445566778899aabbccddeeff08070605"
	"04030201181716151413121190d00300040000000100100000000100ff00000002000000009f2400"
	"020008001032547698badcfe03000300302e3104000e00362e312e302d34302d616d64363405000c"
	"00000005040302010010270000a918a94d",
	"564d78f1020200000a000000ee895b6b010088776655443322110f2d5e74",
	"564d78f102030100e20100001f527914070605040302010001020304050607081112131415161718"
	"020008001032547698badcfe10000800ffffffffffffffff1100080000000000000000801300aa00"
	"ffffffff1f8080808080808080108180808080808080048280808080808080018380808080808020"
	"84808080808080088580808080808002868080808080408780808080801088808080808004898080"
	"808080018a80808080208b80808080088c80808080028d808080408e808080108f80808004908080"
	"8001918080209280800893808002948040958010968004978001982099089a025b2c219e80808004"
	"9f80808008a0808080101400100028272625242322213837363534333231150014000c1d2e3f5a0c"
	"cb184847464544434241dc05000016000500a0860100011700100015cd5b0700000000f1fb090000"
	"000000200025007be724808080808020ffffffffffffffffff01ffffffff0fffffffffffffffffff"
	"017f8001210019007be724808080808020ffffffff0fffffffffffffffffff017f22001a00e72403"
	"736461ffffffffffffffffff0109612e73657276696365230020007be72403736461ffffffff0fff"
	"ffffffffffffffff0109612e7365727669636524001a00e72403736461ffffffffffffffffff0109"
	"612e73657276696365630005006c61746572bf444619",
	"564d78f102040000080000005f7482a21122334455667788c2e11891",
	"564d78f10205000000000000045741c100000000",
	"564d78f1020600004a000000c0f50004080605040302010002020304050607081212131415161718"
	"03000000e80300000000050403020100080016007374726573732d6e67202d2d6370752031202d74"
	"2035090004008b000000c05d4de0",
	"564d78f10207000034000000db299729090605040302010000000604030201000302030405060708"
	"030203040606070858020000010000000a0008000908070605040302bc3ec152",
	"564d78f1020800000400000093a1f42f90d003004b58a03a",
};

/* The first of version 2 had no fields. */
static const char recorded_gap[] =
	"564d78f10207000028000000fcc15833090605040302010000000604030201000302030405060708"
	"030203040606070858020000010000007db4b4ff";

/* Makes bytes of @hex; returns how many. */
static size_t from_hex(const char *hex, uint8_t *bytes)
{
	size_t len = strlen(hex) / 2;
	unsigned int byte;

	for (size_t i = 0; i < len; i++) {
		(void)sscanf(hex + 2 * i, "%2x", &byte);
		bytes[i] = byte;
	}
	return len;
}

static void test_recording_1(void)
{
	struct sample sample = a_sample_1();
	uint8_t bytes[PROTO_ENCODED_MAX], buf[PROTO_ENCODED_MAX];
	struct frame frame;
	union message m;
	size_t len;

	len = from_hex(recorded_1[0], bytes);
	ok(feed(&decoder, bytes, len, &frame) == 1 && proto_decode_hello(&frame, &m.hello) == 0 &&
		   same_hello(&m.hello, &a_hello_1),
	   "a hello of version 1 is understood");
	len = from_hex(recorded_1[1], bytes);
	ok(feed(&decoder, bytes, len, &frame) == 1 &&
		   proto_decode_welcome(&frame, &m.welcome) == 0 && m.welcome.version == 1 &&
		   m.welcome.committed == 0x1122334455667788,
	   "its welcome");
	len = from_hex(recorded_1[2], bytes);
	ok(feed(&decoder, bytes, len, &frame) == 1 &&
		   proto_decode_sample(&frame, &m.sample) == 0 && same_sample(&m.sample, &sample),
	   "its sample");
	ok((size_t)proto_encode_sample(buf, sizeof(buf), &sample, 1, FRAME_FLAG_DELAYED) == len &&
		   memcmp(buf, bytes, len) == 0,
	   "and a sample for version 1 is made as it was");
	len = from_hex(recorded_1[3], bytes);
	ok(feed(&decoder, bytes, len, &frame) == 1 && ack_of(&frame) == 0x8877665544332211,
	   "its ack");
	len = from_hex(recorded_1[4], bytes);
	ok(feed(&decoder, bytes, len, &frame) == 1 && frame.type == PROTO_CALL, "its call");
}

static void test_recording_2(void)
{
	uint8_t bytes[PROTO_ENCODED_MAX];
	struct proto_gap gap, bare = a_gap;
	struct frame frame;
	size_t len = from_hex(recorded_gap, bytes);

	bare.taken = 0;
	ok(feed(&decoder, bytes, len, &frame) == 1 && proto_decode_gap(&frame, &gap) == 0 &&
		   same_gap(&gap, &bare),
	   "a gap that does not say what was taken");
	for (size_t i = 0; i < LENGTH(types); i++) {
		char hex[2 * PROTO_ENCODED_MAX + 1] = "";
		uint8_t buf[PROTO_ENCODED_MAX];
		int len = encode(types[i].type, buf, sizeof(buf));

		for (int j = 0; j < len; j++)
			snprintf(hex + 2 * j, 3, "%02x", buf[j]);
		if (!ok(strcmp(hex, recorded_2[i]) == 0, "%s as recorded", types[i].name))
			printf("# %s\n", hex);
	}
}

int main(void)
{
	test_round_trips();
	test_flags();
	test_encode_refuses();
	test_text();
	test_newer_sender();
	test_recording_1();
	test_recording_2();
	return done_testing();
}
