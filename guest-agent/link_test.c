/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link over a real port; the test is the host on the other end of its socket. */
#include "guest-agent/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-agent/sampler.h"
#include "guest-agent/shared/tap.h"

#define RING 8
#define FRAMES_MAX 4096

static char dir[] = "/tmp/vmexit-link-XXXXXX";
static char port_path[64];
static struct port port;
static struct link link_;

/* The host: what has come since it was last asked. */
static struct {
	int fd;
	struct frame_decoder decoder;
	size_t count;
	struct {
		uint8_t type;
		uint16_t flags;
		uint64_t sequence;	/* of a sample that is what was sent; 0 */
	} frames[FRAMES_MAX];
	struct proto_hello hello;
} host = { .fd = -1 };

static struct sample make_sample(uint64_t sequence)
{
	struct sample sample = {
		.sequence = sequence,
		.t_boot_ns = 1000 * sequence,
		.has = SAMPLE_HAS_EXITS,
		.exits = 7 * sequence,
		.workload = { .mask = UINT64_MAX >> (64 - WORKLOAD_COUNT) },
	};

	for (unsigned int i = 0; i < WORKLOAD_COUNT; i++)
		sample.workload.value[i] = sequence + i;
	return sample;
}

static void add(uint64_t sequence)
{
	struct sample sample = make_sample(sequence);

	link_add(&link_, &sample);
}

static void connect_host(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (host.fd >= 0)
		close(host.fd);
	memcpy(address.sun_path, port_path + 5, strlen(port_path + 5) + 1);
	host.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(host.fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		perror(address.sun_path);
	memset(&host.decoder, 0, sizeof(host.decoder));
}

static void note(const struct frame *frame)
{
	struct sample sample, sent;

	if (host.count == FRAMES_MAX)
		return;
	host.frames[host.count].type = frame->type;
	host.frames[host.count].flags = frame->flags;
	host.frames[host.count].sequence = 0;
	if (frame->type == PROTO_HELLO)
		(void)proto_decode_hello(frame, &host.hello);
	if (frame->type == PROTO_SAMPLE && proto_decode_sample(frame, &sample) == 0) {
		sent = make_sample(sample.sequence);
		if (sample.exits == sent.exits &&
		    memcmp(&sample.workload, &sent.workload, sizeof(sent.workload)) == 0)
			host.frames[host.count].sequence = sample.sequence;
	}
	host.count++;
}

static void read_host(void)
{
	struct frame frame;
	ssize_t n;

	do {
		size_t size;
		uint8_t *space = frame_decoder_space(&host.decoder, &size);

		n = read(host.fd, space, size);
		if (n > 0)
			frame_decoder_added(&host.decoder, n);
		while (frame_decoder_next(&host.decoder, &frame))
			note(&frame);
	} while (n > 0);
}

/* Until nothing more comes: what came is then in host.frames. */
static void exchange(void)
{
	size_t before;

	host.count = 0;
	do {
		before = host.count;
		link_service(&link_);
		read_host();
	} while (host.count > before);
}

static void send_host(const void *bytes, int len)
{
	if (write(host.fd, bytes, len) != len)
		perror("write");
}

static void send_welcome(uint16_t version, uint64_t committed)
{
	struct proto_welcome welcome = { .version = version, .committed = committed };
	uint8_t buf[PROTO_ENCODED_MAX];

	send_host(buf, proto_encode_welcome(buf, sizeof(buf), &welcome));
}

static void send_ack(uint64_t committed)
{
	struct proto_ack ack = { .committed = committed };
	uint8_t buf[PROTO_ENCODED_MAX];

	send_host(buf, proto_encode_ack(buf, sizeof(buf), &ack));
}

static void send_call(void)
{
	uint8_t buf[PROTO_ENCODED_MAX];

	send_host(buf, proto_encode_call(buf, sizeof(buf)));
}

/* Exactly one hello came. */
static bool came_hello(void)
{
	return host.count == 1 && host.frames[0].type == PROTO_HELLO;
}

/* Exactly the samples @first to @last came, in order, whole, with @flags. */
static bool came_samples(uint64_t first, uint64_t last, uint16_t flags)
{
	if (host.count != last - first + 1 || host.decoder.bytes_skipped)
		return false;
	for (size_t i = 0; i < host.count; i++) {
		if (host.frames[i].type != PROTO_SAMPLE || host.frames[i].sequence != first + i ||
		    host.frames[i].flags != flags)
			return false;
	}
	return true;
}

static void start(size_t ring_size)
{
	struct proto_hello hello = { .version_min = 1, .version_max = 2, .interval_us = 100000,
				     .vcpus = 2, .agent = "0.1", .kernel = "6.1" };

	if (port_init(&port, port_path) < 0 || link_init(&link_, &port, &hello, ring_size) < 0)
		exit(1);
}

static void stop(void)
{
	if (host.fd >= 0)
		close(host.fd);
	host.fd = -1;
	link_done(&link_);
	port_done(&port);
}

static void test_welcome(void)
{
	struct sample fresh;
	uint64_t now_ns = sampler_boot_ns();

	start(RING);
	add(1);
	link_service(&link_);
	ok(!link_wants_write(&link_), "without a host there is nothing to write to");
	connect_host();
	exchange();
	ok(came_hello(), "hello on connecting");
	ok(host.hello.interval_us == 100000 && host.hello.vcpus == 2 &&
		   host.hello.t_boot_ns >= now_ns && host.hello.t_wall_ns > 0,
	   "with the time at which it was sent");
	add(2);
	add(3);
	exchange();
	ok(host.count == 0, "nothing but hello before welcome");
	send_ack(3);
	exchange();
	ok(host.count == 0 && link_.tail == 0, "an acknowledgement before welcome frees nothing");
	send_welcome(2, 2);
	exchange();
	ok(came_samples(3, 3, FRAME_FLAG_DELAYED), "welcome's are dropped, the rest is sent, delayed");
	ok(link_.tail == 2 && link_.dropped == 0, "these were committed, not lost");
	fresh = make_sample(4);
	fresh.t_boot_ns = sampler_boot_ns();
	link_add(&link_, &fresh);
	host.count = 0;
	read_host();
	ok(came_samples(4, 4, 0), "a new sample is sent at once, not delayed");
	ok(!link_wants_write(&link_), "then nothing waits");
	stop();
}

static void test_ack(void)
{
	start(RING);
	connect_host();
	exchange();
	send_welcome(2, 0);
	for (uint64_t i = 1; i <= 5; i++)
		add(i);
	exchange();
	ok(came_samples(1, 5, FRAME_FLAG_DELAYED) && link_.tail == 0, "sent is not committed");
	send_ack(3);
	exchange();
	ok(link_.tail == 3 && host.count == 0, "an acknowledgement frees, nothing is sent again");
	send_ack(2);
	send_ack(0);
	exchange();
	ok(link_.tail == 3, "an older one changes nothing");
	for (uint64_t i = 6; i <= 11; i++)
		add(i);
	exchange();
	ok(came_samples(6, 11, FRAME_FLAG_DELAYED) && link_.dropped == 0,
	   "what was freed is room again");
	send_ack(UINT64_MAX);
	exchange();
	ok(link_.tail == 11 && link_.next == 11, "one beyond all frees all");
	add(12);
	exchange();
	ok(came_samples(12, 12, FRAME_FLAG_DELAYED), "and the next sample goes out");
	stop();
}

static void test_overflow(void)
{
	start(RING);
	for (uint64_t i = 1; i <= 20; i++)
		add(i);
	ok(link_.dropped == 20 - RING, "overflow drops and counts");
	connect_host();
	exchange();
	send_welcome(2, 0);
	exchange();
	ok(came_samples(21 - RING, 20, FRAME_FLAG_DELAYED), "the oldest were dropped");
	for (uint64_t i = 21; i <= 30; i++)
		add(i);
	exchange();
	ok(came_samples(21, 30, FRAME_FLAG_DELAYED) && link_.dropped == 30 - RING,
	   "what was sent but not committed is counted as well");
	stop();
}

static void test_call(void)
{
	start(RING);
	connect_host();
	exchange();
	send_welcome(2, 0);
	add(1);
	exchange();
	send_call();
	exchange();
	ok(came_hello(), "a call makes a new hello");
	add(2);
	exchange();
	ok(host.count == 0, "samples wait for its welcome");
	send_welcome(2, 0);
	exchange();
	ok(came_samples(1, 2, FRAME_FLAG_DELAYED), "which replays what is not committed");
	send_call();
	send_call();
	exchange();
	ok(came_hello(), "two calls at once: one hello");
	exchange();
	link_.hello_sent_ns -= 1900000000;
	exchange();
	ok(host.count == 0, "no welcome for less than 2 s: patience");
	link_.hello_sent_ns -= 200000000;
	exchange();
	ok(came_hello(), "no welcome for 2 s: hello again");
	stop();
}

static void test_versions(void)
{
	start(RING);
	connect_host();
	exchange();
	send_welcome(2, 0);
	add(1);
	exchange();
	send_welcome(0, 0);
	exchange();
	add(2);
	exchange();
	ok(host.count == 0 && !link_wants_write(&link_), "a welcome of version 0 stops samples");
	send_welcome(3, 2);
	exchange();
	ok(host.count == 0 && link_.tail == 0,
	   "one of a version not offered is no welcome and commits nothing");
	link_.hello_sent_ns = 0;
	exchange();
	ok(came_hello(), "hello goes on: the daemon may be updated");
	send_welcome(2, 0);
	exchange();
	ok(came_samples(1, 2, FRAME_FLAG_DELAYED), "and then nothing was lost");
	stop();
}

static void test_garbage(void)
{
	static const char garbage[] = "GET / HTTP/1.1\r\n\r\nVMx\xf1VMx\xf1\x01\x04";
	static char much[3 * FRAME_MAX];
	uint8_t buf[PROTO_ENCODED_MAX];
	struct sample sample = make_sample(9);
	int len;

	start(RING);
	connect_host();
	exchange();
	send_host(garbage, sizeof(garbage) - 1);
	send_welcome(2, 0);
	add(1);
	add(2);
	exchange();
	ok(came_samples(1, 2, FRAME_FLAG_DELAYED), "garbage in front of a welcome is skipped");
	send_host(garbage, sizeof(garbage) - 1);
	len = proto_encode_sample(buf, sizeof(buf), &sample, 1, 0);
	send_host(buf, len);
	buf[len - 1] ^= 1;
	send_host(buf, len);
	len = proto_encode_hello(buf, sizeof(buf), &link_.hello);
	send_host(buf, len);
	exchange();
	ok(host.count == 0 && link_.tail == 0, "frames that are the agent's own mean nothing here");
	send_ack(1);
	exchange();
	ok(link_.tail == 1, "the acknowledgement behind them counts");
	memset(much, 'V', sizeof(much));
	send_host(much, sizeof(much));
	send_ack(2);
	exchange();
	ok(link_.tail == 2, "so does one behind %zu bytes of garbage", sizeof(much));
	stop();
}

static void shrink_buffers(void)
{
	int size = 1;

	setsockopt(port.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void test_no_reader(void)
{
	enum { SAMPLES = 2000 };
	uint64_t start_ns;

	start(SAMPLES + 1);
	connect_host();
	exchange();
	shrink_buffers();
	send_welcome(2, 0);
	link_service(&link_);
	start_ns = sampler_boot_ns();
	for (uint64_t i = 1; i <= SAMPLES; i++) {
		add(i);
		link_service(&link_);
	}
	ok(sampler_boot_ns() - start_ns < 5000000000ULL && link_.next < SAMPLES &&
		   link_wants_write(&link_),
	   "a host that does not read blocks nothing");
	ok(link_.dropped == 0 && link_.head == SAMPLES, "and what it does not read is kept");
	exchange();
	ok(came_samples(1, SAMPLES, FRAME_FLAG_DELAYED) && !link_wants_write(&link_),
	   "when it reads again, nothing was lost or torn");
	stop();
}

/* Fill the port with samples that are new, and let the last of them wait. */
static uint64_t add_new_until_full(void)
{
	struct sample sample;
	uint64_t sequence = 0;

	do {
		sample = make_sample(++sequence);
		sample.t_boot_ns = sampler_boot_ns();
		link_add(&link_, &sample);
	} while (!link_wants_write(&link_));
	while (sampler_boot_ns() - sample.t_boot_ns < 20000000)
		usleep(1000);
	return sequence;
}

static void test_waiting(void)
{
	uint64_t last;
	bool begun;

	start(FRAMES_MAX);
	connect_host();
	exchange();
	shrink_buffers();
	send_welcome(2, 0);
	link_service(&link_);
	last = add_new_until_full();
	begun = link_.out_pos > 0;
	exchange();
	ok(host.count == last && host.frames[last - 1].sequence == last && !host.decoder.bytes_skipped,
	   "new samples fill the port: all come");
	ok(host.frames[0].flags == 0, "the first was not delayed");
	ok(begun || host.frames[last - 1].flags == FRAME_FLAG_DELAYED,
	   "the one that found no room says that it waited");
	stop();

	start(FRAMES_MAX);
	connect_host();
	exchange();
	shrink_buffers();
	send_welcome(2, 0);
	link_service(&link_);
	(void)add_new_until_full();
	begun = link_.out_pos > 0;
	send_call();
	link_service(&link_);
	exchange();
	ok(begun || (host.count && host.frames[host.count - 1].type == PROTO_HELLO &&
		     link_.next < link_.head),
	   "a call overtakes a sample that waits, which goes after the welcome");
	send_welcome(2, 0);
	exchange();
	ok(host.count == link_.head && host.frames[host.count - 1].sequence == link_.head,
	   "with all the others");
	stop();
}

static void test_reconnect(void)
{
	start(200);
	connect_host();
	exchange();
	shrink_buffers();
	send_welcome(2, 0);
	for (uint64_t i = 1; i <= 100; i++) {
		add(i);
		link_service(&link_);
	}
	host.count = 0;
	read_host();
	send_ack(10);
	link_service(&link_);
	ok(link_.tail == 10 && link_wants_write(&link_), "a host goes in the middle of it");
	close(host.fd);
	host.fd = -1;
	link_service(&link_);
	link_service(&link_);
	ok(!port.connected && !link_wants_write(&link_), "which is noticed");
	add(101);
	add(102);
	connect_host();
	exchange();
	ok(came_hello() && host.decoder.bytes_skipped == 0,
	   "the next gets a hello, no rest of a frame and no sample in front of it");
	send_welcome(2, 20);
	exchange();
	ok(came_samples(21, 102, FRAME_FLAG_DELAYED), "and all that is not committed");
	ok(link_.dropped == 0, "nothing was dropped");

	/* Without a tick in between. */
	connect_host();
	exchange();
	link_service(&link_);
	read_host();
	ok(came_hello(), "a host that is replaced at once gets a hello, too");
	send_welcome(2, 102);
	exchange();
	ok(host.count == 0 && link_.tail == 102, "all was committed: nothing is replayed");
	stop();
}

int main(void)
{
	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	snprintf(port_path, sizeof(port_path), "unix:%s/port", dir);
	test_welcome();
	test_ack();
	test_overflow();
	test_call();
	test_versions();
	test_garbage();
	test_no_reader();
	test_waiting();
	test_reconnect();
	rmdir(dir);
	return done_testing();
}
