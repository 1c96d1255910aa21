/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames of vmexit-protocol(7): found again behind garbage, believed only with
 * correct checksums. Non-logging, no allocation.
 */
#ifndef GUEST_AGENT_SHARED_FRAME_H
#define GUEST_AGENT_SHARED_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-agent/shared/wire.h"

#define FRAME_HEADER_SIZE 16
#define FRAME_TRAILER_SIZE 4
#define FRAME_PAYLOAD_MAX 8192
#define FRAME_MAX (FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX + FRAME_TRAILER_SIZE)

/* Header flag: the payload waited in the agent; its arrival says nothing of its time. */
#define FRAME_FLAG_DELAYED 0x0001

/* One whole frame with correct checksums; @payload points into the decoder. */
struct frame {
	uint8_t version;
	uint8_t type;
	uint16_t flags;
	const uint8_t *payload;
	size_t payload_len;
};

/* A writer for the payload of a frame that will begin at @buf. */
struct wire_writer frame_begin(void *buf, size_t size);

/* Put header and trailer around what was written. Returns the frame's length, or -ENOBUFS. */
int frame_end(struct wire_writer *w, uint8_t version, uint8_t type, uint16_t flags);

/* Give a whole frame at @buf other flags. */
void frame_set_flags(void *buf, uint16_t flags);

/* Reassembles frames from a byte stream. Zero-initialise. */
struct frame_decoder {
	uint8_t buf[2 * FRAME_MAX];
	size_t start;			/* first byte not yet consumed */
	size_t end;
	uint64_t bytes_skipped;		/* garbage between frames, ever */
	uint64_t frames_bad;		/* headers or payloads with a wrong checksum, ever */
};

/*
 * Where to put the next bytes: at least FRAME_MAX of them once
 * frame_decoder_next() has returned false. Moves what is pending, so payloads
 * handed out earlier are gone.
 */
uint8_t *frame_decoder_space(struct frame_decoder *decoder, size_t *ret_size);

/* @len bytes were written to that space. */
void frame_decoder_added(struct frame_decoder *decoder, size_t len);

/* True with the next whole frame; its payload lives until the next call for space. */
bool frame_decoder_next(struct frame_decoder *decoder, struct frame *ret_frame);

/* Forget what is pending (the peer is another one now); the counters stay. */
void frame_decoder_reset(struct frame_decoder *decoder);

#endif
