/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/shared/frame.h"

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

struct wire_writer frame_begin(void *buf, size_t size)
{
	struct wire_writer w = { .buf = buf, .size = size };

	if (size < FRAME_HEADER_SIZE + FRAME_TRAILER_SIZE) {
		w.overflow = true;
	} else {
		w.size -= FRAME_TRAILER_SIZE;
		w.len = FRAME_HEADER_SIZE;
	}
	return w;
}

int frame_end(struct wire_writer *w, uint8_t version, uint8_t type, uint16_t flags)
{
	size_t payload_len = w->len - FRAME_HEADER_SIZE;
	uint8_t *h = w->buf;

	if (w->overflow || payload_len > FRAME_PAYLOAD_MAX)
		return -ENOBUFS;
	memcpy(h + HEADER_MAGIC, magic, sizeof(magic));
	h[HEADER_VERSION] = version;
	h[HEADER_TYPE] = type;
	wire_set_le(h + HEADER_FLAGS, flags, 2);
	wire_set_le(h + HEADER_LENGTH, payload_len, 4);
	wire_set_le(h + HEADER_CRC, crc32(0, h, HEADER_CRC), 4);
	wire_set_le(w->buf + w->len, crc32(0, h + FRAME_HEADER_SIZE, payload_len),
		    FRAME_TRAILER_SIZE);
	return w->len + FRAME_TRAILER_SIZE;
}

void frame_set_flags(void *buf, uint16_t flags)
{
	uint8_t *h = buf;

	wire_set_le(h + HEADER_FLAGS, flags, 2);
	wire_set_le(h + HEADER_CRC, crc32(0, h, HEADER_CRC), 4);
}

uint8_t *frame_decoder_space(struct frame_decoder *decoder, size_t *ret_size)
{
	memmove(decoder->buf, decoder->buf + decoder->start, decoder->end - decoder->start);
	decoder->end -= decoder->start;
	decoder->start = 0;
	*ret_size = sizeof(decoder->buf) - decoder->end;
	return decoder->buf + decoder->end;
}

void frame_decoder_added(struct frame_decoder *decoder, size_t len)
{
	assert(len <= sizeof(decoder->buf) - decoder->end);
	decoder->end += len;
}

void frame_decoder_reset(struct frame_decoder *decoder)
{
	decoder->bytes_skipped += decoder->end - decoder->start;
	decoder->start = 0;
	decoder->end = 0;
}

/* Drop bytes up to the next place, behind the current one, where a frame may begin. */
static void skip_to_magic(struct frame_decoder *decoder)
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

bool frame_decoder_next(struct frame_decoder *decoder, struct frame *ret_frame)
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
		if (have < FRAME_HEADER_SIZE)
			return false;
		len = wire_get_le(h + HEADER_LENGTH, 4);
		/* The header has a checksum of its own so that a damaged length cannot
		 * make the decoder wait for bytes that never come. */
		if (wire_get_le(h + HEADER_CRC, 4) != crc32(0, h, HEADER_CRC) ||
		    len > FRAME_PAYLOAD_MAX) {
			decoder->frames_bad++;
			skip_to_magic(decoder);
			continue;
		}
		if (have < FRAME_HEADER_SIZE + len + FRAME_TRAILER_SIZE)
			return false;
		if (wire_get_le(h + FRAME_HEADER_SIZE + len, 4) !=
		    crc32(0, h + FRAME_HEADER_SIZE, len)) {
			decoder->frames_bad++;
			skip_to_magic(decoder);
			continue;
		}
		*ret_frame = (struct frame){
			.version = h[HEADER_VERSION],
			.type = h[HEADER_TYPE],
			.flags = wire_get_le(h + HEADER_FLAGS, 2),
			.payload = h + FRAME_HEADER_SIZE,
			.payload_len = len,
		};
		decoder->start += FRAME_HEADER_SIZE + len + FRAME_TRAILER_SIZE;
		return true;
	}
}
