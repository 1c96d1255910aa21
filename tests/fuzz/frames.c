/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as the other side's stream: the decoder, every message, every list. What
 * is accepted must say the same when it is sent on. The first byte is how many
 * bytes come at a time, 0 for all of them.
 */
#include <stdint.h>
#include <stdlib.h>

#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/proto.h"
#include "guest-agent/shared/testframes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

/* The only frame in @len bytes at @bytes. */
static bool frame_of(struct frame_decoder *decoder, const uint8_t *bytes, int len,
		     struct frame *ret_frame)
{
	frame_decoder_reset(decoder);
	return len > 0 && feed(decoder, bytes, len, ret_frame) == 1;
}

static void walk(const struct sample *sample)
{
	struct detail_iter iter;
	struct detail_entry entry;
	size_t most = sample->detail_len;

	for (int list = DETAIL_FIRST; list <= DETAIL_UNITS; list++) {
		if (!detail_find(sample->detail, sample->detail_len, list, &iter))
			continue;
		for (size_t n = 0; detail_next(&iter, &entry); n++)
			check(n < most && entry.name_len <= DETAIL_NAME_MAX);
		check(!iter.rest.overflow);
	}
}

static void on_sample(const struct frame *untrusted)
{
	static struct frame_decoder decoder;
	static uint8_t buf[2 * FRAME_MAX];
	struct sample sample, again;
	struct frame frame;
	int len;

	if (proto_decode_sample(untrusted, &sample) < 0)
		return;
	walk(&sample);
	len = proto_encode_sample(buf, sizeof(buf), &sample, PROTO_VERSION, 0);
	/* Fixed-width numbers may be longer than the varints they came in. */
	if (len < 0)
		return;
	check(frame_of(&decoder, buf, len, &frame));
	check(proto_decode_sample(&frame, &again) == 0 && same_sample(&sample, &again));
	len = proto_encode_sample(buf, sizeof(buf), &sample, 1, 0);
	check(frame_of(&decoder, buf, len, &frame) && proto_decode_sample(&frame, &again) == 0);
}

static void on_frame(const struct frame *untrusted)
{
	static struct frame_decoder decoder;
	uint8_t buf[PROTO_ENCODED_MAX];
	union message m, n;
	struct frame frame;

	switch (untrusted->type) {
	case PROTO_HELLO:
		if (proto_decode_hello(untrusted, &m.hello) == 0)
			check(frame_of(&decoder, buf, proto_encode_hello(buf, sizeof(buf), &m.hello),
				       &frame) &&
			      proto_decode_hello(&frame, &n.hello) == 0 &&
			      same_hello(&m.hello, &n.hello));
		break;
	case PROTO_SAMPLE:
		on_sample(untrusted);
		break;
	case PROTO_MARK:
		if (proto_decode_mark(untrusted, &m.mark) == 0)
			check(frame_of(&decoder, buf, proto_encode_mark(buf, sizeof(buf), &m.mark),
				       &frame) &&
			      proto_decode_mark(&frame, &n.mark) == 0 && same_mark(&m.mark, &n.mark));
		break;
	case PROTO_GAP:
		if (proto_decode_gap(untrusted, &m.gap) == 0)
			check(frame_of(&decoder, buf, proto_encode_gap(buf, sizeof(buf), &m.gap),
				       &frame) &&
			      proto_decode_gap(&frame, &n.gap) == 0 && same_gap(&m.gap, &n.gap));
		break;
	case PROTO_WELCOME:
		(void)proto_decode_welcome(untrusted, &m.welcome);
		break;
	case PROTO_ACK:
		(void)proto_decode_ack(untrusted, &m.ack);
		break;
	case PROTO_PACE:
		(void)proto_decode_pace(untrusted, &m.pace);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct frame_decoder decoder;
	size_t step = size && data[0] ? data[0] : SIZE_MAX;
	uint64_t before;

	decoder = (struct frame_decoder){ 0 };
	before = 0;
	for (size_t at = 1; at < size;) {
		size_t room, n = size - at < step ? size - at : step;
		uint8_t *space = frame_decoder_space(&decoder, &room);
		struct frame frame;

		check(room >= FRAME_MAX);
		n = n < room ? n : room;
		for (size_t i = 0; i < n; i++)
			space[i] = data[at + i];
		frame_decoder_added(&decoder, n);
		at += n;
		while (frame_decoder_next(&decoder, &frame))
			on_frame(&frame);
		check(decoder.bytes_skipped >= before);
		before = decoder.bytes_skipped;
	}
	return 0;
}
