/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A receiver for tests: a thread that takes requests on loopback and answers as it is told. */
#ifndef DAEMON_TESTRECEIVER_H
#define DAEMON_TESTRECEIVER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define TESTRECEIVER_MAX (8 << 20)

struct testreceiver {
	int listener, port;
	pthread_t thread;
	const char *const *answers;	/* one a request; NULL: hang up; behind the last: the last */
	size_t count;
	size_t requests, connections;
	char *request;			/* the last one, with its body; terminated */
	size_t request_len;
};

static inline size_t testreceiver_length(const char *head)
{
	const char *p = strcasestr(head, "\r\nContent-Length:");

	return p ? strtoul(p + 17, NULL, 10) : 0;
}

/* A whole request into r->request; false at the connection's end. */
static inline bool testreceiver_read(struct testreceiver *r, int fd)
{
	size_t len = 0, whole = 0;

	while (len < TESTRECEIVER_MAX) {
		ssize_t n = read(fd, r->request + len, TESTRECEIVER_MAX - len);
		const char *end;

		if (n <= 0)
			return false;
		len += n;
		r->request[len] = '\0';
		end = strstr(r->request, "\r\n\r\n");
		if (end && !whole)
			whole = end + 4 - r->request + testreceiver_length(r->request);
		if (whole && len >= whole)
			break;
	}
	r->request_len = len;
	return true;
}

static inline void *testreceiver_run(void *ctx)
{
	struct testreceiver *r = ctx;
	int fd;

	while ((fd = accept(r->listener, NULL, NULL)) >= 0) {
		r->connections++;
		while (testreceiver_read(r, fd)) {
			size_t i = r->requests < r->count ? r->requests : r->count - 1;
			const char *answer = r->answers[i];

			r->requests++;
			if (!answer || write(fd, answer, strlen(answer)) < 0 ||
			    strcasestr(answer, "Connection: close"))
				break;
		}
		close(fd);
	}
	return NULL;
}

static inline bool testreceiver_start(struct testreceiver *r, const char *const *answers, size_t count)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	*r = (struct testreceiver){ .answers = answers, .count = count };
	r->request = malloc(TESTRECEIVER_MAX + 1);
	r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!r->request || r->listener < 0 || bind(r->listener, (struct sockaddr *)&at, len) < 0 ||
	    listen(r->listener, 8) < 0 || getsockname(r->listener, (struct sockaddr *)&at, &len) < 0)
		return false;
	r->port = ntohs(at.sin_port);
	return pthread_create(&r->thread, NULL, testreceiver_run, r) == 0;
}

/* After the sender's end. */
static inline void testreceiver_end(struct testreceiver *r)
{
	shutdown(r->listener, SHUT_RDWR);
	pthread_join(r->thread, NULL);
	close(r->listener);
	free(r->request);
}

#endif
