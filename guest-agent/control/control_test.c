/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's socket; the test is its users, of whom some are hostile. */
#include "guest-agent/control/control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-agent/shared/tap.h"

#define SECOND 1000000000ULL
#define NOBODY 65534

static char dir[] = "/tmp/vmexit-control-XXXXXX";
static char path[64], text[CONTROL_ANSWER_MAX + 1];
static struct control control;
static uint64_t now_ns = SECOND;

/* The agent behind it. */
static struct proto_mark marked;
static unsigned int marks;
static int refusal;

static int on_mark(void *data, struct proto_mark *mark, struct control_answer *ret)
{
	static const struct proto_hello hello = { .version_min = 1, .version_max = 2, .vcpus = 3 };
	static const struct sample sample = { .sequence = 41, .has = SAMPLE_HAS_EXITS, .exits = 7 };

	(void)data;
	if (refusal)
		return refusal;
	marked = *mark;
	marks++;
	ret->sequence = 42;
	if (mark->kind == PROTO_MARK_BEGIN || mark->kind == PROTO_MARK_END) {
		ret->hello = &hello;
		ret->sample = &sample;
	}
	return 0;
}

static void start(void)
{
	const struct listener_options options = { .path = path, .mode = 0666 };

	if (control_init(&control, &options, on_mark, NULL) < 0)
		exit(1);
	listener_check(&control.listener, now_ns);
	marks = 0;
}

/* As the agent does: as long as there is something to do. */
static void service(void)
{
	struct pollfd fds[CONTROL_POLLFDS];

	for (int i = 0; i < 200 && poll(fds, control_poll(&control, now_ns, fds), 0) > 0; i++)
		control_service(&control, now_ns);
	control_service(&control, now_ns);
}

static int connect_as(uid_t uid)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

	strcpy(address.sun_path, path);
	/* Whoever is not root is nobody else. */
	if (geteuid() == 0 && seteuid(uid) < 0)
		exit(1);
	r = connect(fd, (struct sockaddr *)&address, sizeof(address));
	if (getuid() == 0 && seteuid(0) < 0)
		exit(1);
	if (r == 0)
		return fd;
	close(fd);
	return -1;
}

/* The answer, in text; "" if the connection was closed without, "-" if there is none yet. */
static ssize_t answer_on(int fd)
{
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	if (n < 0)
		strcpy(text, "-");
	return n;
}

static ssize_t ask_as(uid_t uid, const void *request, size_t len)
{
	int fd = connect_as(uid);
	ssize_t n;

	(void)send(fd, request, len, MSG_NOSIGNAL);
	service();
	n = answer_on(fd);
	close(fd);
	return n;
}

static bool answers(const char *request, const char *answer)
{
	now_ns += SECOND;
	(void)ask_as(NOBODY, request, strlen(request));
	return strcmp(text, answer) == 0;
}

static bool refuses(const char *request)
{
	unsigned int before = marks;

	now_ns += SECOND;
	(void)ask_as(NOBODY, request, strlen(request));
	return strncmp(text, "error ", 6) == 0 && marks == before;
}

static void test_requests(void)
{
	char longest[CONTROL_REQUEST_MAX + 1], word[8] = "mark ";
	uid_t uid = geteuid() == 0 ? NOBODY : geteuid();

	start();
	ok(answers("mark it's \x01 now", "ok 42\n") && marked.kind == PROTO_MARK_INSTANT &&
		   strcmp(marked.label, "it's ? now") == 0 && marked.uid == uid && !marked.has,
	   "a mark has its text, cleaned, and its user");
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, word, 5);
	longest[CONTROL_REQUEST_MAX] = '\0';
	ok(answers(longest, "ok 42\n") && strlen(marked.label) == PROTO_LABEL_MAX,
	   "a label that is too long is cut");
	ok(ask_as(NOBODY, longest, CONTROL_REQUEST_MAX + 1) > 0 && strncmp(text, "error ", 6) == 0,
	   "a request that is too long is refused");
	ok(answers("end 17 255 make all", "ok 42\n") == false && strncmp(text, "ok 42\n", 6) == 0 &&
		   marked.kind == PROTO_MARK_END && marked.begin == 17 && marked.status == 255 &&
		   marked.has == PROTO_MARK_HAS_STATUS && strcmp(marked.label, "make all") == 0,
	   "an end has its begin, a status and a label");
	ok(refuses("end 17 make") && refuses("end -1 0 x") && refuses("end 1 2") &&
		   refuses("end 9223372036854775808 0 x") && refuses("end 1 4294967296 x") &&
		   refuses("end 99999999999999999999999 0 x"),
	   "without them, or out of range, it is refused");
	ok(refuses("mark") && refuses("mark ") && refuses("") == false && refuses("marks x") &&
		   refuses("remove everything") && refuses("\xff\xff\xff"),
	   "so is what is no request");
	refusal = -EAGAIN;
	ok(refuses("mark x") && strstr(text, "wait for the host"), "and what the agent refuses");
	refusal = -ERANGE;
	ok(refuses("end 5 0 x") && strstr(text, "earlier"), "with the reason");
	refusal = 0;
	now_ns += SECOND;
	(void)ask_as(0, "phase ready", 11);
	ok((strcmp(text, "ok 42\n") == 0 && marked.kind == PROTO_MARK_PHASE) == (geteuid() == 0),
	   "root may say that a phase begins");
	ok(refuses("phase ready"), "nobody else may");
	control_done(&control);
}

static void test_samples(void)
{
	static struct frame_decoder decoder;
	struct proto_hello hello = { 0 };
	struct sample sample = { 0 };
	struct frame frame;
	size_t size;
	ssize_t n;

	start();
	n = ask_as(NOBODY, "begin x", 7);
	ok(n > 6 && strncmp(text, "ok 42\n", 6) == 0, "begin is answered");
	memcpy(frame_decoder_space(&decoder, &size), text + 6, n - 6);
	frame_decoder_added(&decoder, n - 6);
	ok(frame_decoder_next(&decoder, &frame) && frame.type == PROTO_HELLO &&
		   proto_decode_hello(&frame, &hello) == 0 && hello.vcpus == 3 &&
		   frame_decoder_next(&decoder, &frame) && frame.type == PROTO_SAMPLE &&
		   proto_decode_sample(&frame, &sample) == 0 && sample.exits == 7 &&
		   !frame_decoder_next(&decoder, &frame),
	   "with the VM and the sample that was taken for it");
	control_done(&control);
}

static void test_rates(void)
{
	unsigned int asked = 0;

	start();
	now_ns += 100 * SECOND;
	for (; asked < 500 && (ask_as(NOBODY, "mark x", 6), strcmp(text, "ok 42\n") == 0); asked++)
		now_ns += SECOND / 1000;
	ok(asked >= 50 && asked <= 51 && strstr(text, "too many"), "%u marks at once, not more", asked);
	if (geteuid() == 0)
		(void)ask_as(0, "mark x", 6);
	ok((strcmp(text, "ok 42\n") == 0) == (geteuid() == 0), "which is no limit for others");
	for (uid_t uid = 1000; uid < 1100; uid++) {
		for (int i = 0; i < 5; i++)
			(void)ask_as(uid, "mark x", 6);
		now_ns += SECOND / 10;
	}
	ok(marks <= 50 + 1 + 100 + 20 * 11, "nor do a hundred users together get more than is good: %u",
	   marks);
	control_done(&control);
}

/* Connect and say nothing; how many of them are still there after the agent looked. */
static unsigned int idle(uid_t uid, unsigned int count, int *fds)
{
	unsigned int there = 0;

	for (unsigned int i = 0; i < count; i++)
		fds[i] = connect_as(uid);
	service();
	for (unsigned int i = 0; i < count; i++)
		there += fds[i] >= 0 && answer_on(fds[i]) < 0;
	return there;
}

static void close_all(int *fds, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		close(fds[i]);
	service();
}

static void test_slow(void)
{
	int fds[64], fd;
	unsigned int there = 0;

	start();
	now_ns += 100 * SECOND;
	ok(idle(NOBODY, 10, fds) == 4, "a user may wait at four places");
	ok(control_timeout_ms(&control, now_ns) > 1000 && control_timeout_ms(&control, now_ns) <= 2001,
	   "the agent wakes up to leave them");
	now_ns += 3 * SECOND;
	service();
	ok(answer_on(fds[0]) == 0 && control_timeout_ms(&control, now_ns) == -1,
	   "who says nothing for two seconds is left");
	close_all(fds, 10);

	now_ns += 100 * SECOND;
	for (unsigned int i = 0; i < 8; i++)
		there += idle(2000 + i, 4, fds + 4 * i);
	ok(geteuid() != 0 || there == CONTROL_CLIENTS - 2, "all others together have what is left (%u)",
	   there);
	(void)ask_as(0, "mark x", 6);
	ok(geteuid() != 0 || strcmp(text, "ok 42\n") == 0, "and root has a place then");
	close_all(fds, 32);

	now_ns += 100 * SECOND;
	fd = connect_as(NOBODY);
	(void)send(fd, "mark x", 6, MSG_NOSIGNAL);
	close(fd);
	fd = connect_as(NOBODY);
	service();
	ok(marks >= 1, "who does not wait for the answer has marked all the same");
	close(fd);
	control_done(&control);
}

static void test_flood(void)
{
	struct pollfd fds[CONTROL_POLLFDS];
	unsigned int taken = 0;

	start();
	now_ns += 100 * SECOND;
	for (int i = 0; i < 1000; i++) {
		int fd = connect_as(NOBODY);

		if (fd >= 0)
			close(fd);
		if (control_poll(&control, now_ns, fds) > 0)
			taken++;
		control_service(&control, now_ns);
	}
	ok(taken < 250, "of 1000 connections at once %u are looked at", taken);
	ok(control_timeout_ms(&control, now_ns) > 0 && control_timeout_ms(&control, now_ns) <= 101,
	   "the agent sleeps meanwhile");
	now_ns += SECOND;
	service();
	ok(answers("mark x", "ok 42\n"), "and goes on afterwards");
	control_done(&control);
}

int main(void)
{
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0) {
		perror(dir);
		return 1;
	}
	snprintf(path, sizeof(path), "%s/socket", dir);
	log_init("control_test", LOG_ERROR);
	test_requests();
	test_samples();
	test_rates();
	test_slow();
	test_flood();
	ok(rmdir(dir) == 0, "nothing is left");
	return done_testing();
}
