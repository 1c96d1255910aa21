/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/control/control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Longer than a client needs that is scheduled at all. */
#define PATIENCE_NS 2000000000ULL
#define CLIENTS_OF_USER 4
#define CLIENTS_OF_ROOT 2		/* places that nobody else gets */
#define REST_NS 100000000ULL

/* An idle guest notices none of it, even if every user is hostile. */
static const struct quota_rate accept_rate = { .per_s = 100, .burst = 100 };
static const struct quota_rate user_rate = { .per_s = 10, .burst = 50 };
static const struct quota_rate others_rate = { .per_s = 20, .burst = 100 };

int control_init(struct control *control, const struct listener_options *options,
		 control_mark_fn mark, void *data)
{
	memset(control, 0, sizeof(*control));
	control->mark = mark;
	control->data = data;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		control->clients[i].fd = -1;
	return listener_init(&control->listener, options);
}

static void leave(struct control *control, size_t i)
{
	close(control->clients[i].fd);
	control->clients[i].fd = -1;
}

void control_done(struct control *control)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (control->clients[i].fd >= 0)
			leave(control, i);
	}
	listener_done(&control->listener);
}

/* ---- requests ---- */

static void set_label(struct proto_mark *mark, const char *untrusted)
{
	size_t i;

	for (i = 0; i < PROTO_LABEL_MAX && untrusted[i]; i++)
		mark->label[i] = untrusted[i] >= 0x20 && untrusted[i] < 0x7f ? untrusted[i] : '?';
	mark->label[i] = '\0';
}

/* A decimal number and one space behind it. */
static bool take_number(const char **untrusted, uint64_t max, uint64_t *ret)
{
	char *end;

	if (**untrusted < '0' || **untrusted > '9')
		return false;
	errno = 0;
	*ret = strtoull(*untrusted, &end, 10);
	if (errno || *end != ' ' || *ret > max)
		return false;
	*untrusted = end + 1;
	return true;
}

static bool take_word(const char **untrusted, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*untrusted, word, len) != 0 || (*untrusted)[len] != ' ')
		return false;
	*untrusted += len + 1;
	return true;
}

/* What @untrusted asks for, or why not. */
static const char *parse(const char *untrusted, uint32_t uid, struct proto_mark *ret_mark)
{
	uint64_t status;

	*ret_mark = (struct proto_mark){ .uid = uid };
	if (take_word(&untrusted, "mark")) {
		ret_mark->kind = PROTO_MARK_INSTANT;
	} else if (take_word(&untrusted, "begin")) {
		ret_mark->kind = PROTO_MARK_BEGIN;
	} else if (take_word(&untrusted, "phase")) {
		ret_mark->kind = PROTO_MARK_PHASE;
		if (uid != 0)
			return "only root says what phase a boot is in";
	} else if (take_word(&untrusted, "end")) {
		ret_mark->kind = PROTO_MARK_END;
		ret_mark->has = PROTO_MARK_HAS_STATUS;
		if (!take_number(&untrusted, INT64_MAX, &ret_mark->begin) ||
		    !take_number(&untrusted, UINT32_MAX, &status))
			return "an end needs the number of its begin and a status";
		ret_mark->status = status;
	} else {
		return "this agent does not know that request (is it older than the command?)";
	}
	if (!*untrusted)
		return "a mark needs a text";
	set_label(ret_mark, untrusted);
	return NULL;
}

static bool may_ask(struct control *control, uint32_t uid, uint64_t now_ns)
{
	return quota_users_take(&control->users, uid, user_rate, now_ns) &&
	       (uid == 0 || quota_take(&control->others, others_rate, now_ns));
}

static size_t put_error(char *answer, const char *why)
{
	return snprintf(answer, CONTROL_ANSWER_MAX, "error %s\n", why);
}

static size_t put_ok(char *answer, const struct control_answer *made)
{
	size_t len = snprintf(answer, CONTROL_ANSWER_MAX, "ok %" PRIu64 "\n", made->sequence);
	int n;

	if (!made->hello)
		return len;
	n = proto_encode_hello(answer + len, PROTO_ENCODED_MAX, made->hello);
	if (n > 0)
		len += n;
	n = proto_encode_sample(answer + len, CONTROL_ANSWER_MAX - len, made->sample,
				PROTO_VERSION, 0);
	return n > 0 ? len + n : len;
}

static size_t answer_to(struct control *control, const char *untrusted, uint32_t uid,
			uint64_t now_ns, char *answer)
{
	struct control_answer made = { 0 };
	struct proto_mark mark;
	const char *why = parse(untrusted, uid, &mark);
	int r;

	if (why)
		return put_error(answer, why);
	if (!may_ask(control, uid, now_ns)) {
		if (log_limit_ok(&control->log_limit, now_ns / 1000000000))
			log_warning("user %u marks too often, ignoring some", uid);
		return put_error(answer, "too many marks, more than 10 a second");
	}
	r = control->mark(control->data, &mark, &made);
	if (r == -EAGAIN)
		return put_error(answer, "too many marks wait for the host");
	if (r == -ERANGE)
		return put_error(answer, "an end cannot be earlier than its begin");
	return r < 0 ? put_error(answer, strerror(-r)) : put_ok(answer, &made);
}

/* ---- clients ---- */

static void serve(struct control *control, size_t i, uint64_t now_ns)
{
	static char answer[CONTROL_ANSWER_MAX];
	char request[CONTROL_REQUEST_MAX + 1];
	size_t len;
	ssize_t n = recv(control->clients[i].fd, request, CONTROL_REQUEST_MAX, MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (now_ns >= control->clients[i].until_ns)
			leave(control, i);
		return;
	}
	if (n > 0) {
		if (n > CONTROL_REQUEST_MAX) {
			len = put_error(answer, "the request is too long");
		} else {
			request[n] = '\0';
			request[strcspn(request, "\n")] = '\0';
			len = answer_to(control, request, control->clients[i].uid, now_ns, answer);
		}
		/* A client that has no room for one answer does not want it. */
		(void)send(control->clients[i].fd, answer, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	leave(control, i);
}

static size_t clients_of(const struct control *control, uint32_t uid)
{
	size_t n = 0;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		n += control->clients[i].fd >= 0 && control->clients[i].uid == uid;
	return n;
}

/* How many places are free, and the last of them. */
static size_t free_places(const struct control *control, size_t *ret_place)
{
	size_t n = 0;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (control->clients[i].fd < 0) {
			*ret_place = i;
			n++;
		}
	}
	return n;
}

/* Those for whom there is no time or place wait in the listener's queue. */
static bool accepts(const struct control *control, uint64_t now_ns, size_t *ret_place)
{
	return control->listener.fd >= 0 && now_ns >= control->rest_ns &&
	       free_places(control, ret_place) > 0;
}

static void take_client(struct control *control, uint64_t now_ns)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	size_t place;
	int fd;

	if (!accepts(control, now_ns, &place))
		return;
	fd = listener_accept(&control->listener);
	if (fd < 0)
		return;
	if (!quota_take(&control->accepts, accept_rate, now_ns))
		control->rest_ns = now_ns + REST_NS;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
	    clients_of(control, peer.uid) >= CLIENTS_OF_USER ||
	    (peer.uid != 0 && free_places(control, &place) <= CLIENTS_OF_ROOT)) {
		close(fd);
		return;
	}
	control->clients[place].fd = fd;
	control->clients[place].uid = peer.uid;
	control->clients[place].until_ns = now_ns + PATIENCE_NS;
}

nfds_t control_poll(const struct control *control, uint64_t now_ns, struct pollfd *fds)
{
	nfds_t n = 0;
	size_t place;

	if (accepts(control, now_ns, &place))
		fds[n++] = (struct pollfd){ .fd = control->listener.fd, .events = POLLIN };
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (control->clients[i].fd >= 0)
			fds[n++] = (struct pollfd){ .fd = control->clients[i].fd,
						    .events = POLLIN };
	}
	return n;
}

int control_timeout_ms(const struct control *control, uint64_t now_ns)
{
	uint64_t first_ns = UINT64_MAX;

	if (control->rest_ns > now_ns)
		first_ns = control->rest_ns;
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (control->clients[i].fd >= 0 && control->clients[i].until_ns < first_ns)
			first_ns = control->clients[i].until_ns;
	}
	if (first_ns == UINT64_MAX)
		return -1;
	return first_ns > now_ns ? (first_ns - now_ns) / 1000000 + 1 : 0;
}

void control_service(struct control *control, uint64_t now_ns)
{
	take_client(control, now_ns);
	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (control->clients[i].fd >= 0)
			serve(control, i, now_ns);
	}
}
