/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames and messages for the tests of proto, and what compares them. For
 * proto_test.c and proto_hostile_test.c only. Non-logging.
 */
#ifndef GUEST_AGENT_SHARED_TESTFRAMES_H
#define GUEST_AGENT_SHARED_TESTFRAMES_H

#include "guest-agent/shared/proto.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define FIXED_HELLO 44			/* bytes of payload in front of the fields */
#define FIXED_SAMPLE 24
#define FIXED_MARK 40

/* A frame built by hand from the specification, not by the code under test. */
struct bytes {
	uint8_t buf[3 * FRAME_MAX];
	size_t len;
};

/* Each appends; the caller minds the room. add_le() takes the low @bytes of @v. */
void add_bytes(struct bytes *b, const void *bytes, size_t len);
void add_le(struct bytes *b, uint64_t v, size_t bytes);
void add_frame(struct bytes *b, uint8_t version, uint8_t type, const void *payload, size_t len);
void add_ack(struct bytes *b, uint64_t committed);

/* All message types. */
#define X(identifier, number) +1
enum { TYPES = PROTO_TYPE_MAP(X) };
#undef X
struct message_type {
	uint8_t type;
	const char *name;
};
extern const struct message_type types[TYPES];

/* Room for any decoded message. */
union message {
	struct proto_hello hello;
	struct proto_welcome welcome;
	struct sample sample;
	struct proto_ack ack;
	struct proto_mark mark;
	struct proto_gap gap;
	struct proto_pace pace;
};

/* A message with everything in it; encode() makes the frame of one, as proto_encode_x(). */
struct proto_hello a_hello(void);
struct sample a_sample(void);
extern const struct proto_mark a_mark;
extern const struct proto_gap a_gap;

/* The same with what version 1 had, as it was recorded. */
extern const struct proto_hello a_hello_1;
struct sample a_sample_1(void);

int encode(uint8_t type, void *buf, size_t size);

/*
 * As proto_decode_x(), from memory that ends where the payload does, so that a
 * sanitizer sees reading on. A sample's lists live until the next call.
 */
int decode(uint8_t type, const void *payload, size_t len, union message *ret);

/* True if decode() refuses the payload and leaves its output alone. */
bool refused(uint8_t type, const void *payload, size_t len);

/*
 * Gives the decoder @len bytes and returns how many frames came out, the last in @ret;
 * -1 if it has less space than it promises.
 */
int feed(struct frame_decoder *decoder, const uint8_t *bytes, size_t len, struct frame *ret);

/* What an acknowledgement says; 0 for any other frame. */
uint64_t ack_of(const struct frame *frame);

/* Whether two messages say the same; of a sample's workload only what is known counts. */
bool same_hello(const struct proto_hello *a, const struct proto_hello *b);
bool same_sample(const struct sample *a, const struct sample *b);
bool same_mark(const struct proto_mark *a, const struct proto_mark *b);
bool same_gap(const struct proto_gap *a, const struct proto_gap *b);

#endif
