/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking the agent of this guest, through its socket: the other side of control.h. Non-logging. */
#ifndef GUEST_AGENT_CLIENT_H
#define GUEST_AGENT_CLIENT_H

#include "guest-agent/control/control.h"

struct client_answer {
	uint64_t sequence;
	bool has_sample;
	struct proto_hello hello;	/* with has_sample */
	struct sample sample;		/* its lists are in here */
	char why[128];			/* with -EREMOTEIO: in the agent's words */
	struct frame_decoder frames;
};

/*
 * Send @request and wait for the answer, two seconds at most. Returns 0; -ENOENT or
 * -ECONNREFUSED when there is no agent, -ETIMEDOUT when it does not answer,
 * -EREMOTEIO when it refuses, or another -errno. @ret_answer is written in any case.
 */
int client_ask(const char *path, const char *request, struct client_answer *ret_answer);

/* What such an error means and what to do. @path and @answer must live on. */
const char *client_explain(int error, const char *path, const struct client_answer *answer);

#endif
