/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/service.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define FIRST 3				/* where systemd puts them */

static unsigned int warnings;

static void count(int level, const char *line)
{
	(void)line;
	warnings += level == LOG_WARNING;
}

/* A socket at an address of its own choice, which listens if it @listens. */
static int make(int family, bool listens)
{
	int fd = socket(family, SOCK_STREAM, 0);
	sa_family_t address = family;

	if (family == AF_UNIX)
		(void)bind(fd, (struct sockaddr *)&(struct sockaddr_un){ .sun_family = AF_UNIX },
			   sizeof(address));
	if (listens && listen(fd, 1) < 0)
		return -1;
	return fd;
}

struct given {
	int family;
	bool listens;
};

/*
 * In a process of its own, which has the sockets where a service manager would put them:
 * its status has a bit for each socket that was taken, bits of how many warnings there
 * were from the third on, and one that says something was not as it should be.
 */
static int take(const struct given *given, int n, const char *names)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		char text[24];
		int fds[SERVICE_SOCKETS], high[8], bits = 0;

		/* First out of the way of where they belong. */
		for (int i = 0; i < n; i++)
			high[i] = fcntl(make(given[i].family, given[i].listens), F_DUPFD, FIRST + 20);
		for (int i = 0; i < n; i++)
			(void)dup2(high[i], FIRST + i);
		if (n > 0) {
			snprintf(text, sizeof(text), "%d", (int)getpid());
			setenv("LISTEN_PID", text, 1);
		}
		snprintf(text, sizeof(text), "%d", n);
		setenv("LISTEN_FDS", text, 1);
		setenv("LISTEN_FDNAMES", names, 1);
		warnings = 0;
		if (service_take_sockets(fds) < 0 || getenv("LISTEN_FDS"))
			_exit(128);
		for (int i = 0; i < SERVICE_SOCKETS; i++) {
			if (fds[i] >= 0)
				bits |= 1 << i;
			if (fds[i] >= 0 && (!(fcntl(fds[i], F_GETFL) & O_NONBLOCK) ||
					    !(fcntl(fds[i], F_GETFD) & FD_CLOEXEC)))
				bits |= 128;
		}
		/* What was not taken is closed. */
		for (int i = 0; i < n; i++) {
			bool open = fcntl(FIRST + i, F_GETFD) >= 0;

			if (open != (FIRST + i == fds[SERVICE_API] || FIRST + i == fds[SERVICE_PAGE]))
				bits |= 128;
		}
		_exit(bits | warnings << 2);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void test_sockets(void)
{
	const struct given both[] = { { AF_UNIX, true }, { AF_INET, true } };
	const struct given twice[] = { { AF_INET, true }, { AF_INET6, true } };
	const struct given deaf = { AF_UNIX, false };

	ok(take(both, 0, "") == 0, "nothing is given, nothing is taken");
	ok(take(both, 2, "api:page") == 3, "both, non-blocking and close-on-exec");
	ok(take(&both[1], 1, "page") == 2, "one");
	ok(take(&twice[1], 1, "page") == 2, "IPv6");
	ok(take(both, 2, "api:vmexitd.socket") == (1 | 1 << 2), "an unknown name is warned of and closed");
	ok(take(both, 2, "page:api") == (2 << 2), "so are those of the wrong kind");
	ok(take(twice, 2, "page:page") == (2 | 1 << 2), "and a second one");
	ok(take(&deaf, 1, "api") == (1 << 2), "and one that does not listen");
}

/* Sockets for another process, such as this one's parent, are not touched. */
static void test_others(void)
{
	int fds[SERVICE_SOCKETS] = { 7, 7 };

	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	ok(service_take_sockets(fds) == 0, "another process's sockets");
	ok(fds[SERVICE_API] == -1 && fds[SERVICE_PAGE] == -1, "are not taken");
	setenv("LISTEN_PID", "none", 1);
	setenv("LISTEN_FDS", "1", 1);
	fds[SERVICE_API] = 7;
	ok(service_take_sockets(fds) < 0, "an environment that makes no sense is an error");
	ok(fds[SERVICE_API] == 7, "which leaves the result alone");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
}

static const char *told(int fd, char *text, size_t size)
{
	ssize_t n = recv(fd, text, size - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_told(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(address);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char name[sizeof(address.sun_path) + 1] = "@", text[256];

	service_ready("nobody hears it");
	/* An abstract address of the kernel's choice. */
	if (bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		_exit(1);
	memcpy(name + 1, address.sun_path + 1, len - sizeof(sa_family_t) - 1);
	setenv("NOTIFY_SOCKET", name, 1);
	service_ready("serving it");
	ok(strcmp(told(fd, text, sizeof(text)), "READY=1\nSTATUS=serving it") == 0, "ready");
	service_status("a disk is full");
	ok(strcmp(told(fd, text, sizeof(text)), "STATUS=a disk is full") == 0, "another status");
	service_alive();
	ok(strcmp(told(fd, text, sizeof(text)), "WATCHDOG=1") == 0, "alive");
	service_stopping();
	ok(strstr(told(fd, text, sizeof(text)), "STOPPING=1\n"), "stopping");
	ok(service_alive_ms() == 0, "nobody waits for a sign of life");
	setenv("WATCHDOG_USEC", "10000000", 1);
	ok(service_alive_ms() == 5000, "somebody does: twice as often");
	setenv("WATCHDOG_USEC", "1", 1);
	ok(service_alive_ms() == 1, "but not for ever");
	close(fd);
}

int main(void)
{
	log_init("service_test", LOG_NOTICE);
	log_also(count);
	test_sockets();
	test_others();
	test_told();
	return done_testing();
}
