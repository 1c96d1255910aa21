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

#include "guest-agent/footprint.h"
#include "guest-agent/link.h"
#include "guest-agent/options.h"
#include "guest-agent/port.h"
#include "guest-agent/read.h"
#include "guest-agent/sampler.h"
#include "guest-agent/self_exits.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/ticker.h"
#include "guest-agent/version.h"

struct parts {
	struct sampler sampler;
	struct self_exits self;
	struct pace pace;
	struct port port;
	struct link link;
	struct ticker ticker;
	int signal_fd;
	uint8_t detail[SAMPLER_DETAIL_MAX];
};

/* Too large for a stack of unknown size. */
static struct parts parts;

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

static void describe(const struct sampler *sampler, const struct options *options,
		     struct proto_hello *hello)
{
	const struct leaf *leaf = &sampler->leaf;
	struct utsname uts;

	*hello = (struct proto_hello){
		.version_min = 1,
		.version_max = PROTO_VERSION,
		.interval_us = options->pace.interval_ms * 1000,
		.interval_min_us = options->pace.host_min_ms * 1000,
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
	if (leaf->features & VMEXIT_FEATURE_CLOCK)
		hello->has |= PROTO_HELLO_HAS_GENERATION;
	hello->generation = sampler->generation;
}

static size_t ring_size(const struct options *options)
{
	size_t size = options->buffer_s * 1000ULL / options->pace.interval_ms;

	return size < 1 ? 1 : size > OPTIONS_RING_MAX ? OPTIONS_RING_MAX : size;
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

	p->ticker.fd = p->signal_fd = -1;
	sampler_init(&p->sampler, &options->sampler);
	self_exits_init(&p->self, &p->sampler.cpu, &p->sampler.leaf);
	pace_init(&p->pace, &options->pace, sampler_boot_ns());
	explain(&p->sampler.leaf);
	describe(&p->sampler, options, &hello);
	r = port_init(&p->port, options->port);
	if (r < 0)
		return r;
	r = link_init(&p->link, &p->port, &hello, ring_size(options));
	if (r < 0) {
		log_error("no memory for %zu samples; ask for a smaller --buffer",
			  ring_size(options));
		return r;
	}
	p->signal_fd = make_signals();
	r = ticker_init(&p->ticker);
	return p->signal_fd < 0 ? p->signal_fd : r;
}

static void tick(struct parts *p, const struct options *options)
{
	uint64_t missed, exits = 0;
	struct proto_hello hello;
	struct sample sample;
	int r;

	ticker_expired(&p->ticker);
	if (!pace_tick(&p->pace, sampler_boot_ns(), &missed))
		return;
	r = sampler_take(&p->sampler, p->detail, sizeof(p->detail), &sample);
	if (!sampler_check_leaf(&p->sampler)) {
		self_exits_moved(&p->self);
		explain(&p->sampler.leaf);
		describe(&p->sampler, options, &hello);
		link_set_hello(&p->link, &hello);
	}
	if (self_exits_count(&p->self, &exits)) {
		sample.agent_exits = exits;
		sample.has |= SAMPLE_HAS_AGENT;
	}
	pace_account(&p->pace, sampler_boot_ns(), sampler_cpu_ns(), exits);
	pace_describe(&p->pace, &sample);
	if (r == 0)
		link_add(&p->link, &sample);
}

static void run(struct parts *p, const struct options *options)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = p->ticker.fd, .events = POLLIN },
			{ .fd = p->signal_fd, .events = POLLIN },
			{ .fd = port_poll_fd(&p->port),
			  .events = POLLIN | (link_wants_write(&p->link) ? POLLOUT : 0) },
		};
		uint64_t writes = p->port.writes;
		int n;

		ticker_set(&p->ticker, pace_due_ns(&p->pace));
		n = poll(fds, 3, self_exits_nap_ms(&p->self));
		if ((n < 0 && errno != EINTR) || fds[1].revents)
			return;
		self_exits_begin(&p->self,
				 n == 0 ? SELF_EXITS_NAP :
				 fds[0].revents ? SELF_EXITS_TICK : SELF_EXITS_OTHER,
				 sampler_boot_ns());
		if (fds[0].revents)
			tick(p, options);
		/* With every tick as well: a port shows some changes only when asked. */
		if (n != 0)
			link_service(&p->link);
		self_exits_end(&p->self, p->port.writes != writes, sampler_boot_ns());
	}
}

static void stop(struct parts *p)
{
	ticker_done(&p->ticker);
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
	footprint_shrink();
	if (r == 0)
		run(&parts, &options);
	stop(&parts);
	return r < 0 ? 1 : 0;
}
