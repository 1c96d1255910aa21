/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "guest-agent/control/claim.h"
#include "guest-agent/identity.h"
#include "guest-agent/link/handover.h"
#include "guest-agent/shared/log.h"

/* Of the memory for what the host has not committed, see ring_size(). */
#define SAMPLE_SIZE 1024
#define EXTRA_SIZE (40 * 1024)
#define FINISH_NS 500000000ULL

/* ---- making ---- */

/*
 * A kilobyte for each sample, which leaves room for lists of usual length, and some
 * for the faster samples of a guest that is young.
 */
static size_t ring_size(const struct agent_options *options)
{
	size_t size = EXTRA_SIZE + options->buffer_s * 1000ULL * SAMPLE_SIZE / options->pace.interval_ms;

	return size < RING_SIZE_MIN ? RING_SIZE_MIN : size > RING_SIZE_MAX ? RING_SIZE_MAX : size;
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

/* As if it were the agent before, so that to the host nothing is missing between the two. */
static void go_on(struct agent *agent)
{
	struct handover before;

	if (handover_load(agent->handover_fd, agent->hello.boot_id, sampler_boot_ns(),
			  &agent->link.ring, &before) < 0)
		return;
	agent->hello.started = before.started;
	link_go_on(&agent->link, before.started, before.last);
	agent->taken = before.taken;
	agent->exits = agent->exits_before = before.exits;
	pace_go_on(&agent->pace, before.sampled_ns);
	phases_go_on(&agent->phases, before.phases);
	log_notice("going on where the agent before ended, with %zu samples and marks for the host",
		   agent->link.ring.count);
}

static void hand_over(struct agent *agent)
{
	struct handover handover = {
		.started = agent->hello.started,
		.last = agent->link.last,
		.sampled_ns = agent->sample.t_boot_ns,
		.taken = agent->taken,
		.exits = agent->exits,
		.phases = phases_said(&agent->phases),
	};

	memcpy(handover.boot_id, agent->hello.boot_id, sizeof(handover.boot_id));
	(void)handover_save(agent->handover_fd, &handover, &agent->link.ring);
}

static int on_mark(void *data, struct proto_mark *mark, struct control_answer *ret);

int agent_init(struct agent *agent, const struct agent_options *options, char *argv0)
{
	uint64_t now_ns;
	int r;

	memset(agent, 0, sizeof(*agent));
	agent->ticker.fd = agent->signal_fd = agent->port.fd = agent->port.listen_fd = -1;
	agent->handover_fd = -1;
	notify_init(&agent->notify, getenv("NOTIFY_SOCKET"));
	agent->options = *options;
	/* First: whoever is to end from here on hands over what was handed to it. */
	agent->signal_fd = make_signals();
	if (agent->signal_fd < 0)
		return agent->signal_fd;
	/* Then: what follows needs what the agent before has, and is of this moment. */
	if (options->handover)
		(void)claim_take(options->handover, &agent->handover_fd);
	now_ns = sampler_boot_ns();
	root_init(&agent->root, argv0);
	phases_init(&agent->phases, agent->root.in_initramfs, now_ns);
	sampler_init(&agent->sampler, &options->sampler);
	self_exits_init(&agent->self, &agent->sampler.cpu, &agent->sampler.leaf);
	pace_init(&agent->pace, &options->pace, now_ns);
	explain(&agent->sampler.leaf);
	identity_init(&agent->hello, &options->pace, now_ns / 1000);
	identity_set_leaf(&agent->hello, &agent->sampler);
	r = control_init(&agent->control, &options->socket, on_mark, agent);
	if (r < 0)
		return r;
	r = port_init(&agent->port, options->port);
	if (r < 0)
		return r;
	r = link_init(&agent->link, &agent->port, &agent->hello, ring_size(options));
	if (r < 0) {
		log_error("no memory for %zu bytes of samples; ask for a smaller --buffer",
			  ring_size(options));
		return r;
	}
	if (agent->handover_fd >= 0)
		go_on(agent);
	r = ticker_init(&agent->ticker);
	if (r < 0)
		return r;
	notify_tell(&agent->notify, "READY=1");
	return 0;
}

void agent_done(struct agent *agent)
{
	ticker_done(&agent->ticker);
	if (agent->signal_fd >= 0)
		close(agent->signal_fd);
	control_done(&agent->control);
	link_done(&agent->link);
	port_done(&agent->port);
	sampler_done(&agent->sampler);
	phases_done(&agent->phases);
	root_done(&agent->root);
	notify_done(&agent->notify);
	/* The last, as it lets the next agent go on. */
	if (agent->handover_fd >= 0)
		close(agent->handover_fd);
}

/* ---- running ---- */

/* The VM became another while its counters were read. */
static void note_moved(struct agent *agent)
{
	const struct proto_gap gap = {
		.from = agent->sample.sequence,
		.to = agent->sample.sequence,
		.from_t_boot_ns = agent->sample.t_boot_ns,
		.to_t_boot_ns = agent->sample.t_boot_ns,
		.count = 1,
		.cause = PROTO_GAP_MOVED,
		.taken = agent->taken,
	};

	link_add_gap(&agent->link, &gap);
}

static void follow_leaf(struct agent *agent)
{
	if (sampler_check_leaf(&agent->sampler))
		return;
	self_exits_moved(&agent->self);
	explain(&agent->sampler.leaf);
	identity_set_leaf(&agent->hello, &agent->sampler);
	link_set_hello(&agent->link, &agent->hello);
}

/* False if there is none. */
static bool take_sample(struct agent *agent, bool asked)
{
	struct sample *s = &agent->sample;
	int r = sampler_take(&agent->sampler, agent->detail, sizeof(agent->detail), s);

	follow_leaf(agent);
	agent->taken++;
	if (r < 0) {
		note_moved(agent);
		return false;
	}
	if (self_exits_count(&agent->self, &agent->exits)) {
		agent->exits += agent->exits_before;
		s->agent_exits = agent->exits;
		s->has |= SAMPLE_HAS_AGENT;
	}
	s->taken = agent->taken;
	s->has |= SAMPLE_HAS_TAKEN;
	pace_describe(&agent->pace, s);
	link_add_sample(&agent->link, s, asked);
	return true;
}

static void add_mark(struct agent *agent, struct proto_mark *mark, bool asked)
{
	mark->t_wall_ns = sampler_wall_ns() - (sampler_boot_ns() - mark->t_boot_ns);
	link_add_mark(&agent->link, mark, asked);
}

static int on_mark(void *data, struct proto_mark *mark, struct control_answer *ret)
{
	struct agent *agent = data;
	bool asked = mark->uid != 0;

	if (asked && !ring_may_ask(&agent->link.ring))
		return -EAGAIN;
	if (mark->begin > agent->link.last)
		return -ERANGE;
	if ((mark->kind == PROTO_MARK_BEGIN || mark->kind == PROTO_MARK_END) &&
	    take_sample(agent, asked)) {
		ret->hello = &agent->hello;
		ret->sample = &agent->sample;
	}
	mark->t_boot_ns = sampler_boot_ns();
	add_mark(agent, mark, asked);
	ret->sequence = mark->sequence;
	return 0;
}

static void note_phases(struct agent *agent)
{
	struct proto_mark mark = { .kind = PROTO_MARK_PHASE };
	const char *label;

	phases_check(&agent->phases, sampler_boot_ns());
	while ((label = phases_take(&agent->phases, &mark.t_boot_ns))) {
		snprintf(mark.label, sizeof(mark.label), "%s", label);
		add_mark(agent, &mark, false);
	}
}

static void follow_root(struct agent *agent)
{
	if (root_check(&agent->root)) {
		log_info("the system has switched to its root, following");
		phases_switched(&agent->phases, sampler_boot_ns());
		listener_look_again(&agent->control.listener);
	}
	/* On its way out of the initramfs, /run seems to be gone for a moment. */
	if (!agent->root.in_initramfs || agent->control.listener.fd < 0)
		listener_check(&agent->control.listener, sampler_boot_ns());
}

/* Ticks that were missed, from @due_ns on, are not made up: there is one now to be sampled. */
static void note_missed(struct agent *agent, uint64_t due_ns, uint64_t interval_ns, uint64_t ticks)
{
	uint64_t last_ns = due_ns + (ticks - 1) * interval_ns;
	const struct proto_gap gap = {
		.from = due_ns / 1000,
		.to = last_ns / 1000,
		.from_t_boot_ns = due_ns,
		.to_t_boot_ns = last_ns,
		.count = ticks < UINT32_MAX ? ticks : 0,
		.cause = PROTO_GAP_MISSED,
		.taken = agent->taken,
	};

	link_add_gap(&agent->link, &gap);
}

/* For 'systemctl status': what somebody could mend. */
static void tell_status(struct agent *agent)
{
	static const char *const links[] = {
		"the host stores what is sent",
		"no vmexitd on the host answers",
		"nobody on the host has the port open; is vmexitd running there?",
		"there is no port " PROTO_PORT_NAME "; on the host, 'vmexitctl attach' adds one",
	};
	const struct port *port = &agent->port;
	size_t link = port->fd < 0 ? 3 : !port->connected ? 2 : !agent->link.welcomed ? 1 : 0;
	const char *problem = leaf_explain(agent->sampler.leaf.state);
	char text[512];

	snprintf(text, sizeof(text), "%s%s%s", links[link], problem ? "; without exits, as " : "",
		 problem ? problem : "");
	notify_status(&agent->notify, 1 + link + 4 * agent->sampler.leaf.state, text);
}

static void tick(struct agent *agent)
{
	uint64_t due_ns = pace_due_ns(&agent->pace);
	uint64_t interval_ns = agent->pace.interval_ms * 1000000ULL;
	uint64_t missed;

	ticker_expired(&agent->ticker);
	if (!pace_tick(&agent->pace, sampler_boot_ns(), &missed))
		return;
	if (missed > 0)
		note_missed(agent, due_ns, interval_ns, missed);
	(void)take_sample(agent, false);
	follow_root(agent);
	note_phases(agent);
	tell_status(agent);
	pace_account(&agent->pace, sampler_boot_ns(), sampler_cpu_ns(), agent->exits);
}

static void serve_host(struct agent *agent)
{
	struct proto_pace wish;

	link_service(&agent->link);
	if (link_take_wish(&agent->link, &wish))
		pace_wish(&agent->pace, wish.interval_us, sampler_boot_ns());
}

/* The shorter of two timeouts of poll(). */
static int sooner_ms(int a, int b)
{
	return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

static int wait_ms(const struct agent *agent, uint64_t now_ns)
{
	return sooner_ms(control_timeout_ms(&agent->control, now_ns),
			 self_exits_nap_ms(&agent->self));
}

bool agent_step(struct agent *agent)
{
	uint64_t now_ns = sampler_boot_ns();
	struct pollfd fds[3 + CONTROL_POLLFDS] = {
		{ .fd = agent->ticker.fd, .events = POLLIN },
		{ .fd = agent->signal_fd, .events = POLLIN },
		{ .fd = port_poll_fd(&agent->port),
		  .events = POLLIN | (link_wants_write(&agent->link) ? POLLOUT : 0) },
	};
	nfds_t count = 3 + control_poll(&agent->control, now_ns, fds + 3);
	uint64_t writes = agent->port.writes;
	int n;

	ticker_set(&agent->ticker, pace_due_ns(&agent->pace));
	n = poll(fds, count, wait_ms(agent, now_ns));
	if (n < 0 && errno != EINTR) {
		log_error("cannot poll: %s", strerror(errno));
		return false;
	}
	if (fds[1].revents)
		return false;
	self_exits_begin(&agent->self,
			 n == 0 ? SELF_EXITS_NAP :
			 fds[0].revents ? SELF_EXITS_TICK : SELF_EXITS_OTHER, sampler_boot_ns());
	if (fds[0].revents)
		tick(agent);
	/* With every tick as well: a port shows some changes only when asked. */
	if (n != 0)
		serve_host(agent);
	control_service(&agent->control, sampler_boot_ns());
	self_exits_end(&agent->self, agent->port.writes != writes, sampler_boot_ns());
	return true;
}

void agent_finish(struct agent *agent)
{
	uint64_t until_ns = sampler_boot_ns() + FINISH_NS;

	notify_tell(&agent->notify, "STOPPING=1");
	(void)take_sample(agent, false);
	for (;;) {
		uint64_t now_ns = sampler_boot_ns();
		struct pollfd port = { .fd = port_poll_fd(&agent->port), .events = POLLOUT };

		link_service(&agent->link);
		if (!link_wants_write(&agent->link) || now_ns >= until_ns)
			break;
		(void)poll(&port, 1, (until_ns - now_ns) / 1000000 + 1);
	}
	if (agent->handover_fd >= 0)
		hand_over(agent);
}
