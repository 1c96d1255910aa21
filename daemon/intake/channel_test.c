/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A channel on a real socket; the test plays QEMU and the agent behind it. */
#include "daemon/intake/channel.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/loop.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

static char dir[] = "/tmp/vmexit-channel-XXXXXX";
static char path[64];

/* What the channel told its owner. */
struct owner {
	unsigned int hellos, samples, marks, gaps;
	bool refuses_hello, full;
	int answer;			/* to a sample */
	uint64_t committed;
};

static void on_state(void *ctx, enum vm_agent agent, const char *error)
{
	(void)ctx;
	(void)agent;
	(void)error;
}

static bool on_hello(void *ctx, const struct proto_hello *hello, uint64_t *ret_committed)
{
	struct owner *owner = ctx;

	(void)hello;
	owner->hellos++;
	*ret_committed = owner->committed;
	return !owner->refuses_hello;
}

static bool on_ready(void *ctx)
{
	struct owner *owner = ctx;

	return !owner->full;
}

static int on_sample(void *ctx, const struct sample *sample, bool delayed)
{
	struct owner *owner = ctx;

	(void)sample;
	(void)delayed;
	owner->samples++;
	return owner->answer;
}

static int on_mark(void *ctx, const struct proto_mark *mark)
{
	struct owner *owner = ctx;

	owner->marks += strcmp(mark->label, "here") == 0;
	return 0;
}

static int on_gap(void *ctx, const struct proto_gap *gap)
{
	struct owner *owner = ctx;

	owner->gaps += gap->to == 9;
	return 0;
}

static pid_t peer;

static void on_peer(void *ctx, pid_t pid)
{
	(void)ctx;
	peer = pid;
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

static bool stop;

static void on_stop(void *ctx)
{
	(void)ctx;
	stop = true;
}

/* Let the channel work for a while. */
static void run_ms(int ms)
{
	int timer = loop_add_timer(ms, on_stop, NULL);

	for (stop = false; !stop;)
		(void)virEventRunDefaultImpl();
	loop_remove_timer(timer);
}

static int listen_at(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(path);
	strcpy(address.sun_path, path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0)
		exit(1);
	return fd;
}

/* A new channel, connected. The listening socket is closed. */
static struct channel *connected(struct owner *owner, uint32_t pace_us, int *ret_peer)
{
	int fd = listen_at();
	struct channel *channel = channel_new("test", path, &ops, owner);

	channel_set_pace(channel, pace_us);
	*ret_peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	close(fd);
	return channel;
}

static void say_hello(int peer, uint16_t min, uint16_t max)
{
	struct proto_hello hello = { .version_min = min, .version_max = max };
	uint8_t buf[PROTO_ENCODED_MAX];
	int len = proto_encode_hello(buf, sizeof(buf), &hello);

	if (write(peer, buf, len) != len)
		exit(1);
}

static int sample_frame(uint8_t *buf, size_t size, uint64_t sequence)
{
	struct sample sample = { .sequence = sequence };

	return proto_encode_sample(buf, size, &sample, 2, 0);
}

/* What came from the channel: how many of a type, and the last of some. */
struct heard {
	unsigned int count[16];
	uint16_t version;
	uint64_t committed, acked;
	uint32_t pace_us;
	uint8_t order[16];		/* types as they came */
	unsigned int n;
};

static struct heard hear(int peer)
{
	static struct frame_decoder decoder;
	struct heard heard = { 0 };
	struct proto_welcome welcome;
	struct proto_pace pace;
	struct proto_ack ack;
	struct frame frame;
	size_t size;
	ssize_t n;

	frame_decoder_reset(&decoder);
	while ((n = read(peer, frame_decoder_space(&decoder, &size), FRAME_MAX)) > 0) {
		frame_decoder_added(&decoder, n);
		while (frame_decoder_next(&decoder, &frame)) {
			heard.count[frame.type % 16]++;
			heard.order[heard.n++ % 16] = frame.type;
			if (frame.type == PROTO_WELCOME &&
			    proto_decode_welcome(&frame, &welcome) == 0) {
				heard.version = welcome.version;
				heard.committed = welcome.committed;
			}
			if (frame.type == PROTO_PACE && proto_decode_pace(&frame, &pace) == 0)
				heard.pace_us = pace.interval_us;
			if (frame.type == PROTO_ACK && proto_decode_ack(&frame, &ack) == 0)
				heard.acked = ack.committed;
		}
	}
	return heard;
}

static void test_versions(void)
{
	static const struct {
		uint16_t min, max, chosen;
	} cases[] = { { 1, 1, 1 }, { 1, 2, 2 }, { 2, 2, 2 }, { 2, 7, 2 }, { 3, 7, 0 }, { 0, 0, 0 } };
	struct owner owner = { .committed = 77 };
	struct heard heard;
	int peer;
	struct channel *channel = connected(&owner, 0, &peer);

	run_ms(20);
	heard = hear(peer);
	ok(heard.count[PROTO_CALL] == 1 && heard.n == 1, "the agent is called on connecting");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		say_hello(peer, cases[i].min, cases[i].max);
		run_ms(20);
		heard = hear(peer);
		ok(heard.count[PROTO_WELCOME] == 1 && heard.version == cases[i].chosen &&
			   heard.committed == (cases[i].chosen ? 77 : 0) &&
			   heard.count[PROTO_PACE] == 0,
		   "an agent of versions %u to %u gets %u", cases[i].min, cases[i].max,
		   cases[i].chosen);
	}
	channel_free(channel);
	close(peer);
}

static void test_pace(void)
{
	struct owner owner = { 0 };
	struct heard heard;
	int peer;
	struct channel *channel = connected(&owner, 200000, &peer);

	run_ms(20);
	heard = hear(peer);
	ok(channel_version(channel) == 0 && heard.count[PROTO_PACE] == 0, "no pace to who has not introduced itself");
	say_hello(peer, 1, 2);
	run_ms(20);
	heard = hear(peer);
	ok(channel_version(channel) == 2 && heard.n == 2 && heard.order[0] == PROTO_WELCOME && heard.order[1] == PROTO_PACE &&
		   heard.pace_us == 200000,
	   "the pace that is wished for follows the welcome");
	channel_set_pace(channel, 200000);
	run_ms(20);
	ok(hear(peer).n == 0, "the same wish is not said again");
	channel_set_pace(channel, 50000);
	run_ms(20);
	heard = hear(peer);
	ok(heard.n == 1 && heard.pace_us == 50000, "another one at once");
	channel_set_pace(channel, 0);
	run_ms(20);
	heard = hear(peer);
	ok(heard.count[PROTO_PACE] == 1 && heard.pace_us == 0, "and that there is none any more");
	say_hello(peer, 1, 2);
	run_ms(20);
	ok(hear(peer).count[PROTO_PACE] == 0, "no wish, nothing behind the welcome");
	say_hello(peer, 1, 1);
	run_ms(20);
	channel_set_pace(channel, 70000);
	say_hello(peer, 1, 1);
	run_ms(20);
	heard = hear(peer);
	ok(channel_version(channel) == 1 && heard.count[PROTO_WELCOME] == 2 &&
		   heard.count[PROTO_PACE] == 0,
	   "an agent of version 1 hears of none");
	channel_free(channel);
	close(peer);
}

static void test_frames(void)
{
	struct proto_mark mark = { .sequence = 8, .kind = PROTO_MARK_INSTANT, .label = "here" };
	struct proto_gap gap = { .from = 9, .to = 9 };
	struct owner owner = { 0 };
	uint8_t buf[PROTO_ENCODED_MAX];
	struct heard heard;
	int peer, len;
	struct channel *channel = connected(&owner, 0, &peer);

	len = sample_frame(buf, sizeof(buf), 1);
	(void)!write(peer, buf, len);
	run_ms(20);
	ok(owner.samples == 0, "a sample in front of any hello is dropped");
	say_hello(peer, 1, 2);
	(void)!write(peer, buf, len);
	len = proto_encode_mark(buf, sizeof(buf), &mark);
	(void)!write(peer, buf, len);
	len = proto_encode_gap(buf, sizeof(buf), &gap);
	(void)!write(peer, buf, len);
	run_ms(20);
	ok(owner.samples == 1 && owner.marks == 1 && owner.gaps == 1,
	   "sample, mark and gap each reach their owner");
	(void)hear(peer);
	owner.answer = -EAGAIN;
	len = sample_frame(buf, sizeof(buf), 2);
	for (int i = 0; i < 5; i++)
		(void)!write(peer, buf, len);
	run_ms(2300);
	for (int i = 0; i < 5; i++)
		(void)!write(peer, buf, len);
	run_ms(20);
	heard = hear(peer);
	ok(owner.samples == 2 && heard.count[PROTO_CALL] == 1,
	   "who has not taken one gets no other until the agent, called, says hello again");
	owner.refuses_hello = true;
	say_hello(peer, 1, 2);
	run_ms(20);
	heard = hear(peer);
	ok(heard.count[PROTO_WELCOME] == 1 && heard.version == 0,
	   "a guest that is not served now is told so by version 0");
	owner.refuses_hello = false;
	owner.answer = 0;
	say_hello(peer, 1, 2);
	(void)!write(peer, buf, len);
	run_ms(20);
	ok(owner.samples == 3, "and served later");
	owner.full = true;
	(void)!write(peer, buf, len);
	run_ms(20);
	ok(owner.samples == 3, "while the owner has no room nothing is taken");
	owner.full = false;
	channel_resume(channel);
	run_ms(20);
	ok(owner.samples == 4, "and it comes when there is some");
	channel_free(channel);
	close(peer);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* More frames than a guest may send in a burst: later, but all of them. */
static void test_rate(void)
{
	const unsigned int sent = 2600;
	struct owner owner = { 0 };
	uint8_t buf[PROTO_ENCODED_MAX], *all;
	unsigned int at_once;
	size_t pos = 0;
	int peer, len;
	double begun;
	struct channel *channel = connected(&owner, 0, &peer);

	len = sample_frame(buf, sizeof(buf), 1);
	all = malloc(sent * len);
	for (unsigned int i = 0; i < sent; i++)
		memcpy(all + i * len, buf, len);
	say_hello(peer, 1, 2);
	begun = now_s();
	while (pos < sent * (size_t)len && now_s() - begun < 20) {
		ssize_t n = write(peer, all + pos, sent * len - pos);

		pos += n > 0 ? n : 0;
		run_ms(5);
	}
	run_ms(100);
	at_once = owner.samples;
	ok(at_once <= 2500 && at_once < 2250 + 250 * (now_s() - begun),
	   "a burst is bounded (%u of %u at once)", at_once, sent);
	while (owner.samples < sent && now_s() - begun < 20)
		run_ms(100);
	ok(owner.samples == sent, "the rest comes later, none is lost");
	free(all);
	channel_free(channel);
	close(peer);
}

int main(void)
{
	log_init("channel_test", LOG_ERROR - 1);
	if (!mkdtemp(dir) || loop_init() < 0)
		return 1;
	snprintf(path, sizeof(path), "%s/port.sock", dir);
	test_versions();
	test_pace();
	test_frames();
	test_rate();
	unlink(path);
	rmdir(dir);
	return done_testing();
}
