/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/control/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-agent/shared/cleanup.h"

#define PATIENCE_S 2

static int connect_to(const char *path)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = fd;
	fd = -1;
	return r;
}

static void take_frames(struct client_answer *answer, const char *bytes, size_t len)
{
	bool has_hello = false;
	struct frame frame;
	size_t size;

	memcpy(frame_decoder_space(&answer->frames, &size), bytes, len);
	frame_decoder_added(&answer->frames, len);
	while (frame_decoder_next(&answer->frames, &frame)) {
		if (frame.type == PROTO_HELLO)
			has_hello = proto_decode_hello(&frame, &answer->hello) == 0;
		if (frame.type == PROTO_SAMPLE)
			answer->has_sample = has_hello &&
					     proto_decode_sample(&frame, &answer->sample) == 0;
	}
}

static int take_answer(struct client_answer *answer, char *untrusted, size_t len)
{
	char *line_end = memchr(untrusted, '\n', len), *end;

	if (!line_end)
		return -EBADMSG;
	*line_end = '\0';
	if (strncmp(untrusted, "error ", 6) == 0) {
		snprintf(answer->why, sizeof(answer->why), "%.*s", (int)sizeof(answer->why) - 1,
			 untrusted + 6);
		for (char *p = answer->why; *p; p++) {
			if (*p < 0x20 || *p > 0x7e)
				*p = '?';
		}
		return -EREMOTEIO;
	}
	if (strncmp(untrusted, "ok ", 3) != 0)
		return -EBADMSG;
	answer->sequence = strtoull(untrusted + 3, &end, 10);
	if (*end || answer->sequence == 0)
		return -EBADMSG;
	take_frames(answer, line_end + 1, untrusted + len - (line_end + 1));
	return 0;
}

int client_ask(const char *path, const char *request, struct client_answer *ret_answer)
{
	static char untrusted[CONTROL_ANSWER_MAX];
	_cleanup_close_ int fd = connect_to(path);
	ssize_t n;

	memset(ret_answer, 0, sizeof(*ret_answer));
	if (fd < 0)
		return fd == -EAGAIN ? -ETIMEDOUT : fd;
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	do {
		n = recv(fd, untrusted, sizeof(untrusted), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	/* Closed without a word: more of this user wait than may. */
	return n == 0 ? -EBUSY : take_answer(ret_answer, untrusted, n);
}

const char *client_explain(int error, const char *path, const struct client_answer *answer)
{
	static char text[256];

	switch (error) {
	case -EREMOTEIO:
		return answer->why;
	case -ENOENT:
	case -ECONNREFUSED:
		snprintf(text, sizeof(text), "no vmexit-agent listens at %s; start it as root", path);
		return text;
	case -EACCES:
		snprintf(text, sizeof(text), "no permission for %s; run this as root, or see socket_mode in vmexit-agent.conf(5)",
			 path);
		return text;
	case -ETIMEDOUT:
	case -EBUSY:
		return "vmexit-agent is too busy to answer; try again";
	case -EBADMSG:
		return "vmexit-agent answers what this command does not understand";
	default:
		return strerror(-error);
	}
}
