/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/livebench/livebench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_NS 10000000000LL

/* Once in each event of a sample. */
static const char pattern[] = "event: sample";

struct client {
	int fd;
	uint64_t events;
	size_t matched;			/* of the pattern, over the end of what came */
	int64_t reached_ns;		/* when @events was what is waited for */
};

struct clients {
	unsigned int count;
	int epoll;
	pthread_t thread;
	bool started;
	atomic_bool stop;
	atomic_uint_fast64_t bytes;

	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t reached_all;
	uint64_t wanted;
	unsigned int reached;
	int64_t times[LIVEBENCH_CLIENTS_MAX];
	struct client client[LIVEBENCH_CLIENTS_MAX];
};

/* The pattern's first byte does not occur in it again but once; it overlaps with nothing. */
static void count_events(struct client *c, const char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (c->matched == 0) {
			const char *next = memchr(buf + i, pattern[0], len - i);

			if (!next)
				return;
			i = next - buf;
		}
		if (buf[i] == pattern[c->matched])
			c->matched++;
		else
			c->matched = buf[i] == pattern[0];
		if (c->matched == sizeof(pattern) - 1) {
			c->events++;
			c->matched = 0;
		}
	}
}

static void take(struct clients *clients, struct client *c)
{
	static char buf[262144];
	ssize_t n = read(c->fd, buf, sizeof(buf));
	int64_t ns = monotonic_ns();
	uint64_t before = c->events;

	if (n <= 0) {
		(void)epoll_ctl(clients->epoll, EPOLL_CTL_DEL, c->fd, NULL);
		return;
	}
	clients->bytes += n;
	count_events(c, buf, n);
	pthread_mutex_lock(&clients->lock);
	if (before < clients->wanted && c->events >= clients->wanted) {
		c->reached_ns = ns;
		clients->reached++;
		if (clients->reached == clients->count)
			pthread_cond_signal(&clients->reached_all);
	}
	pthread_mutex_unlock(&clients->lock);
}

static void *run(void *arg)
{
	struct clients *clients = arg;
	struct epoll_event events[64];

	while (!clients->stop) {
		int n = epoll_wait(clients->epoll, events, 64, 100);

		for (int i = 0; i < n; i++)
			take(clients, events[i].data.ptr);
	}
	return NULL;
}

static int connect_one(struct clients *clients, struct client *c, uint16_t port, const char *request)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	ssize_t len = strlen(request);

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (write(c->fd, request, len) != len)
		return -EIO;
	return epoll_ctl(clients->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0 ? -errno : 0;
}

int clients_new(uint16_t port, unsigned int count, const char *request, struct clients **ret_clients)
{
	struct clients *clients = calloc(1, sizeof(*clients));
	int r = 0;

	if (!clients || count > LIVEBENCH_CLIENTS_MAX)
		return -ENOMEM;
	clients->count = count;
	clients->epoll = epoll_create1(EPOLL_CLOEXEC);
	pthread_mutex_init(&clients->lock, NULL);
	pthread_cond_init(&clients->reached_all, NULL);
	for (unsigned int i = 0; i < count && r == 0; i++)
		r = connect_one(clients, &clients->client[i], port, request);
	if (r == 0)
		r = -pthread_create(&clients->thread, NULL, run, clients);
	clients->started = r == 0;
	*ret_clients = clients;
	return r;
}

void clients_free(struct clients *clients)
{
	if (!clients)
		return;
	clients->stop = true;
	if (clients->started)
		pthread_join(clients->thread, NULL);
	for (unsigned int i = 0; i < clients->count; i++)
		close(clients->client[i].fd);
	close(clients->epoll);
	free(clients);
}

uint64_t clients_bytes(struct clients *clients)
{
	return clients->bytes;
}

int clients_wait(struct clients *clients, uint64_t events, const int64_t **ret_ns)
{
	int64_t until_ns = monotonic_ns() + TIMEOUT_NS;

	pthread_mutex_lock(&clients->lock);
	clients->wanted = events;
	clients->reached = 0;
	for (unsigned int i = 0; i < clients->count; i++) {
		if (clients->client[i].events >= events)
			clients->reached++;
	}
	while (clients->reached < clients->count && monotonic_ns() < until_ns) {
		struct timespec ts;

		clock_gettime(CLOCK_REALTIME, &ts);
		ts.tv_sec++;
		(void)pthread_cond_timedwait(&clients->reached_all, &clients->lock, &ts);
	}
	for (unsigned int i = 0; i < clients->count; i++)
		clients->times[i] = clients->client[i].reached_ns;
	*ret_ns = clients->times;
	events = clients->reached;
	pthread_mutex_unlock(&clients->lock);
	return events == clients->count ? 0 : -ETIMEDOUT;
}
