/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/link/link.h"

#include <errno.h>
#include <string.h>

#include "guest-agent/sampler.h"

/* A hello may be lost with the connection it was sent to; it is said again. */
#define HELLO_AGAIN_NS 2000000000ULL
/* Older than this when sent: the frame's arrival says nothing of its time. */
#define FRESH_NS 5000000ULL

int link_init(struct link *link, struct port *port, const struct proto_hello *hello,
	      size_t ring_size)
{
	memset(link, 0, sizeof(*link));
	link->port = port;
	link->hello = *hello;
	return ring_init(&link->ring, ring_size);
}

void link_done(struct link *link)
{
	ring_done(&link->ring);
}

void link_go_on(struct link *link, uint64_t started, uint64_t last)
{
	link->hello.started = started;
	link->last = last;
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

/* ---- from the host ---- */

static void on_welcome(struct link *link, const struct frame *untrusted)
{
	struct proto_welcome welcome;

	if (proto_decode_welcome(untrusted, &welcome) < 0)
		return;
	/* Version 0, or one that was not offered: none in common. */
	link->welcomed = welcome.version >= link->hello.version_min &&
			 welcome.version <= link->hello.version_max;
	if (!link->welcomed)
		return;
	link->version = welcome.version;
	/* Everything that is not committed goes again; duplicates are dropped there. */
	ring_restart(&link->ring, welcome.committed);
}

static void on_frame(struct link *link, const struct frame *untrusted)
{
	struct proto_pace pace;
	struct proto_ack ack;

	switch (untrusted->type) {
	case PROTO_CALL:
		link->want_hello = true;
		break;
	case PROTO_WELCOME:
		on_welcome(link, untrusted);
		break;
	case PROTO_ACK:
		if (link->welcomed && proto_decode_ack(untrusted, &ack) == 0)
			ring_commit(&link->ring, ack.committed);
		break;
	case PROTO_PACE:
		if (proto_decode_pace(untrusted, &pace) < 0)
			break;
		link->has_wish = true;
		link->wish = pace;
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

/* ---- to the host ---- */

static int make_hello(struct link *link)
{
	link->hello.t_boot_ns = sampler_boot_ns();
	link->hello.t_wall_ns = sampler_wall_ns();
	link->want_hello = false;
	link->welcomed = false;
	link->hello_sent_ns = link->hello.t_boot_ns;
	return proto_encode_hello(link->out, sizeof(link->out), &link->hello);
}

/* A sample for a daemon of version 1; that knows neither marks nor gaps. */
static int make_version_1(uint8_t *out, size_t size, const struct ring_item *item, uint16_t flags)
{
	const struct frame view = { .type = item->type, .payload = item->frame + FRAME_HEADER_SIZE,
				    .payload_len = item->len - FRAME_HEADER_SIZE -
						   FRAME_TRAILER_SIZE };
	struct sample sample;

	if (item->type != PROTO_SAMPLE || proto_decode_sample(&view, &sample) < 0)
		return 0;
	return proto_encode_sample(out, size, &sample, 1, flags);
}

static int make_item(const struct link *link, uint8_t *out, size_t size,
		     const struct ring_item *item, uint16_t flags)
{
	if (link->version < 2)
		return make_version_1(out, size, item, flags);
	if (item->len > size)
		return -ENOBUFS;
	memcpy(out, item->frame, item->len);
	frame_set_flags(out, flags);
	return item->len;
}

/*
 * As many frames as there is room for, since each write is an exit; but one that is
 * not delayed goes alone, so that it does not become so while others are written.
 */
static size_t make_items(struct link *link)
{
	struct ring_position position = link->ring.position;
	uint64_t now_ns = sampler_boot_ns();
	struct ring_item item;
	size_t len = 0;

	while (ring_next(&link->ring, &item)) {
		bool fresh = now_ns - item.t_boot_ns < FRESH_NS;
		int n = -ENOBUFS;

		if (!fresh || len == 0)
			n = make_item(link, link->out + len, sizeof(link->out) - len, &item,
				      fresh ? 0 : FRAME_FLAG_DELAYED);
		if (n < 0) {
			ring_back(&link->ring, &position);
			break;
		}
		len += n;
		position = link->ring.position;
		if (fresh && n)
			break;
	}
	return len;
}

/* The next bytes to send, if there are any, into link->out. */
static bool make_out(struct link *link)
{
	int n;

	link->out_pos = link->out_len = 0;
	link->out_from = link->ring.position;
	link->out_is_hello = link->want_hello;
	if (link->want_hello) {
		n = make_hello(link);
		link->out_len = n > 0 ? n : 0;
	} else if (link->welcomed) {
		link->out_len = make_items(link);
	}
	return link->out_len > 0;
}

/*
 * No room for the frames, and nothing of them is gone: make them anew when there
 * is, so that their times and flags are those of their sending.
 */
static void take_back(struct link *link)
{
	if (link->out_is_hello)
		link->want_hello = true;
	else
		ring_back(&link->ring, &link->out_from);
	link->out_len = 0;
}

static void write_out(struct link *link)
{
	while (link->out_pos < link->out_len || make_out(link)) {
		ssize_t n = port_write(link->port, link->out + link->out_pos,
				       link->out_len - link->out_pos);

		if (n == -ENOTCONN)
			forget_connection(link);
		if (n == -EAGAIN && link->out_pos == 0)
			take_back(link);
		if (n < 0)
			return;
		link->out_pos += n;
	}
}

/* ---- what the agent has ---- */

/* The next sequence: that of @t_boot_ns unless it is taken. */
static uint64_t next_sequence(struct link *link, uint64_t t_boot_ns)
{
	uint64_t sequence = t_boot_ns / 1000;

	link->last = sequence > link->last ? sequence : link->last + 1;
	return link->last;
}

static void keep(struct link *link, struct ring_item *item, int len)
{
	if (len <= 0)
		return;
	item->frame = link->made;
	item->len = len;
	ring_add(&link->ring, item);
	write_out(link);
}

void link_add_sample(struct link *link, struct sample *sample, bool asked)
{
	struct sample bare;
	int len;

	sample->sequence = next_sequence(link, sample->t_boot_ns);
	len = proto_encode_sample(link->made, sizeof(link->made), sample, PROTO_VERSION, 0);
	if (len < 0) {
		/* Lists that do not fit are no reason to lose the rest. */
		bare = *sample;
		bare.detail_len = 0;
		len = proto_encode_sample(link->made, sizeof(link->made), &bare, PROTO_VERSION, 0);
	}
	keep(link, &(struct ring_item){ .type = PROTO_SAMPLE, .asked = asked,
					.sequence = sample->sequence,
					.t_boot_ns = sample->t_boot_ns }, len);
}

void link_add_mark(struct link *link, struct proto_mark *mark, bool asked)
{
	uint64_t now_ns = sampler_boot_ns();

	mark->sequence = next_sequence(link, now_ns);
	keep(link, &(struct ring_item){ .type = PROTO_MARK, .asked = asked,
					.sequence = mark->sequence, .t_boot_ns = now_ns },
	     proto_encode_mark(link->made, sizeof(link->made), mark));
}

void link_add_gap(struct link *link, const struct proto_gap *gap)
{
	struct proto_gap new = *gap;

	if (new.to <= link->last || new.to < new.from)
		return;
	if (new.from <= link->last)
		new.from = link->last + 1;
	link->last = new.to;
	keep(link, &(struct ring_item){ .type = PROTO_GAP, .sequence = new.to,
					.t_boot_ns = new.to_t_boot_ns },
	     proto_encode_gap(link->made, sizeof(link->made), &new));
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
	const struct ring *ring = &link->ring;

	return link->port->connected &&
	       (link->out_pos < link->out_len || link->want_hello ||
		(link->welcomed && (ring->position.left ||
				    (ring->has_gap && ring->gap.to > ring->position.sent))));
}

bool link_take_wish(struct link *link, struct proto_pace *ret_wish)
{
	if (!link->has_wish)
		return false;
	*ret_wish = link->wish;
	link->has_wish = false;
	return true;
}
