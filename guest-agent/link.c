/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest-agent/sampler.h"

/* A hello may be lost with the connection it was sent to; it is said again. */
#define HELLO_AGAIN_NS 2000000000ULL
/* Older than this when sent: the sample's arrival says nothing of its time. */
#define FRESH_NS 5000000ULL

int link_init(struct link *link, struct port *port, const struct proto_hello *hello,
	      size_t ring_size)
{
	memset(link, 0, sizeof(*link));
	link->port = port;
	link->hello = *hello;
	link->ring_size = ring_size;
	link->ring = calloc(ring_size, sizeof(*link->ring));
	return link->ring ? 0 : -ENOMEM;
}

void link_done(struct link *link)
{
	free(link->ring);
	link->ring = NULL;
}

void link_set_hello(struct link *link, const struct proto_hello *hello)
{
	link->hello = *hello;
	link->want_hello = true;
}

static void forget_connection(struct link *link)
{
	link->welcomed = false;
	link->out_pos = link->out_len = 0;
	frame_decoder_reset(&link->decoder);
}

static void drop_committed(struct link *link, uint64_t sequence)
{
	while (link->tail < link->head &&
	       link->ring[link->tail % link->ring_size].sequence <= sequence)
		link->tail++;
	if (link->next < link->tail)
		link->next = link->tail;
}

static void on_frame(struct link *link, const struct frame *untrusted)
{
	struct proto_welcome welcome;
	struct proto_ack ack;

	switch (untrusted->type) {
	case PROTO_CALL:
		link->want_hello = true;
		break;
	case PROTO_WELCOME:
		if (proto_decode_welcome(untrusted, &welcome) < 0)
			break;
		/* Version 0, or one that was not offered: none in common. */
		link->welcomed = welcome.version >= link->hello.version_min &&
				 welcome.version <= link->hello.version_max;
		if (!link->welcomed)
			break;
		link->version = welcome.version;
		/* Everything that is not committed goes again; duplicates are dropped there. */
		link->next = link->tail;
		drop_committed(link, welcome.committed);
		break;
	case PROTO_ACK:
		if (link->welcomed && proto_decode_ack(untrusted, &ack) == 0)
			drop_committed(link, ack.committed);
		break;
	}
}

static void read_in(struct link *link)
{
	struct frame untrusted;

	for (;;) {
		size_t size;
		uint8_t *space = frame_decoder_space(&link->decoder, &size);
		ssize_t n = port_read(link->port, space, size);

		if (n == -ENOTCONN)
			forget_connection(link);
		if (n < 0)
			return;
		frame_decoder_added(&link->decoder, n);
		while (frame_decoder_next(&link->decoder, &untrusted))
			on_frame(link, &untrusted);
	}
}

/* The next frame to send, if there is one, into link->out. */
static bool make_frame(struct link *link)
{
	int len = 0;

	link->out_is_hello = link->want_hello;
	if (link->want_hello) {
		link->hello.t_boot_ns = sampler_boot_ns();
		link->hello.t_wall_ns = sampler_wall_ns();
		len = proto_encode_hello(link->out, sizeof(link->out), &link->hello);
		link->want_hello = false;
		link->welcomed = false;
		link->hello_sent_ns = link->hello.t_boot_ns;
	} else if (link->welcomed && link->next < link->head) {
		const struct sample *sample = &link->ring[link->next % link->ring_size];
		bool fresh = sampler_boot_ns() - sample->t_boot_ns < FRESH_NS;

		len = proto_encode_sample(link->out, sizeof(link->out), sample, link->version,
					  fresh ? 0 : FRAME_FLAG_DELAYED);
		link->next++;
	}
	link->out_pos = 0;
	link->out_len = len > 0 ? len : 0;
	return len > 0;
}

/*
 * No room for the frame, and none of it is gone: make it anew when there is, so
 * that its times and flags are those of its sending.
 */
static void take_back_frame(struct link *link)
{
	if (link->out_is_hello)
		link->want_hello = true;
	else
		link->next--;
	link->out_len = 0;
}

static void write_out(struct link *link)
{
	while (link->out_pos < link->out_len || make_frame(link)) {
		ssize_t n = port_write(link->port, link->out + link->out_pos,
				       link->out_len - link->out_pos);

		if (n == -ENOTCONN)
			forget_connection(link);
		if (n == -EAGAIN && link->out_pos == 0)
			take_back_frame(link);
		if (n < 0)
			return;
		link->out_pos += n;
	}
}

void link_add(struct link *link, const struct sample *sample)
{
	if (link->head - link->tail == link->ring_size) {
		link->tail++;
		link->dropped++;
		if (link->next < link->tail)
			link->next = link->tail;
	}
	link->ring[link->head++ % link->ring_size] = *sample;
	write_out(link);
}

void link_service(struct link *link)
{
	bool was = link->port->connected;

	if (port_check(link->port)) {
		forget_connection(link);
		link->want_hello = true;
	} else if (was && !link->port->connected) {
		forget_connection(link);
	}
	if (!link->port->connected)
		return;
	read_in(link);
	if (!link->welcomed && !link->want_hello &&
	    sampler_boot_ns() - link->hello_sent_ns >= HELLO_AGAIN_NS)
		link->want_hello = true;
	write_out(link);
}

bool link_wants_write(const struct link *link)
{
	return link->port->connected &&
	       (link->out_pos < link->out_len || link->want_hello ||
		(link->welcomed && link->next < link->head));
}
