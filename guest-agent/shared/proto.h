/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between vmexit-agent and vmexitd; vmexit-protocol(7) is their
 * specification. Non-logging, no allocation.
 *
 * Everything here treats its input as hostile: lengths are checked against
 * compile-time limits and against each other, unknown fields are skipped.
 */
#ifndef GUEST_AGENT_SHARED_PROTO_H
#define GUEST_AGENT_SHARED_PROTO_H

#include "guest-agent/shared/frame.h"
#include "guest-agent/shared/sample.h"

#define PROTO_PORT_NAME "org.vmexit.agent.0"
#define PROTO_VERSION 2
#define PROTO_TEXT_MAX 64
#define PROTO_LABEL_MAX 200
#define PROTO_BOOT_ID_SIZE 16
/* Room for any frame but a sample's that has lists. */
#define PROTO_ENCODED_MAX 1024

/* X(identifier, number): the only list of message types. */
#define PROTO_TYPE_MAP(X) \
	X(HELLO, 1)	/* agent: who and since when */ \
	X(WELCOME, 2)	/* daemon: version chosen, last sample committed */ \
	X(SAMPLE, 3)	/* agent */ \
	X(ACK, 4)	/* daemon: everything up to this sequence is committed */ \
	X(CALL, 5)	/* daemon: say hello now */ \
	X(MARK, 6)	/* agent: something began, ended or happened */ \
	X(GAP, 7)	/* agent: samples that will never come */ \
	X(PACE, 8)	/* daemon: take samples at this rate */

enum proto_type {
#define X(identifier, number) PROTO_##identifier = number,
	PROTO_TYPE_MAP(X)
#undef X
};

enum proto_hello_has {
	PROTO_HELLO_HAS_LEAF = 1 << 0,
	PROTO_HELLO_HAS_GENERATION = 1 << 1,
	PROTO_HELLO_HAS_AGENT = 1 << 2,
};

struct proto_hello {
	uint16_t version_min;
	uint16_t version_max;
	uint8_t boot_id[PROTO_BOOT_ID_SIZE];	/* guest's /proc/sys/kernel/random/boot_id */
	uint64_t t_boot_ns;			/* CLOCK_BOOTTIME when the frame was made */
	uint64_t t_wall_ns;			/* guest's CLOCK_REALTIME then */
	uint32_t interval_us;			/* between samples, as configured */
	uint32_t vcpus;				/* of the VM with a leaf, else those online */
	uint32_t has;				/* PROTO_HELLO_HAS_* */
	uint32_t leaf_version;
	uint32_t leaf_features;
	uint32_t reason_namespace;
	uint32_t tsc_khz;			/* host's */
	uint64_t generation;
	uint64_t started;			/* sequence: this agent took none before it */
	uint32_t interval_min_us;		/* shortest that the guest grants to the host */
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

/* Numbers are on the wire and in the database: append only. */
enum proto_mark_kind {
	PROTO_MARK_INSTANT = 1,
	PROTO_MARK_BEGIN = 2,
	PROTO_MARK_END = 3,
	PROTO_MARK_PHASE = 4,			/* this phase of the guest's boot begins */
	PROTO_MARK_KINDS,
};

enum proto_mark_has {
	PROTO_MARK_HAS_STATUS = 1 << 0,
};

struct proto_mark {
	uint64_t sequence;			/* in one order with samples */
	uint64_t t_boot_ns;			/* when it happened, guest's CLOCK_BOOTTIME */
	uint64_t t_wall_ns;			/* guest's CLOCK_REALTIME then */
	enum proto_mark_kind kind;
	uint32_t uid;				/* guest's user who asked for it */
	uint64_t begin;				/* END: sequence of its BEGIN */
	uint32_t has;				/* PROTO_MARK_HAS_* */
	uint32_t status;			/* END: exit status of the command */
	char label[PROTO_LABEL_MAX + 1];	/* printable ASCII */
};

/* Why samples are missing. Numbers are on the wire and in the database: append only. */
enum proto_gap_cause {
	PROTO_GAP_FULL = 1,			/* the agent's memory was full */
	PROTO_GAP_MISSED = 2,			/* not taken in time: the guest did not run */
	PROTO_GAP_MOVED = 3,			/* the VM was replaced while one was taken */
	PROTO_GAP_CAUSES,
};

/* Nothing with a sequence from @from to @to, both included, will come. */
struct proto_gap {
	uint64_t from;
	uint64_t to;
	uint64_t from_t_boot_ns;
	uint64_t to_t_boot_ns;
	uint32_t count;				/* of samples; 0: not known */
	enum proto_gap_cause cause;
	uint64_t taken;				/* samples that the agent took up to @to; 0: not known */
};

struct proto_pace {
	uint32_t interval_us;			/* 0: as the agent sees fit */
};

/*
 * Each encodes one frame into @buf and returns its length, or -ENOBUFS. @flags are
 * FRAME_FLAG_*. A sample for a peer of @version 1 lacks what that did not have.
 */
int proto_encode_hello(void *buf, size_t size, const struct proto_hello *hello);
int proto_encode_welcome(void *buf, size_t size, const struct proto_welcome *welcome);
int proto_encode_sample(void *buf, size_t size, const struct sample *sample, uint16_t version,
			uint16_t flags);
int proto_encode_ack(void *buf, size_t size, const struct proto_ack *ack);
int proto_encode_call(void *buf, size_t size);
int proto_encode_mark(void *buf, size_t size, const struct proto_mark *mark);
int proto_encode_gap(void *buf, size_t size, const struct proto_gap *gap);
int proto_encode_pace(void *buf, size_t size, const struct proto_pace *pace);

/*
 * Each turns an untrusted payload into a checked structure. Returns 0, or
 * -EBADMSG with the output untouched. Text is cut at its maximum and what is not
 * printable ASCII replaced by '?'. A sample's lists stay in the payload.
 */
int proto_decode_hello(const struct frame *untrusted, struct proto_hello *ret_hello);
int proto_decode_welcome(const struct frame *untrusted, struct proto_welcome *ret_welcome);
int proto_decode_sample(const struct frame *untrusted, struct sample *ret_sample);
int proto_decode_ack(const struct frame *untrusted, struct proto_ack *ret_ack);
int proto_decode_mark(const struct frame *untrusted, struct proto_mark *ret_mark);
int proto_decode_gap(const struct frame *untrusted, struct proto_gap *ret_gap);
int proto_decode_pace(const struct frame *untrusted, struct proto_pace *ret_pace);

#endif
