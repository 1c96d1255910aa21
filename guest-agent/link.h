/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmexit-protocol(7), the agent's side: introduces itself, sends samples, keeps
 * each until the daemon says that it is committed. Non-blocking; allocates only at
 * its making. Non-logging.
 */
#ifndef GUEST_AGENT_LINK_H
#define GUEST_AGENT_LINK_H

#include "guest-agent/port.h"
#include "guest-agent/shared/proto.h"

struct link {
	struct port *port;
	struct proto_hello hello;	/* its times are set when it is sent */

	/* Samples wait in a ring; these count them since the start. */
	struct sample *ring;
	size_t ring_size;
	uint64_t head;			/* taken */
	uint64_t tail;			/* committed or dropped */
	uint64_t next;			/* sent, since the last welcome */
	uint64_t dropped;		/* without having been committed, ever */

	bool want_hello;
	bool welcomed;
	uint16_t version;		/* that the welcome chose */
	uint64_t hello_sent_ns;		/* CLOCK_BOOTTIME */
	uint8_t out[PROTO_ENCODED_MAX];	/* the frame being sent */
	size_t out_pos, out_len;
	bool out_is_hello;
	struct frame_decoder decoder;
};

/* @port and what @hello says are the caller's. Returns 0 or -ENOMEM. */
int link_init(struct link *link, struct port *port, const struct proto_hello *hello,
	      size_t ring_size);
void link_done(struct link *link);

/* Introduce this guest anew: what it says of itself has changed. */
void link_set_hello(struct link *link, const struct proto_hello *hello);

/* Keep @sample, dropping the oldest if the ring is full, and send what can be sent. */
void link_add(struct link *link, const struct sample *sample);

/* Look after the port: to be called at every tick, and when port_poll_fd() is ready. */
void link_service(struct link *link);

/* True while something waits for the port to take it. */
bool link_wants_write(const struct link *link);

#endif
