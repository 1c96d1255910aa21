/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any guest, at any pace, against the daemon's side of one port: the real channel on a
 * real socket, the loop's turns and ticks played here. The input is a stream, and
 * from its end backwards what happens: how many bytes come, a tick, an ack, a full
 * store and room again, a new connection, bytes that nobody reads.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/intake/channel.h"
#include "daemon/base/loop.h"
#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/log.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	char path[64];
	int listener;
	int guest;			/* the guest's end of the connection; -1 */
	loop_fd_fn on_fd;
	loop_timer_fn on_timer;
	void *fd_ctx, *timer_ctx;
	int fd;				/* watched; -1 */
	int events;
	bool greeted, ready;
	int refuse;			/* what is taken before the next is refused */
} world = { .guest = -1, .fd = -1 };

static void check(bool good)
{
	if (!good)
		abort();
}

/* ---- the loop ---- */

int loop_add_fd(int fd, int events, loop_fd_fn fn, void *ctx)
{
	check(world.fd < 0 && fd >= 0);
	world.fd = fd;
	world.events = events;
	world.on_fd = fn;
	world.fd_ctx = ctx;
	return 1;
}

void loop_update_fd(int id, int events)
{
	check(id == 1 && world.fd >= 0);
	world.events = events;
}

void loop_remove_fd(int id)
{
	check(id == 1 && world.fd >= 0);
	world.fd = -1;
	world.greeted = false;
}

int loop_add_timer(int ms, loop_timer_fn fn, void *ctx)
{
	check(ms > 0);
	world.on_timer = fn;
	world.timer_ctx = ctx;
	return 1;
}

void loop_remove_timer(int id)
{
	check(id == 1);
}

/* ---- the channel's owner ---- */

static void on_state(void *ctx, enum vm_agent agent, const char *error)
{
	(void)ctx;
	check(agent != AGENT_NO_CHANNEL && strlen(error) <= RECORD_ERROR_MAX);
}

static void on_peer(void *ctx, pid_t pid)
{
	(void)ctx;
	check(pid == getpid() || pid == 0);
}

static bool on_hello(void *ctx, const struct proto_hello *hello, uint64_t *ret_committed)
{
	(void)ctx;
	check(strlen(hello->agent) <= PROTO_TEXT_MAX && strlen(hello->kernel) <= PROTO_TEXT_MAX);
	*ret_committed = 1;
	world.greeted = hello->vcpus != 13;
	return world.greeted;
}

static bool on_ready(void *ctx)
{
	(void)ctx;
	return world.ready;
}

static int take(uint64_t sequence)
{
	check(world.greeted && world.ready && sequence > 0 && sequence <= INT64_MAX);
	if (world.refuse-- > 0)
		return 0;
	world.refuse = 20;
	world.greeted = false;
	return -ENOBUFS;
}

static int on_sample(void *ctx, const struct sample *sample, bool delayed)
{
	(void)ctx;
	(void)delayed;
	check(detail_is_valid(sample->detail, sample->detail_len));
	return take(sample->sequence);
}

static int on_mark(void *ctx, const struct proto_mark *mark)
{
	(void)ctx;
	check(mark->kind > 0 && mark->kind < PROTO_MARK_KINDS &&
	      strlen(mark->label) <= PROTO_LABEL_MAX);
	return take(mark->sequence);
}

static int on_gap(void *ctx, const struct proto_gap *gap)
{
	(void)ctx;
	check(gap->from <= gap->to && gap->from_t_boot_ns <= gap->to_t_boot_ns);
	return take(gap->to);
}

static const struct channel_ops ops = {
	.state = on_state,
	.peer = on_peer,
	.hello = on_hello,
	.ready = on_ready,
	.sample = on_sample,
	.mark = on_mark,
	.gap = on_gap,
};

/* ---- the guest ---- */

static void accept_daemon(void)
{
	if (world.guest >= 0)
		close(world.guest);
	world.guest = accept4(world.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* All that the daemon says must be whole frames of its own types. */
static void listen_to_daemon(struct frame_decoder *decoder)
{
	struct frame frame;
	ssize_t n;

	do {
		size_t size;
		uint8_t *space = frame_decoder_space(decoder, &size);

		n = recv(world.guest, space, size, 0);
		if (n > 0)
			frame_decoder_added(decoder, n);
		while (frame_decoder_next(decoder, &frame))
			check(frame.type == PROTO_WELCOME || frame.type == PROTO_ACK ||
			      frame.type == PROTO_CALL || frame.type == PROTO_PACE);
	} while (n > 0);
	check(decoder->bytes_skipped == 0);
}

static void turn(void)
{
	int events = world.events;

	if (world.fd >= 0 && events & (LOOP_READ | LOOP_WRITE))
		world.on_fd(world.fd, events, world.fd_ctx);
}

static void happen(struct channel *channel, uint8_t what, struct frame_decoder *decoder)
{
	switch (what % 8) {
	case 0:
		world.on_timer(world.timer_ctx);
		break;
	case 1:
		channel_ack(channel, 1 + what);
		break;
	case 2:
		world.ready = false;
		break;
	case 3:
		world.ready = true;
		channel_resume(channel);
		break;
	case 4:
		channel_set_pace(channel, what * 1000);
		break;
	case 5:
		if (world.guest >= 0)
			close(world.guest);
		world.guest = -1;
		if (world.fd >= 0)
			world.on_fd(world.fd, LOOP_READ | LOOP_HANGUP, world.fd_ctx);
		world.on_timer(world.timer_ctx);
		accept_daemon();
		*decoder = (struct frame_decoder){ 0 };
		break;
	case 6:
		if (world.guest >= 0)
			listen_to_daemon(decoder);
		break;
	case 7:
		turn();
		break;
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)argc;
	(void)argv;
	log_init("fuzz", 0);
	snprintf(world.path, sizeof(world.path), "/tmp/vmexit-fuzz-%ld", (long)getpid());
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", world.path);
	world.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	check(bind(world.listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	      listen(world.listener, 4) == 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct frame_decoder decoder;
	struct channel *channel;

	decoder = (struct frame_decoder){ 0 };
	world.ready = true;
	world.greeted = false;
	world.refuse = 20;
	channel = channel_new("fuzz", world.path, &ops, NULL);
	check(channel != NULL);
	accept_daemon();
	while (size > 1) {
		uint8_t what = data[--size];
		size_t n = what < 128 ? (size_t)what * 8 + 1 : 0;

		n = n < size ? n : size;
		if (n && world.guest >= 0)
			(void)!send(world.guest, data, n, MSG_NOSIGNAL);
		data += n;
		size -= n;
		if (!n)
			happen(channel, what, &decoder);
		turn();
	}
	if (world.guest >= 0)
		listen_to_daemon(&decoder);
	channel_free(channel);
	check(world.fd < 0);
	accept_daemon();
	if (world.guest >= 0)
		close(world.guest);
	world.guest = -1;
	return 0;
}
