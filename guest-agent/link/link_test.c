/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link over a real port; the test is the host on the other end of its socket. */
#include "guest-agent/link/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest-agent/sampler.h"
#include "guest-agent/shared/tap.h"
#include "guest-agent/testhost.h"

#define DELAYED FRAME_FLAG_DELAYED

static char dir[] = "/tmp/vmexit-link-XXXXXX";
static char port_path[64];
static struct port port;
static struct link link_;
static struct testhost host = { .fd = -1 };

static void start(size_t ring_size)
{
	struct proto_hello hello = { .version_min = 1, .version_max = 2, .interval_us = 100000,
				     .vcpus = 2, .agent = "0.1", .kernel = "6.1" };

	if (port_init(&port, port_path) < 0 || link_init(&link_, &port, &hello, ring_size) < 0)
		exit(1);
}

static void stop(void)
{
	testhost_close(&host);
	link_done(&link_);
	port_done(&port);
}

/* Until nothing more comes: what came is then in host.frames. */
static void exchange(void)
{
	size_t before;

	host.count = 0;
	do {
		before = host.count;
		link_service(&link_);
		testhost_read(&host);
	} while (host.count > before);
}

static void connect_host(void)
{
	testhost_connect(&host, port_path + 5);
}

static void meet(uint16_t version)
{
	connect_host();
	exchange();
	testhost_welcome(&host, version, 0);
	link_service(&link_);
}

static void add(uint64_t sequence)
{
	struct sample sample = testhost_sample(sequence);

	link_add_sample(&link_, &sample, false);
}

static void add_range(uint64_t first, uint64_t last)
{
	for (uint64_t i = first; i <= last; i++)
		add(i);
}

/* One taken at this moment; its sequence is what the link would give it. */
static uint64_t add_fresh(void)
{
	uint64_t now_ns = sampler_boot_ns();
	struct sample sample = testhost_sample(now_ns / 1000);

	sample.t_boot_ns = now_ns;
	link_add_sample(&link_, &sample, false);
	return sample.sequence;
}

/* So many wait for their commit, and nothing was dropped. */
static bool kept(size_t count)
{
	return link_.ring.count == count && !link_.ring.dropped && !link_.ring.has_gap;
}

static void test_welcome(void)
{
	uint64_t now_ns = sampler_boot_ns(), fresh;

	start(RING_SIZE_MIN);
	add(1);
	link_service(&link_);
	ok(!link_wants_write(&link_), "without a host there is nothing to write to");
	connect_host();
	exchange();
	ok(testhost_came_one(&host, PROTO_HELLO), "hello on connecting");
	ok(host.hello.interval_us == 100000 && host.hello.vcpus == 2 &&
		   host.hello.t_boot_ns >= now_ns && host.hello.t_wall_ns > 0,
	   "with the time at which it was sent");
	add_range(2, 3);
	exchange();
	ok(host.count == 0, "nothing but hello before welcome");
	testhost_ack(&host, 3);
	exchange();
	ok(host.count == 0 && kept(3), "an acknowledgement before welcome frees nothing");
	testhost_welcome(&host, 2, 2);
	exchange();
	ok(testhost_came(&host, 3, 3, DELAYED), "welcome's are dropped, the rest is sent, delayed");
	ok(kept(1), "these were committed, not lost");
	host.count = 0;
	fresh = add_fresh();
	testhost_read(&host);
	ok(testhost_came(&host, fresh, fresh, 0), "a new sample is sent at once, not delayed");
	ok(!link_wants_write(&link_), "then nothing waits");
	stop();
}

static void test_ack(void)
{
	start(RING_SIZE_MIN);
	meet(2);
	add_range(1, 5);
	exchange();
	ok(testhost_came(&host, 1, 5, DELAYED) && kept(5), "sent is not committed");
	testhost_ack(&host, 3);
	exchange();
	ok(kept(2) && host.count == 0, "an acknowledgement frees, nothing is sent again");
	testhost_ack(&host, 2);
	testhost_ack(&host, 0);
	exchange();
	ok(kept(2), "an older one changes nothing");
	add_range(6, 55);
	exchange();
	ok(testhost_came(&host, 6, 55, DELAYED) && kept(52), "what was freed is room again");
	testhost_ack(&host, UINT64_MAX);
	exchange();
	ok(kept(0), "one beyond all frees all");
	add(56);
	exchange();
	ok(testhost_came(&host, 56, 56, DELAYED), "and the next sample goes out");
	stop();
}

static void test_call(void)
{
	start(RING_SIZE_MIN);
	meet(2);
	add(1);
	exchange();
	testhost_call(&host);
	exchange();
	ok(testhost_came_one(&host, PROTO_HELLO), "a call makes a new hello");
	add(2);
	exchange();
	ok(host.count == 0, "samples wait for its welcome");
	testhost_welcome(&host, 2, 0);
	exchange();
	ok(testhost_came(&host, 1, 2, DELAYED), "which replays what is not committed");
	testhost_call(&host);
	testhost_call(&host);
	exchange();
	ok(testhost_came_one(&host, PROTO_HELLO), "two calls at once: one hello");
	link_.hello_sent_ns -= 1900000000;
	exchange();
	ok(host.count == 0, "no welcome for less than 2 s: patience");
	link_.hello_sent_ns -= 200000000;
	exchange();
	ok(testhost_came_one(&host, PROTO_HELLO), "no welcome for 2 s: hello again");
	stop();
}

static void test_versions(void)
{
	start(RING_SIZE_MIN);
	meet(2);
	add(1);
	exchange();
	testhost_welcome(&host, 0, 0);
	exchange();
	add(2);
	exchange();
	ok(host.count == 0 && !link_wants_write(&link_), "a welcome of version 0 stops samples");
	testhost_welcome(&host, 3, 2);
	exchange();
	ok(host.count == 0 && kept(2), "one of a version not offered is none and commits nothing");
	link_.hello_sent_ns = 0;
	exchange();
	ok(testhost_came_one(&host, PROTO_HELLO), "hello goes on: the daemon may be updated");
	testhost_welcome(&host, 2, 0);
	exchange();
	ok(testhost_came(&host, 1, 2, DELAYED) && host.frames[1].version == 2,
	   "and then nothing was lost");
	stop();
}

static void test_pace(void)
{
	struct proto_pace wish = { .interval_us = 5 };

	start(RING_SIZE_MIN);
	meet(2);
	ok(!link_take_wish(&link_, &wish) && wish.interval_us == 5, "a host without a wish has none");
	testhost_pace(&host, 20000);
	testhost_pace(&host, 50000);
	exchange();
	ok(link_take_wish(&link_, &wish) && wish.interval_us == 50000, "its last wish counts");
	ok(!link_take_wish(&link_, &wish), "and is said once");
	stop();
}

static void test_garbage(void)
{
	static const char garbage[] = "GET / HTTP/1.1\r\n\r\nVMx\xf1VMx\xf1\x01\x04";
	static char much[3 * FRAME_MAX];
	uint8_t buf[PROTO_ENCODED_MAX];
	struct sample sample = { .sequence = 9 };
	int len;

	start(RING_SIZE_MIN);
	connect_host();
	exchange();
	testhost_write(&host, garbage, sizeof(garbage) - 1);
	testhost_welcome(&host, 2, 0);
	add_range(1, 2);
	exchange();
	ok(testhost_came(&host, 1, 2, DELAYED), "garbage in front of a welcome is skipped");
	testhost_write(&host, garbage, sizeof(garbage) - 1);
	len = proto_encode_sample(buf, sizeof(buf), &sample, 1, 0);
	testhost_write(&host, buf, len);
	buf[len - 1] ^= 1;
	testhost_write(&host, buf, len);
	len = proto_encode_hello(buf, sizeof(buf), &link_.hello);
	testhost_write(&host, buf, len);
	exchange();
	ok(host.count == 0 && kept(2), "frames that are the agent's own mean nothing here");
	testhost_ack(&host, 1);
	exchange();
	ok(kept(1), "the acknowledgement behind them counts");
	memset(much, 'V', sizeof(much));
	testhost_write(&host, much, sizeof(much));
	testhost_ack(&host, 2);
	exchange();
	ok(kept(0), "so does one behind %zu bytes of garbage", sizeof(much));
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

	start(4 << 20);
	connect_host();
	exchange();
	shrink_buffers();
	testhost_welcome(&host, 2, 0);
	link_service(&link_);
	start_ns = sampler_boot_ns();
	for (uint64_t i = 1; i <= SAMPLES; i++) {
		add(i);
		link_service(&link_);
	}
	ok(sampler_boot_ns() - start_ns < 5000000000ULL && link_.ring.position.left > 0 &&
		   link_wants_write(&link_),
	   "a host that does not read blocks nothing");
	ok(kept(SAMPLES), "and what it does not read is kept");
	exchange();
	ok(testhost_came(&host, 1, SAMPLES, DELAYED) && !link_wants_write(&link_),
	   "when it reads again, nothing was lost or torn");
	stop();
}

/* Fill the port with samples that are new, and let the last of them wait. */
static uint64_t add_fresh_until_full(void)
{
	uint64_t sequence;

	do {
		sequence = add_fresh();
	} while (!link_wants_write(&link_));
	while (sampler_boot_ns() / 1000 - sequence < 20000)
		usleep(1000);
	return sequence;
}

static void start_shrunk(void)
{
	start(4 << 20);
	connect_host();
	exchange();
	shrink_buffers();
	testhost_welcome(&host, 2, 0);
	link_service(&link_);
}

static void test_waiting(void)
{
	uint64_t last;
	size_t count;
	bool begun;

	start_shrunk();
	last = add_fresh_until_full();
	begun = link_.out_pos > 0;
	count = link_.ring.count;
	exchange();
	ok(host.count == count && host.frames[count - 1].sequence == last &&
		   !host.decoder.bytes_skipped,
	   "new samples fill the port: all come");
	ok(host.frames[0].flags == 0, "the first was not delayed");
	ok(begun || host.frames[count - 1].flags == DELAYED,
	   "the one that found no room says that it waited");
	stop();

	start_shrunk();
	(void)add_fresh_until_full();
	begun = link_.out_pos > 0;
	testhost_call(&host);
	link_service(&link_);
	exchange();
	ok(begun || (host.count && host.frames[host.count - 1].type == PROTO_HELLO &&
		     link_.ring.position.left > 0),
	   "a call overtakes a sample that waits, which goes after the welcome");
	testhost_welcome(&host, 2, 0);
	exchange();
	ok(host.count == link_.ring.count, "with all the others");
	stop();
}

static void test_reconnect(void)
{
	start(RING_SIZE_MIN * 4);
	connect_host();
	exchange();
	shrink_buffers();
	testhost_welcome(&host, 2, 0);
	for (uint64_t i = 1; i <= 100; i++) {
		add(i);
		link_service(&link_);
	}
	host.count = 0;
	testhost_read(&host);
	testhost_ack(&host, 10);
	link_service(&link_);
	ok(kept(90) && link_wants_write(&link_), "a host goes in the middle of it");
	testhost_close(&host);
	link_service(&link_);
	link_service(&link_);
	ok(!port.connected && !link_wants_write(&link_), "which is noticed");
	add_range(101, 102);
	connect_host();
	exchange();
	ok(testhost_came_one(&host, PROTO_HELLO),
	   "the next gets a hello, no rest of a frame and no sample in front of it");
	testhost_welcome(&host, 2, 20);
	exchange();
	ok(testhost_came(&host, 21, 102, DELAYED), "and all that is not committed");
	ok(kept(82), "nothing was dropped");

	/* Without a tick in between. */
	connect_host();
	exchange();
	link_service(&link_);
	testhost_read(&host);
	ok(testhost_came_one(&host, PROTO_HELLO), "a host that is replaced at once gets a hello, too");
	testhost_welcome(&host, 2, 102);
	exchange();
	ok(host.count == 0 && kept(0), "all was committed: nothing is replayed");
	stop();
}

static void add_mark(const char *label)
{
	struct proto_mark mark = { .kind = PROTO_MARK_INSTANT, .uid = 1000 };

	snprintf(mark.label, sizeof(mark.label), "%s", label);
	link_add_mark(&link_, &mark, true);
}

static void test_marks(void)
{
	start(RING_SIZE_MIN);
	add(1);
	add_mark("one");
	link_add_gap(&link_, &(struct proto_gap){ .from = 1, .to = link_.last + 50, .count = 5,
						  .from_t_boot_ns = 1000, .to_t_boot_ns = 9000,
						  .cause = PROTO_GAP_MISSED });
	link_add_gap(&link_, &(struct proto_gap){ .from = 1, .to = link_.last,
						  .cause = PROTO_GAP_MOVED });
	meet(2);
	exchange();
	ok(host.count == 3 && host.frames[0].type == PROTO_SAMPLE && host.frames[0].sequence == 1 &&
		   host.frames[1].type == PROTO_MARK && host.frames[2].type == PROTO_GAP,
	   "samples, marks and gaps go in one order; what is no gap does not go");
	ok(host.mark.sequence > 1 && strcmp(host.mark.label, "one") == 0 && host.mark.uid == 1000,
	   "the mark is what was said");
	ok(host.gap.from == host.mark.sequence + 1 && host.gap.to == host.mark.sequence + 50 &&
		   host.gap.count == 5 && host.gap.cause == PROTO_GAP_MISSED,
	   "the gap begins behind what was added before it");
	testhost_ack(&host, host.mark.sequence);
	exchange();
	ok(link_.ring.count == 1, "a mark is acknowledged like a sample");
	testhost_welcome(&host, 2, host.mark.sequence + 20);
	exchange();
	ok(testhost_came_one(&host, PROTO_GAP) && host.gap.from == host.mark.sequence + 21 &&
		   host.gap.count == 0,
	   "a gap of which a part is known there goes without it");
	stop();
}

static void test_version_1(void)
{
	uint64_t last;

	start(RING_SIZE_MIN);
	add_range(1, 100);
	add_mark("not for you");
	meet(1);
	exchange();
	ok(host.count == 100 - link_.ring.dropped && link_.ring.dropped > 0 && link_.ring.has_gap,
	   "a daemon of version 1 gets samples, no gap and no mark");
	last = host.frames[host.count - 1].sequence;
	ok(last == 100 && host.frames[0].version == 1 && host.frames[host.count - 1].version == 1,
	   "with what version 1 has");
	ok(!link_wants_write(&link_), "and then nothing waits");
	testhost_ack(&host, 100);
	exchange();
	ok(link_.ring.count == 1 && !link_.ring.has_gap, "its acknowledgements cover the gap");
	last = add_fresh();
	host.count = 0;
	testhost_read(&host);
	ok(testhost_came(&host, last, last, 0), "a sample behind the mark is sent at once");
	testhost_ack(&host, last);
	exchange();
	ok(link_.ring.count == 0, "and its acknowledgement covers the mark");
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
	test_call();
	test_versions();
	test_pace();
	test_garbage();
	test_no_reader();
	test_waiting();
	test_reconnect();
	test_marks();
	test_version_1();
	rmdir(dir);
	return done_testing();
}
