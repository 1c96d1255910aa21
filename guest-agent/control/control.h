/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What users of the guest ask of the agent, through its socket: one packet with a
 * request, one with the answer, and the connection is closed. Non-blocking; a slow
 * or hostile client costs a bounded time and nothing else. Logging.
 *
 * A request is a line of text:
 *	mark LABEL
 *	phase LABEL			root only
 *	begin LABEL
 *	end SEQUENCE STATUS LABEL	SEQUENCE is what begin answered
 * An answer is "ok SEQUENCE\n", which is the mark's, or "error WHY\n". Behind an ok
 * to begin and end stand two frames of vmexit-protocol(7): a hello and the sample
 * that was taken for the mark.
 */
#ifndef GUEST_AGENT_CONTROL_H
#define GUEST_AGENT_CONTROL_H

#include <poll.h>

#include "guest-agent/control/listener.h"
#include "guest-agent/control/quota.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/proto.h"

#define CONTROL_PATH "/run/vmexit-agent/socket"
#define CONTROL_CLIENTS 16
#define CONTROL_REQUEST_MAX 512
#define CONTROL_ANSWER_MAX (256 + PROTO_ENCODED_MAX + FRAME_MAX)
#define CONTROL_POLLFDS (1 + CONTROL_CLIENTS)

/* Puts the mark among the samples; what it gives back is valid until it is called again. */
struct control_answer {
	uint64_t sequence;
	const struct proto_hello *hello;	/* NULL: no sample was taken for it */
	const struct sample *sample;
};

/* Returns 0, or -errno: -EAGAIN when too much waits for the host already. */
typedef int (*control_mark_fn)(void *data, struct proto_mark *mark, struct control_answer *ret);

struct control {
	struct listener listener;
	control_mark_fn mark;
	void *data;
	struct {
		int fd;			/* -1: free */
		uint32_t uid;
		uint64_t until_ns;
	} clients[CONTROL_CLIENTS];
	struct quota accepts, others;	/* others: all users but root */
	uint64_t rest_ns;		/* until then nobody is accepted */
	struct quota_users users;
	struct log_limit log_limit;
};

/* Returns 0 or -EINVAL. The caller looks after the listener, by listener_check(). */
int control_init(struct control *control, const struct listener_options *options,
		 control_mark_fn mark, void *data);
void control_done(struct control *control);

/* What to poll for, up to CONTROL_POLLFDS; returns how many. */
nfds_t control_poll(const struct control *control, uint64_t now_ns, struct pollfd *fds);

/* For how long to poll at most: milliseconds, or -1. */
int control_timeout_ms(const struct control *control, uint64_t now_ns);

/*
 * Take a client, answer those who have asked, leave those who are too slow; to be
 * called with every tick and whenever poll() returned.
 */
void control_service(struct control *control, uint64_t now_ns);

#endif
