/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/link/handover.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "guest-agent/shared/log.h"

/* The file's first frame; the protocol has no such type. The version is the file's. */
#define TYPE_STATE 255
#define STATE_VERSION 1
#define STATE_SIZE (PROTO_BOOT_ID_SIZE + 5 * 8 + 4)

/* ---- saving ---- */

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		len -= n;
	}
	return 0;
}

static int empty(int fd)
{
	return ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

static int make_state(uint8_t *buf, size_t size, const struct handover *handover)
{
	struct wire_writer w = frame_begin(buf, size);

	wire_put_bytes(&w, handover->boot_id, sizeof(handover->boot_id));
	wire_put(&w, handover->started, 8);
	wire_put(&w, handover->last, 8);
	wire_put(&w, handover->sampled_ns, 8);
	wire_put(&w, handover->taken, 8);
	wire_put(&w, handover->exits, 8);
	wire_put(&w, handover->phases, 4);
	return frame_end(&w, STATE_VERSION, TYPE_STATE, 0);
}

static int write_file(int fd, const struct handover *handover, struct ring *ring)
{
	uint8_t state[FRAME_HEADER_SIZE + STATE_SIZE + FRAME_TRAILER_SIZE];
	int len = make_state(state, sizeof(state), handover);
	int r = len < 0 ? len : write_all(fd, state, len);
	struct ring_item item;

	/* As for a host that has nothing. */
	ring_restart(ring, 0);
	while (r == 0 && ring_next(ring, &item))
		r = write_all(fd, item.frame, item.len);
	return r;
}

int handover_save(int fd, const struct handover *handover, struct ring *ring)
{
	size_t count = ring->count;
	int r = empty(fd);

	if (r == 0)
		r = write_file(fd, handover, ring);
	if (r < 0)
		log_warning("cannot hand over what the host has not stored, %zu samples and marks: %s",
			    count, strerror(-r));
	return r;
}

/* ---- loading ---- */

static int take_state(const struct frame *untrusted, struct handover *ret_handover)
{
	struct wire_reader r = { .buf = untrusted->payload, .len = untrusted->payload_len };
	const uint8_t *boot_id = wire_take_bytes(&r, PROTO_BOOT_ID_SIZE);

	if (untrusted->type != TYPE_STATE || untrusted->version != STATE_VERSION || !boot_id)
		return -EBADMSG;
	memcpy(ret_handover->boot_id, boot_id, PROTO_BOOT_ID_SIZE);
	ret_handover->started = wire_take(&r, 8);
	ret_handover->last = wire_take(&r, 8);
	ret_handover->sampled_ns = wire_take(&r, 8);
	ret_handover->taken = wire_take(&r, 8);
	ret_handover->exits = wire_take(&r, 8);
	ret_handover->phases = wire_take(&r, 4);
	return r.overflow ? -EBADMSG : 0;
}

static bool is_possible(const struct handover *handover, const uint8_t *boot_id, uint64_t now_ns)
{
	return memcmp(handover->boot_id, boot_id, PROTO_BOOT_ID_SIZE) == 0 &&
	       handover->started > 0 && handover->started <= handover->last &&
	       handover->last <= now_ns / 1000 && handover->sampled_ns <= now_ns;
}

/* What the ring has to know of a frame; false if it is none that the ring keeps. */
static bool describe(const struct frame *untrusted, struct ring_item *ret_item)
{
	struct sample sample;
	struct proto_mark mark;
	struct proto_gap gap;

	*ret_item = (struct ring_item){
		.type = untrusted->type,
		/* In the decoder the header stands in front of the payload, the trailer behind. */
		.frame = untrusted->payload - FRAME_HEADER_SIZE,
		.len = FRAME_HEADER_SIZE + untrusted->payload_len + FRAME_TRAILER_SIZE,
	};
	if (untrusted->type == PROTO_SAMPLE && proto_decode_sample(untrusted, &sample) == 0) {
		ret_item->sequence = sample.sequence;
		ret_item->t_boot_ns = sample.t_boot_ns;
	} else if (untrusted->type == PROTO_MARK && proto_decode_mark(untrusted, &mark) == 0) {
		ret_item->sequence = mark.sequence;
		ret_item->t_boot_ns = mark.sequence * 1000;
	} else if (untrusted->type == PROTO_GAP && proto_decode_gap(untrusted, &gap) == 0) {
		ret_item->sequence = gap.to;
		ret_item->t_boot_ns = gap.to_t_boot_ns;
	}
	return ret_item->sequence > 0;
}

/* The next frame of the file: 1, 0 at its end, or -errno. */
static int next_frame(int fd, struct frame_decoder *decoder, struct frame *ret_untrusted)
{
	while (!frame_decoder_next(decoder, ret_untrusted)) {
		size_t size;
		uint8_t *space = frame_decoder_space(decoder, &size);
		ssize_t n = read(fd, space, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		frame_decoder_added(decoder, n);
	}
	return 1;
}

static int read_file(int fd, const uint8_t *boot_id, uint64_t now_ns, struct ring *ring,
		     struct handover *ret_handover)
{
	/* Too large for a stack of unknown size. */
	static struct frame_decoder decoder;
	struct handover handover = { 0 };
	struct ring_item item;
	struct frame untrusted;
	uint64_t last = 0;
	int r;

	decoder = (struct frame_decoder){ 0 };
	r = next_frame(fd, &decoder, &untrusted);
	if (r <= 0)
		return r < 0 ? r : decoder.end > 0 ? -EBADMSG : -ENODATA;
	if (take_state(&untrusted, &handover) < 0)
		return -EBADMSG;
	if (!is_possible(&handover, boot_id, now_ns))
		return -ESTALE;
	while ((r = next_frame(fd, &decoder, &untrusted)) > 0) {
		if (!describe(&untrusted, &item) || item.sequence <= last ||
		    item.sequence > handover.last)
			continue;
		last = item.sequence;
		ring_add(ring, &item);
	}
	*ret_handover = handover;
	return r;
}

int handover_load(int fd, const uint8_t *boot_id, uint64_t now_ns, struct ring *ring,
		  struct handover *ret_handover)
{
	int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;

	if (r == 0)
		r = read_file(fd, boot_id, now_ns, ring, ret_handover);
	(void)empty(fd);
	if (r < 0 && r != -ENODATA)
		log_warning("leaving out what an agent before has handed over: %s",
			    r == -ESTALE ? "it is of another boot" : strerror(-r));
	return r;
}
