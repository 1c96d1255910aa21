/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole agent in this process, and in a child its host and its users: what they
 * do, it allocates nothing and waits for nobody.
 */
#include "guest-agent/agent.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-agent/control/client.h"
#include "guest-agent/shared/tap.h"
#include "guest-agent/testhost.h"

static char dir[] = "/tmp/vmexit-agent-XXXXXX";
static char port_path[64], socket_path[64];
static struct agent agent;
static struct testhost host = { .fd = -1 };
static volatile unsigned int allocations;
static volatile bool counting;

/* ---- counting allocations ---- */

#ifdef __SANITIZE_ADDRESS__
int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, size_t),
					      void (*)(const volatile void *));

static void on_malloc(const volatile void *p, size_t size)
{
	(void)p;
	(void)size;
	allocations += counting;
}

static void on_free(const volatile void *p)
{
	(void)p;
}

static void count_allocations(void)
{
	__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

void *malloc(size_t size)
{
	allocations += counting;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	allocations += counting;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	allocations += counting;
	return __libc_realloc(p, size);
}

static void count_allocations(void)
{
}
#endif

/* ---- the child ---- */

static int failures;

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "# in the child: %s\n", what);
	failures++;
}

/* Until @count frames of @type have come since the last call, five seconds at most. */
static bool read_until(uint8_t type, unsigned int count)
{
	uint64_t until_ns = sampler_boot_ns() + 5000000000ULL;

	while (sampler_boot_ns() < until_ns) {
		unsigned int n = 0;

		testhost_read(&host);
		for (size_t i = 0; i < host.count; i++)
			n += host.frames[i].type == type;
		if (n >= count)
			return true;
		usleep(1000);
	}
	return false;
}

/* The mark that was answered with @sequence, right behind a sample. */
static bool read_mark(uint64_t sequence)
{
	for (unsigned int count = 1; read_until(PROTO_MARK, count); count++) {
		for (size_t i = 1; i < host.count; i++) {
			if (host.frames[i].type == PROTO_MARK && host.frames[i].sequence == sequence)
				return host.frames[i - 1].type == PROTO_SAMPLE;
		}
	}
	return false;
}

static void meet(uint64_t committed)
{
	host.count = 0;
	testhost_connect(&host, port_path + 5);
	must(read_until(PROTO_HELLO, 1), "a hello comes");
	testhost_welcome(&host, 2, committed);
	host.count = 0;
}

/* Samples and marks ascend, each mark of a pair stands right behind a sample. */
static void check_order(void)
{
	uint64_t last = 0;

	for (size_t i = 0; i < host.count; i++) {
		uint8_t type = host.frames[i].type;
		uint64_t sequence = host.frames[i].sequence;

		/* The test host does not know these samples' contents. */
		if (type == PROTO_MARK || type == PROTO_GAP) {
			must(sequence > last, "marks ascend");
			last = sequence;
		}
	}
}

/* Each sample counts all before it, those for marks as well. */
static void check_taken(void)
{
	uint64_t last = 0;

	for (size_t i = 0; i < host.count; i++) {
		if (host.frames[i].type != PROTO_SAMPLE)
			continue;
		must(last ? host.frames[i].taken == last + 1 : host.frames[i].taken > 0,
		     "samples are counted one by one");
		last = host.frames[i].taken;
	}
}

/* The host asks for @wish_ms; samples come to say that they are so far apart, and why. */
static void change_pace(uint32_t wish_ms, uint32_t interval_ms, enum sample_pace why)
{
	uint64_t until_ns = sampler_boot_ns() + 5000000000ULL;

	testhost_pace(&host, wish_ms * 1000);
	do {
		usleep(1000);
		testhost_read(&host);
	} while ((host.sample.interval_us != interval_ms * 1000 || host.sample.pace != why) &&
		 sampler_boot_ns() < until_ns);
	must(host.sample.interval_us == interval_ms * 1000 && host.sample.pace == why &&
		     host.sample.has & SAMPLE_HAS_PACE,
	     "the pace is what the host wishes, as far as it may");
}

static void use(void)
{
	static struct client_answer begin, end;
	char request[CONTROL_REQUEST_MAX];

	must(client_ask(socket_path, "begin load", &begin) == 0 && begin.has_sample &&
		     begin.sequence > begin.sample.sequence,
	     "begin gives its sample");
	must(read_mark(begin.sequence) && host.mark.kind == PROTO_MARK_BEGIN,
	     "its mark comes behind it");
	snprintf(request, sizeof(request), "end %" PRIu64 " 3 load", begin.sequence);
	must(client_ask(socket_path, request, &end) == 0 &&
		     end.sample.t_boot_ns > begin.sample.t_boot_ns &&
		     end.hello.vcpus == begin.hello.vcpus && end.hello.vcpus > 0,
	     "end gives another");
	must(read_mark(end.sequence) && host.mark.begin == begin.sequence &&
		     host.mark.status == 3 && host.mark.uid == geteuid() &&
		     strcmp(host.mark.label, "load") == 0,
	     "its mark belongs to the begin");
	snprintf(request, sizeof(request), "end %" PRIu64 " 3 load", end.sequence + 60000000);
	must(client_ask(socket_path, request, &end) == -EREMOTEIO, "an end before its begin is none");
	must(client_ask(socket_path, "end 1 0 gone", &end) == 0,
	     "one whose begin this agent has not seen is stored");
	check_order();
}

static int connect_idle(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, socket_path);
	must(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "an idle client");
	return fd;
}

static void disturb(void)
{
	static struct client_answer answer;
	char garbage[5000];
	int idle[3];

	for (size_t i = 0; i < 3; i++)
		idle[i] = connect_idle();
	memset(garbage, 'V', sizeof(garbage));
	testhost_write(&host, garbage, sizeof(garbage));
	testhost_ack(&host, UINT64_MAX);
	testhost_call(&host);
	must(read_until(PROTO_HELLO, 1), "called, it says hello again");
	/* Neither read nor answered for a while. */
	usleep(200000);
	for (int i = 0; i < 100; i++)
		(void)client_ask(socket_path, "mark again", &answer);
	must(answer.why[0], "too many marks are refused");
	meet(0);
	must(read_until(PROTO_SAMPLE, 15), "samples that waited come after a new welcome");
	for (size_t i = 0; i < 3; i++)
		close(idle[i]);
}

static int child(void)
{
	meet(0);
	must(read_until(PROTO_SAMPLE, 10), "samples come");
	must(host.frames[0].type == PROTO_SAMPLE && host.hello.started > 0 &&
		     (host.hello.has & PROTO_HELLO_HAS_AGENT),
	     "from the first on, and hello says since when");
	must(host.sample.has & SAMPLE_HAS_TAKEN && host.sample.interval_us == 10000 &&
		     host.sample.pace == SAMPLE_PACE_CONFIGURED && host.hello.interval_us == 10000 &&
		     host.hello.interval_min_us == 20000,
	     "each says how often they are taken");
	must(!(host.sample.has & SAMPLE_HAS_AGENT) == !(host.hello.has & PROTO_HELLO_HAS_LEAF),
	     "and which exits that causes, if they are counted");
	change_pace(50, 50, SAMPLE_PACE_HOST);
	change_pace(5, 20, SAMPLE_PACE_HOST);
	change_pace(0, 10, SAMPLE_PACE_CONFIGURED);
	use();
	check_taken();
	disturb();
	return failures > 0;
}

/* ---- the agent ---- */

/* Runs the agent while the child does its part; the longest step in ms. */
static uint64_t run_beside(pid_t pid, int *ret_status)
{
	uint64_t longest_ns = 0;

	while (waitpid(pid, ret_status, WNOHANG) == 0) {
		uint64_t took_ns, start_ns = sampler_boot_ns();

		counting = true;
		if (!agent_step(&agent))
			break;
		counting = false;
		took_ns = sampler_boot_ns() - start_ns;
		if (took_ns > longest_ns)
			longest_ns = took_ns;
	}
	counting = false;
	return longest_ns / 1000000;
}

int main(void)
{
	struct agent_options options = {
		.pace = { .interval_ms = 10, .boot_interval_ms = 10, .host_min_ms = 20 },
		.sampler = { .counters = { .reasons = true, .vcpus = true }, .workload = true,
			     .interrupts = 12, .processes = 8, .units = 8 },
		.buffer_s = 5,
		.port = port_path,
		.socket = { .path = socket_path, .mode = 0600 },
	};
	uint64_t longest_ms;
	void *(*volatile allocate)(size_t) = malloc;
	void *leak;
	int status = -1;
	pid_t pid;

	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	snprintf(port_path, sizeof(port_path), "unix:%s/port", dir);
	snprintf(socket_path, sizeof(socket_path), "%s/socket", dir);
	log_init("agent_test", 0);
	count_allocations();
	if (agent_init(&agent, &options, NULL) < 0)
		return 1;
	/* Its first tick makes the socket. */
	(void)agent_step(&agent);
	pid = fork();
	if (pid == 0)
		_exit(child());
	longest_ms = run_beside(pid, &status);
	ok(status == 0, "host and users are content");
	ok(allocations == 0, "the agent allocated nothing meanwhile (%u)", allocations);
	ok(longest_ms < 100, "and waited for nobody longer than its clock (%" PRIu64 " ms)", longest_ms);
	counting = true;
	leak = allocate(1);
	counting = false;
	free(leak);
	ok(allocations == 1, "an allocation would have been seen");
	raise(SIGTERM);
	while (agent_step(&agent))
		;
	agent_finish(&agent);
	agent_done(&agent);
	ok(access(socket_path, F_OK) < 0 && rmdir(dir) == 0, "a signal ends it, nothing is left");
	return done_testing();
}
