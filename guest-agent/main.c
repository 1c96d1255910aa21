/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmexit-agent: samples a guest's VM exits and workload, and sends them to its host. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "guest-agent/link.h"
#include "guest-agent/options.h"
#include "guest-agent/port.h"
#include "guest-agent/read.h"
#include "guest-agent/sampler.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/version.h"

#define RING_EXTRA (40 * 1024)

struct parts {
	struct sampler sampler;
	struct port port;
	struct link link;
	int timer_fd;
	int signal_fd;
};

/* Too large for a stack of unknown size. */
static struct parts parts = { .timer_fd = -1, .signal_fd = -1 };

/*
 * 16 bytes from the 36 characters of /proc/sys/kernel/random/boot_id. Without it a
 * number of its own: an agent that starts again is another boot then, but no boot
 * is taken for the one before.
 */
static void read_boot_id(uint8_t id[PROTO_BOOT_ID_SIZE])
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char text[64] = "";
	int nibbles = 0;

	memset(id, 0, PROTO_BOOT_ID_SIZE);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	for (const char *p = text; *p && nibbles < 2 * PROTO_BOOT_ID_SIZE; p++) {
		unsigned int digit;

		if (sscanf((char[]){ *p, '\0' }, "%x", &digit) != 1)
			continue;
		id[nibbles / 2] = id[nibbles / 2] << 4 | digit;
		nibbles++;
	}
	if (nibbles == 2 * PROTO_BOOT_ID_SIZE)
		return;
	log_warning("cannot read the boot id (is /proc mounted?), making one up");
	if (getrandom(id, PROTO_BOOT_ID_SIZE, GRND_NONBLOCK) != PROTO_BOOT_ID_SIZE)
		memcpy(id, &(uint64_t){ sampler_wall_ns() }, sizeof(uint64_t));
}

static void describe(const struct leaf *leaf, const struct options *options,
		     struct proto_hello *hello)
{
	struct utsname uts;

	*hello = (struct proto_hello){
		.version_min = 1,
		.version_max = PROTO_VERSION,
		.interval_us = options->interval_ms * 1000,
		.vcpus = sysconf(_SC_NPROCESSORS_ONLN),
		.agent = VMEXIT_AGENT_VERSION,
	};
	read_boot_id(hello->boot_id);
	if (uname(&uts) == 0)
		snprintf(hello->kernel, sizeof(hello->kernel), "%.*s", PROTO_TEXT_MAX, uts.release);
	if (leaf->state != LEAF_PRESENT)
		return;
	hello->has = PROTO_HELLO_HAS_LEAF;
	hello->leaf_version = leaf->version;
	hello->leaf_features = leaf->features;
	hello->reason_namespace = leaf->reason_namespace;
	hello->tsc_khz = leaf->tsc_khz;
	hello->vcpus = leaf->vcpus;
}

/*
 * A kilobyte for each sample, which leaves room for lists of usual length, and some
 * for the faster samples of a guest that is young.
 */
static size_t ring_size(const struct options *options)
{
	size_t size = RING_EXTRA + options->buffer_s * 1000ULL * 1024 / options->interval_ms;

	return size < RING_SIZE_MIN ? RING_SIZE_MIN : size > RING_SIZE_MAX ? RING_SIZE_MAX : size;
}

/* Ticks at whole multiples of the interval from now, whatever each takes. */
static int make_timer(unsigned int interval_ms)
{
	struct timespec interval = { interval_ms / 1000, interval_ms % 1000 * 1000000 };
	struct itimerspec timer = { .it_interval = interval };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	clock_gettime(CLOCK_MONOTONIC, &timer.it_value);
	/* The first sample at once: a boot is young only once. */
	timer.it_value.tv_nsec++;
	if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &timer, NULL) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

static int make_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void explain(const struct leaf *leaf)
{
	const char *problem = leaf_explain(leaf->state);

	if (problem)
		log_warning("%s; sending the workload without exits", problem);
}

static int start(struct parts *p, const struct options *options)
{
	struct proto_hello hello;
	int r;

	sampler_init(&p->sampler);
	explain(&p->sampler.leaf);
	describe(&p->sampler.leaf, options, &hello);
	r = port_init(&p->port, options->port);
	if (r < 0)
		return r;
	r = link_init(&p->link, &p->port, &hello, ring_size(options));
	if (r < 0) {
		log_error("no memory for %zu bytes of samples; ask for a smaller --buffer",
			  ring_size(options));
		return r;
	}
	p->signal_fd = make_signals();
	p->timer_fd = make_timer(options->interval_ms);
	return p->signal_fd < 0 ? p->signal_fd : p->timer_fd < 0 ? p->timer_fd : 0;
}

static void tick(struct parts *p, const struct options *options)
{
	struct proto_hello hello;
	struct sample sample;
	uint64_t expirations;

	/* Ticks that were missed are not made up: there is one now to be sampled. */
	if (read(p->timer_fd, &expirations, sizeof(expirations)) < 0)
		return;
	if (!sampler_check_leaf(&p->sampler)) {
		explain(&p->sampler.leaf);
		describe(&p->sampler.leaf, options, &hello);
		link_set_hello(&p->link, &hello);
	}
	sampler_take(&p->sampler, &sample);
	link_add_sample(&p->link, &sample, false);
}

static void run(struct parts *p, const struct options *options)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = p->timer_fd, .events = POLLIN },
			{ .fd = p->signal_fd, .events = POLLIN },
			{ .fd = port_poll_fd(&p->port),
			  .events = POLLIN | (link_wants_write(&p->link) ? POLLOUT : 0) },
		};

		if (poll(fds, 3, -1) < 0 && errno != EINTR)
			return;
		if (fds[1].revents)
			return;
		if (fds[0].revents)
			tick(p, options);
		/* With every tick as well: a port shows some changes only when asked. */
		link_service(&p->link);
	}
}

static void stop(struct parts *p)
{
	if (p->timer_fd >= 0)
		close(p->timer_fd);
	if (p->signal_fd >= 0)
		close(p->signal_fd);
	link_done(&p->link);
	port_done(&p->port);
	sampler_done(&p->sampler);
}

int main(int argc, char **argv)
{
	struct options options;
	int r;

	log_init("vmexit-agent", LOG_NOTICE);
	r = options_parse(&options, argc, argv);
	if (r < 0) {
		fputs("Try 'vmexit-agent --help'.\n", stderr);
		return 2;
	}
	if (options.verbose)
		log_init("vmexit-agent", LOG_INFO);
	switch (options.action) {
	case OPTIONS_HELP:
		options_print_help();
		return 0;
	case OPTIONS_VERSION:
		puts("vmexit-agent " VMEXIT_AGENT_VERSION);
		return 0;
	case OPTIONS_READ:
		return read_leaf(options.json);
	case OPTIONS_RUN:
		break;
	}
	r = start(&parts, &options);
	if (r == 0)
		run(&parts, &options);
	stop(&parts);
	return r < 0 ? 1 : 0;
}
