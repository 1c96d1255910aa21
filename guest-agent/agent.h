/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent: samples by the clock, marks by its users, everything to the host. One
 * loop that never waits for anybody; nothing is allocated once it runs. Logging.
 */
#ifndef GUEST_AGENT_AGENT_H
#define GUEST_AGENT_AGENT_H

#include "guest-agent/boot/notify.h"
#include "guest-agent/boot/phases.h"
#include "guest-agent/boot/root.h"
#include "guest-agent/clock/pace.h"
#include "guest-agent/clock/ticker.h"
#include "guest-agent/control/control.h"
#include "guest-agent/link/link.h"
#include "guest-agent/link/port.h"
#include "guest-agent/sampler.h"
#include "guest-agent/self_exits.h"

struct agent_options {
	struct pace_settings pace;
	struct sampler_settings sampler;
	unsigned int buffer_s;		/* what is not committed is kept so long */
	const char *port;		/* NULL: find it */
	struct listener_options socket;
	const char *handover;		/* see claim.h, handover.h; NULL: none */
};

struct agent {
	struct agent_options options;
	struct root root;
	struct sampler sampler;
	struct self_exits self;
	struct pace pace;
	struct ticker ticker;
	struct sample sample;		/* the last */
	uint8_t detail[SAMPLER_DETAIL_MAX];	/* its lists */
	uint64_t taken;			/* samples, since the start */
	uint64_t exits;			/* that the agent caused, as far as is known */
	uint64_t exits_before;		/* of these, by those it goes on from */
	int handover_fd;		/* -1 */
	struct proto_hello hello;
	struct port port;
	struct link link;
	struct control control;
	struct phases phases;
	struct notify notify;
	int signal_fd;
};

/*
 * Ends the agent that has the handover file, if there is one, and goes on where that was.
 * Texts of @options are kept, not copied. @argv0 is main()'s argv[0], or NULL; see
 * root_init(). Returns 0, or -errno after saying why.
 */
int agent_init(struct agent *agent, const struct agent_options *options, char *argv0);
void agent_done(struct agent *agent);

/* Wait for what comes next, and do it; false when it was a signal to end. */
bool agent_step(struct agent *agent);

/*
 * A last sample, what the port still takes, half a second at most, and what the host has
 * not committed into the handover file.
 */
void agent_finish(struct agent *agent);

#endif
