/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmexit-protocol(7), the agent's side: introduces itself, sends samples, marks and
 * gaps, keeps each until the daemon says that it is committed. Non-blocking;
 * allocates only at its making. Non-logging.
 */
#ifndef GUEST_AGENT_LINK_H
#define GUEST_AGENT_LINK_H

#include "guest-agent/link/port.h"
#include "guest-agent/link/ring.h"
#include "guest-agent/shared/proto.h"

struct link {
	struct port *port;
	struct proto_hello hello;	/* its times are set when it is sent */
	struct ring ring;
	uint64_t last;			/* highest sequence given */

	bool want_hello;
	bool welcomed;
	uint16_t version;		/* that the welcome chose */
	uint64_t hello_sent_ns;		/* CLOCK_BOOTTIME */
	bool has_wish;
	struct proto_pace wish;		/* the host's */

	uint8_t made[FRAME_MAX];	/* where frames for the ring are made */
	uint8_t out[FRAME_MAX];		/* frames being sent */
	size_t out_pos, out_len;
	bool out_is_hello;
	struct ring_position out_from;	/* before them */
	struct frame_decoder decoder;
};

/* @port is the caller's. Returns 0 or -errno (memory for @ring_size bytes). */
int link_init(struct link *link, struct port *port, const struct proto_hello *hello,
	      size_t ring_size);
void link_done(struct link *link);

/* Go on as the agent that had the sequences up to @last and began at @started. */
void link_go_on(struct link *link, uint64_t started, uint64_t last);

/* Introduce this guest anew: what it says of itself has changed. */
void link_set_hello(struct link *link, const struct proto_hello *hello);

/*
 * Keep what the caller has made, dropping the oldest if there is no room, and send
 * what can be sent. Sequences are given or raised so that they grow. @asked: a user
 * of the guest wanted it.
 */
void link_add_sample(struct link *link, struct sample *sample, bool asked);
void link_add_mark(struct link *link, struct proto_mark *mark, bool asked);
/* A gap that would lie within what has been added is none. */
void link_add_gap(struct link *link, const struct proto_gap *gap);

/* Look after the port: to be called at every tick, and when port_poll_fd() is ready. */
void link_service(struct link *link);

/* True while something waits for the port to take it. */
bool link_wants_write(const struct link *link);

/* True if the host has said since the last call how often it wants samples. */
bool link_take_wish(struct link *link, struct proto_pace *ret_wish);

#endif
