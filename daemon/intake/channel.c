/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/intake/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/loop.h"
#include "guest-agent/shared/log.h"

#define TICK_MS 1000			/* reconnecting, and noticing silence */
#define READ_BUDGET 65536		/* bytes a guest gets before the others' turn */
#define TICK_BUDGET 262144		/* and in a tick */
#define TICK_FRAMES 250			/* more than any agent makes in a second, */
#define FRAMES_MAX 2000			/* and so many at once after a silence */
#define TICK_CPU_NS 50000000		/* frames that are wrong on purpose are dear */
#define SILENCE_S 5			/* and three intervals: the agent is gone */
#define CALL_INTERVAL_S 2
#define INTERVAL_MAX_US 10000000

struct channel {
	char *name;
	char *path;
	const struct channel_ops *ops;
	void *ctx;
	int fd;				/* -1: not connected */
	int watch;
	int timer;
	bool greeted;			/* had a hello since connecting */
	bool paused;			/* ops->ready() said no */
	/* What is left in this tick; without any of it nothing is read until the next. */
	size_t bytes_left;
	unsigned int frames_left;
	int64_t cpu_left_ns;
	uint32_t interval_us;		/* as the hello says */
	uint64_t last_frame_s;
	uint64_t last_call_s;
	enum vm_agent reported;
	int reported_errno;
	uint64_t ack;			/* to be sent; 0: none */
	uint16_t version;		/* agreed with the agent */
	uint32_t pace_us;		/* wished for; 0: none */
	bool pace_due;			/* to be sent */
	uint8_t out[PROTO_ENCODED_MAX];
	size_t out_pos, out_len;
	struct log_limit limit;
	struct frame_decoder decoder;
};

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static uint64_t now_s(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000000;
}

static void report(struct channel *c, enum vm_agent agent, int error)
{
	char text[RECORD_ERROR_MAX + 1] = "";

	if (c->reported == agent && c->reported_errno == error)
		return;
	if (error)
		snprintf(text, sizeof(text), "cannot connect to %s: %s%s", c->path, strerror(error),
			 error == EACCES ? "; see PRIVILEGES in vmexitd(8)" : "");
	c->reported = agent;
	c->reported_errno = error;
	if (error)
		/* Nothing but a user can change rights. */
		log_line(error == EACCES ? LOG_WARNING : LOG_INFO, "'%s': %s, will retry", c->name, text);
	else
		log_info("'%s': agent %s", c->name,
			 agent == AGENT_CONNECTED ? "is there" : "is silent, waiting for it");
	c->ops->state(c->ctx, agent, text);
}

static bool is_spent(const struct channel *c)
{
	return c->bytes_left == 0 || c->frames_left == 0 || c->cpu_left_ns <= 0;
}

static void set_events(struct channel *c)
{
	bool out = c->out_len > c->out_pos || c->ack || c->pace_due;

	loop_update_fd(c->watch, (c->paused || is_spent(c) ? 0 : LOOP_READ) |
					 (out ? LOOP_WRITE : 0));
}

static void disconnect(struct channel *c)
{
	if (c->fd < 0)
		return;
	loop_remove_fd(c->watch);
	close(c->fd);
	c->fd = -1;
	c->greeted = false;
	c->paused = false;
	c->ack = 0;
	c->pace_due = false;
	c->out_pos = c->out_len = 0;
	frame_decoder_reset(&c->decoder);
}

/* The next frame of those that only their latest state matters of; false for none. */
static bool make_frame(struct channel *c)
{
	struct proto_pace pace = { .interval_us = c->pace_us };
	struct proto_ack ack = { .committed = c->ack };
	int len;

	if (c->pace_due) {
		c->pace_due = false;
		len = proto_encode_pace(c->out, sizeof(c->out), &pace);
	} else if (c->ack) {
		c->ack = 0;
		len = proto_encode_ack(c->out, sizeof(c->out), &ack);
	} else {
		return false;
	}
	c->out_pos = 0;
	c->out_len = len > 0 ? len : 0;
	return len > 0;
}

/* Send what fits; what does not waits for the socket. */
static void write_out(struct channel *c)
{
	for (;;) {
		ssize_t n;

		if (c->out_pos == c->out_len && !make_frame(c))
			break;
		n = send(c->fd, c->out + c->out_pos, c->out_len - c->out_pos, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			disconnect(c);
			report(c, AGENT_WAITING, 0);
			return;
		}
		if (n < 0)
			break;
		c->out_pos += n;
	}
	set_events(c);
}

/* Behind what is half sent already; a full buffer drops it, the agent asks again. */
static void queue(struct channel *c, const uint8_t *frame, int len)
{
	if (c->out_pos == c->out_len)
		c->out_pos = c->out_len = 0;
	if (len < 0 || (size_t)len > sizeof(c->out) - c->out_len)
		return;
	memcpy(c->out + c->out_len, frame, len);
	c->out_len += len;
	write_out(c);
}

/* A port shows the agent no new host side, so it is asked to introduce itself. */
static void call_agent(struct channel *c)
{
	uint8_t frame[PROTO_ENCODED_MAX];

	c->last_call_s = now_s();
	queue(c, frame, proto_encode_call(frame, sizeof(frame)));
}

static void on_hello(struct channel *c, const struct frame *untrusted)
{
	struct proto_welcome welcome = { 0 };
	uint8_t frame[PROTO_ENCODED_MAX];
	struct proto_hello hello;

	if (proto_decode_hello(untrusted, &hello) < 0)
		return;
	c->greeted = false;
	if (hello.version_min > PROTO_VERSION || hello.version_max < 1) {
		if (log_limit_ok(&c->limit, now_s()))
			log_warning("'%s': its agent speaks protocol %u to %u, this vmexitd 1 to %u; "
				    "update the older one, ignoring it",
				    c->name, hello.version_min, hello.version_max, PROTO_VERSION);
	} else {
		c->interval_us = hello.interval_us < INTERVAL_MAX_US ? hello.interval_us
								     : INTERVAL_MAX_US;
		c->greeted = c->ops->hello(c->ctx, &hello, &welcome.committed);
		report(c, AGENT_CONNECTED, 0);
	}
	/* Version 0 is no agreement: the agent keeps what it has, and asks again. */
	if (c->greeted)
		welcome.version = PROTO_VERSION < hello.version_max ? PROTO_VERSION
								    : hello.version_max;
	c->version = welcome.version;
	c->pace_due = c->version >= 2 && c->pace_us;
	queue(c, frame, proto_encode_welcome(frame, sizeof(frame), &welcome));
}

/* Give a frame to who owns it. Returns what that said, 0 for one that is damaged. */
static int pass_on(struct channel *c, const struct frame *untrusted)
{
	union {
		struct sample sample;
		struct proto_mark mark;
		struct proto_gap gap;
	} u;

	switch (untrusted->type) {
	case PROTO_SAMPLE:
		return proto_decode_sample(untrusted, &u.sample) < 0
			       ? 0
			       : c->ops->sample(c->ctx, &u.sample,
						untrusted->flags & FRAME_FLAG_DELAYED);
	case PROTO_MARK:
		return proto_decode_mark(untrusted, &u.mark) < 0 ? 0
								 : c->ops->mark(c->ctx, &u.mark);
	case PROTO_GAP:
		return proto_decode_gap(untrusted, &u.gap) < 0 ? 0 : c->ops->gap(c->ctx, &u.gap);
	default:
		/* A newer agent's; it knows that it may be ignored. */
		return 0;
	}
}

static void on_frame(struct channel *c, const struct frame *untrusted)
{
	if (untrusted->type == PROTO_HELLO) {
		on_hello(c, untrusted);
		return;
	}
	if (c->greeted) {
		report(c, AGENT_CONNECTED, 0);
		if (pass_on(c, untrusted) < 0)
			c->greeted = false;
	}
	if (!c->greeted && now_s() - c->last_call_s >= CALL_INTERVAL_S)
		call_agent(c);
}

static void decode(struct channel *c)
{
	struct frame untrusted;

	while (c->fd >= 0 && !c->paused && c->frames_left > 0) {
		if (!c->ops->ready(c->ctx)) {
			c->paused = true;
			set_events(c);
			return;
		}
		if (!frame_decoder_next(&c->decoder, &untrusted))
			return;
		c->frames_left--;
		c->last_frame_s = now_s();
		on_frame(c, &untrusted);
	}
}

static void read_in(struct channel *c)
{
	size_t budget = READ_BUDGET < c->bytes_left ? READ_BUDGET : c->bytes_left;

	decode(c);
	while (budget > 0 && c->fd >= 0 && !c->paused && c->frames_left > 0) {
		size_t size;
		uint8_t *space = frame_decoder_space(&c->decoder, &size);
		ssize_t n = recv(c->fd, space, size < budget ? size : budget, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			disconnect(c);
			report(c, AGENT_WAITING, 0);
			break;
		}
		frame_decoder_added(&c->decoder, n);
		budget -= n;
		c->bytes_left -= n;
		decode(c);
	}
}

static void on_readable(struct channel *c)
{
	uint64_t skipped = c->decoder.bytes_skipped;
	int64_t begun_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	read_in(c);
	c->cpu_left_ns -= clock_ns(CLOCK_THREAD_CPUTIME_ID) - begun_ns;
	if (c->fd >= 0 && is_spent(c))
		set_events(c);
	if (c->decoder.bytes_skipped > skipped && log_limit_ok(&c->limit, now_s()))
		log_warning("'%s': the guest sent %llu bytes that are no frames, skipping them",
			    c->name, (unsigned long long)(c->decoder.bytes_skipped - skipped));
}

static void on_fd(int fd, int events, void *ctx)
{
	struct channel *c = ctx;

	(void)fd;
	/* Bytes may wait in front of the hang-up; reading finds the end by itself. */
	if (events & (LOOP_READ | LOOP_HANGUP)) {
		if ((c->paused || is_spent(c)) && events & LOOP_HANGUP)
			disconnect(c);
		else
			on_readable(c);
	}
	if (c->fd >= 0 && events & LOOP_WRITE)
		write_out(c);
}

static int open_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static pid_t peer_of(int fd)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? peer.pid : 0;
}

static void try_connect(struct channel *c)
{
	int fd = open_socket(c->path);

	/* EAGAIN: somebody else is connected; QEMU serves one at a time. */
	if (fd < 0) {
		report(c, AGENT_UNREACHABLE, fd == -EAGAIN ? EBUSY : -fd);
		return;
	}
	c->watch = loop_add_fd(fd, LOOP_READ, on_fd, c);
	if (c->watch < 0) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->last_frame_s = now_s();
	report(c, AGENT_WAITING, 0);
	c->ops->peer(c->ctx, peer_of(fd));
	call_agent(c);
}

static void refill(struct channel *c)
{
	c->bytes_left = TICK_BUDGET;
	c->frames_left += TICK_FRAMES;
	if (c->frames_left > FRAMES_MAX)
		c->frames_left = FRAMES_MAX;
	/* What a turn took beyond its share is paid back. */
	c->cpu_left_ns = c->cpu_left_ns < 0 ? c->cpu_left_ns + TICK_CPU_NS : TICK_CPU_NS;
}

static void on_tick(void *ctx)
{
	struct channel *c = ctx;
	uint64_t silence_s = SILENCE_S + 3ULL * c->interval_us / 1000000;

	refill(c);
	if (c->fd >= 0)
		set_events(c);
	/* Whole frames may wait here that no socket announces. */
	if (c->fd >= 0 && !c->paused && !is_spent(c))
		on_readable(c);
	if (c->fd < 0)
		try_connect(c);
	else if (!c->paused && now_s() - c->last_frame_s > silence_s)
		report(c, AGENT_WAITING, 0);
}

struct channel *channel_new(const char *name, const char *path, const struct channel_ops *ops,
			    void *ctx)
{
	struct channel *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ops = ops;
	c->ctx = ctx;
	c->fd = -1;
	c->bytes_left = TICK_BUDGET;
	c->frames_left = FRAMES_MAX;
	c->cpu_left_ns = TICK_CPU_NS;
	c->reported_errno = -1;
	c->name = strdup(name);
	c->path = strdup(path);
	c->timer = c->name && c->path ? loop_add_timer(TICK_MS, on_tick, c) : -1;
	if (c->timer < 0) {
		channel_free(c);
		return NULL;
	}
	try_connect(c);
	return c;
}

void channel_free(struct channel *channel)
{
	if (!channel)
		return;
	disconnect(channel);
	if (channel->timer >= 0)
		loop_remove_timer(channel->timer);
	free(channel->name);
	free(channel->path);
	free(channel);
}

const char *channel_path(const struct channel *channel)
{
	return channel->path;
}

void channel_ack(struct channel *channel, uint64_t sequence)
{
	if (channel->fd < 0 || !channel->greeted)
		return;
	channel->ack = sequence;
	write_out(channel);
}

uint16_t channel_version(const struct channel *channel)
{
	return channel->fd >= 0 && channel->greeted ? channel->version : 0;
}

void channel_set_pace(struct channel *channel, uint32_t interval_us)
{
	if (channel->pace_us == interval_us)
		return;
	channel->pace_us = interval_us;
	if (channel_version(channel) < 2)
		return;
	channel->pace_due = true;
	write_out(channel);
}

void channel_resume(struct channel *channel)
{
	if (channel->fd < 0 || !channel->paused)
		return;
	channel->paused = false;
	set_events(channel);
	if (!is_spent(channel))
		on_readable(channel);
}
