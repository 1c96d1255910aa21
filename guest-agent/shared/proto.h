/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames between vmexit-agent and vmexitd; vmexit-protocol(7) is their
 * specification. Non-logging, no allocation.
 *
 * Everything here treats its input as hostile: lengths are checked against
 * compile-time limits and against each other, unknown fields are skipped, and
 * a decoder finds the next frame behind garbage.
 */
#ifndef GUEST_AGENT_SHARED_PROTO_H
#define GUEST_AGENT_SHARED_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-agent/shared/sample.h"

#define PROTO_PORT_NAME "org.vmexit.agent.0"
#define PROTO_VERSION 1
#define PROTO_HEADER_SIZE 16
#define PROTO_TRAILER_SIZE 4
#define PROTO_PAYLOAD_MAX 8192
#define PROTO_FRAME_MAX (PROTO_HEADER_SIZE + PROTO_PAYLOAD_MAX + PROTO_TRAILER_SIZE)
#define PROTO_TEXT_MAX 64
#define PROTO_BOOT_ID_SIZE 16
/* Room for any frame that this version encodes. */
#define PROTO_ENCODED_MAX 512

/* X(identifier, number): the only list of message types. */
#define PROTO_TYPE_MAP(X) \
	X(HELLO, 1)	/* agent: who and since when */ \
	X(WELCOME, 2)	/* daemon: version chosen, last sample committed */ \
	X(SAMPLE, 3)	/* agent */ \
	X(ACK, 4)	/* daemon: all samples up to this one are committed */ \
	X(CALL, 5)	/* daemon: say hello now */

enum proto_type {
#define X(identifier, number) PROTO_##identifier = number,
	PROTO_TYPE_MAP(X)
#undef X
};

/* Header flag: the payload waited in the agent; its arrival says nothing of its time. */
#define PROTO_FLAG_DELAYED 0x0001

enum proto_hello_has {
	PROTO_HELLO_HAS_LEAF = 1 << 0,
	PROTO_HELLO_HAS_GENERATION = 1 << 1,
};

struct proto_hello {
	uint16_t version_min;
	uint16_t version_max;
	uint8_t boot_id[PROTO_BOOT_ID_SIZE];	/* guest's /proc/sys/kernel/random/boot_id */
	uint64_t t_boot_ns;			/* CLOCK_BOOTTIME when the frame was made */
	uint64_t t_wall_ns;			/* guest's CLOCK_REALTIME then */
	uint32_t interval_us;			/* between samples */
	uint32_t vcpus;				/* online now */
	uint32_t has;				/* PROTO_HELLO_HAS_* */
	uint32_t leaf_version;
	uint32_t leaf_features;
	uint32_t reason_namespace;
	uint32_t tsc_khz;			/* host's */
	uint64_t generation;
	char agent[PROTO_TEXT_MAX + 1];		/* version of the agent; printable ASCII */
	char kernel[PROTO_TEXT_MAX + 1];	/* release of the guest's kernel; likewise */
};

struct proto_welcome {
	uint16_t version;			/* 0: none in common */
	uint64_t committed;			/* sequence; 0: none of this boot */
};

struct proto_ack {
	uint64_t committed;
};

/*
 * Each encodes one frame into @buf and returns its length, or -ENOBUFS.
 * @flags are PROTO_FLAG_*.
 */
int proto_encode_hello(void *buf, size_t size, const struct proto_hello *hello);
int proto_encode_welcome(void *buf, size_t size, const struct proto_welcome *welcome);
int proto_encode_sample(void *buf, size_t size, const struct sample *sample, uint16_t flags);
int proto_encode_ack(void *buf, size_t size, const struct proto_ack *ack);
int proto_encode_call(void *buf, size_t size);

/* One whole frame with correct checksums; @payload points into the decoder. */
struct proto_frame {
	uint8_t version;
	uint8_t type;
	uint16_t flags;
	const uint8_t *payload;
	size_t payload_len;
};

/*
 * Each turns an untrusted payload into a checked structure. Returns 0, or
 * -EBADMSG with the output untouched. Text is cut at PROTO_TEXT_MAX and what is
 * not printable ASCII replaced by '?'.
 */
int proto_decode_hello(const struct proto_frame *untrusted, struct proto_hello *ret_hello);
int proto_decode_welcome(const struct proto_frame *untrusted, struct proto_welcome *ret_welcome);
int proto_decode_sample(const struct proto_frame *untrusted, struct sample *ret_sample);
int proto_decode_ack(const struct proto_frame *untrusted, struct proto_ack *ret_ack);

/* Reassembles frames from a byte stream. Zero-initialise. */
struct proto_decoder {
	uint8_t buf[2 * PROTO_FRAME_MAX];
	size_t start;			/* first byte not yet consumed */
	size_t end;
	uint64_t bytes_skipped;		/* garbage between frames, ever */
	uint64_t frames_bad;		/* headers or payloads with a wrong checksum, ever */
};

/*
 * Where to put the next bytes: at least PROTO_FRAME_MAX of them once
 * proto_decoder_next() has returned false. Moves what is pending, so payloads
 * handed out earlier are gone.
 */
uint8_t *proto_decoder_space(struct proto_decoder *decoder, size_t *ret_size);

/* @len bytes were written to that space. */
void proto_decoder_added(struct proto_decoder *decoder, size_t len);

/* True with the next whole frame; its payload lives until the next call for space. */
bool proto_decoder_next(struct proto_decoder *decoder, struct proto_frame *ret_frame);

/* Forget what is pending (the peer is another one now); the counters stay. */
void proto_decoder_reset(struct proto_decoder *decoder);

#endif
