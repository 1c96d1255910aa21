/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests: a host on the other end of a port's socket, and samples that it can check. */
#ifndef GUEST_AGENT_TESTHOST_H
#define GUEST_AGENT_TESTHOST_H

#include "guest-agent/shared/proto.h"

#define TESTHOST_FRAMES 4096

/* What has come since it was last asked. */
struct testhost {
	int fd;				/* -1: not connected */
	struct frame_decoder decoder;
	size_t count;
	struct {
		uint8_t type;
		uint8_t version;
		uint16_t flags;
		uint64_t sequence;	/* of a sample that is whole, a mark or a gap; 0 */
		uint64_t taken;		/* of any sample */
	} frames[TESTHOST_FRAMES];
	struct proto_hello hello;	/* the last of each */
	struct sample sample;		/* without its lists */
	struct proto_mark mark;
	struct proto_gap gap;
};

/* About 1.1 kB as a frame; everything in it follows from the sequence. */
struct sample testhost_sample(uint64_t sequence);

/* Connect anew, to a Unix socket. */
void testhost_connect(struct testhost *host, const char *path);
void testhost_close(struct testhost *host);
void testhost_read(struct testhost *host);
void testhost_write(struct testhost *host, const void *bytes, int len);

void testhost_welcome(struct testhost *host, uint16_t version, uint64_t committed);
void testhost_ack(struct testhost *host, uint64_t committed);
void testhost_call(struct testhost *host);
void testhost_pace(struct testhost *host, uint32_t interval_us);

/* Exactly one frame came, of @type. */
bool testhost_came_one(const struct testhost *host, uint8_t type);

/* Exactly the samples @first to @last came, in order, whole, with @flags. */
bool testhost_came(const struct testhost *host, uint64_t first, uint64_t last, uint16_t flags);

#endif
