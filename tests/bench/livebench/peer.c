/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/livebench/livebench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* Send what is left of @left[i] to each; what does not go at once goes when it can. */
static void send_some(int fd, const char *text, unsigned int bytes, unsigned int *left)
{
	ssize_t n = *left ? send(fd, text + bytes - *left, *left, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

	*left -= n > 0 ? n : 0;
}

static void broadcast(int listen_fd, unsigned int clients, unsigned int bytes, unsigned int times)
{
	const struct timespec pause = { 1 / times, 1000000000 / times % 1000000000 };
	const struct itimerspec ticking = { pause, pause };
	int timer = timerfd_create(CLOCK_MONOTONIC, 0), epoll = epoll_create1(0);
	unsigned int left[LIVEBENCH_CLIENTS_MAX] = { 0 };
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = UINT32_MAX };
	int fd[LIVEBENCH_CLIENTS_MAX];
	char *text = malloc(bytes);

	memset(text, 'x', bytes);
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
	for (unsigned int i = 0; i < clients; i++) {
		struct epoll_event writable = { .events = EPOLLOUT | EPOLLET, .data.u32 = i };

		fd[i] = accept(listen_fd, NULL, NULL);
		(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd[i], &writable);
	}
	(void)timerfd_settime(timer, 0, &ticking, NULL);
	for (;;) {
		struct epoll_event events[64];
		int n = epoll_wait(epoll, events, 64, -1);
		uint64_t ticks;

		for (int k = 0; k < n; k++) {
			uint32_t i = events[k].data.u32;

			if (i != UINT32_MAX) {
				send_some(fd[i], text, bytes, &left[i]);
				continue;
			}
			(void)!read(timer, &ticks, sizeof(ticks));
			for (unsigned int c = 0; c < clients; c++) {
				left[c] = bytes;
				send_some(fd[c], text, bytes, &left[c]);
			}
		}
	}
}

int peer(unsigned int clients, unsigned int seconds, unsigned int bytes, unsigned int times)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(address);
	struct clients *c = NULL;
	int64_t ns, wall;
	pid_t pid;
	int r;

	if (clients > LIVEBENCH_CLIENTS_MAX || bytes < 1 || times < 1 || listen_fd < 0 ||
	    bind(listen_fd, (struct sockaddr *)&address, len) < 0 || listen(listen_fd, 600) < 0 ||
	    getsockname(listen_fd, (struct sockaddr *)&address, &len) < 0)
		return errno ? -errno : -EINVAL;
	pid = fork();
	if (pid == 0)
		broadcast(listen_fd, clients, bytes, times);
	r = clients_new(ntohs(address.sin_port), clients, "", &c);
	sleep(1);
	ns = cpu_ns(pid);
	wall = monotonic_ns();
	if (r == 0)
		sleep(seconds);
	ns = cpu_ns(pid) - ns;
	wall = monotonic_ns() - wall;
	printf("cpu_percent=%.3f\nbytes=%llu\n", 100.0 * ns / wall,
	       (unsigned long long)clients_bytes(c));
	clients_free(c);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return r;
}
