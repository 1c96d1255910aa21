/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/boot/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-agent/shared/tap.h"

static char path[64];

/* A service manager's socket, at a path or at an abstract name. */
static int bind_to(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t len = strlen(name);

	memcpy(address.sun_path, name, len + 1);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	if (bind(fd, (struct sockaddr *)&address,
		 offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/')) < 0) {
		perror(name);
		exit(1);
	}
	return fd;
}

static bool came(int fd, const char *state)
{
	char buf[2048];
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	if (!state)
		return n < 0;
	return n == (ssize_t)strlen(state) && memcmp(buf, state, n) == 0;
}

static void test_at(const char *name, const char *what)
{
	struct notify notify;
	int fd = bind_to(name);

	notify_init(&notify, name);
	notify_tell(&notify, "READY=1");
	ok(came(fd, "READY=1") && came(fd, NULL), "%s is told", what);
	notify_status(&notify, 1, "there is no port");
	notify_status(&notify, 1, "there is no port");
	ok(came(fd, "STATUS=there is no port") && came(fd, NULL), "a status once");
	notify_status(&notify, 2, "there is one");
	ok(came(fd, "STATUS=there is one"), "and the next");
	notify_done(&notify);
	close(fd);
}

static void test_full(void)
{
	struct notify notify;
	int fd = bind_to(path);

	notify_init(&notify, path);
	for (int i = 0; i < 10000; i++)
		notify_tell(&notify, "STATUS=again");
	ok(came(fd, "STATUS=again"), "who does not listen is not waited for");
	close(fd);
	notify_tell(&notify, "STATUS=gone");
	ok(notify.fd >= 0, "and may go");
	notify_done(&notify);
}

static void test_none(void)
{
	char too_long[200];
	struct notify notify;

	memset(too_long, 'x', sizeof(too_long));
	too_long[0] = '/';
	too_long[sizeof(too_long) - 1] = '\0';
	for (const char *const *p = (const char *const[]){ "", "/", "relative", "vsock:1:2",
							    "/nowhere/at/all", too_long, NULL }; *p; p++) {
		notify_init(&notify, *p);
		if (notify.fd >= 0)
			break;
	}
	ok(notify.fd < 0, "what names no socket is none");
	notify_init(&notify, NULL);
	notify_tell(&notify, "READY=1");
	notify_status(&notify, 1, "x");
	ok(notify.fd < 0, "without a service manager nobody is told");
	notify_done(&notify);
}

int main(void)
{
	char dir[] = "/tmp/vmexit-notify-XXXXXX", name[64];

	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	snprintf(path, sizeof(path), "%s/socket", dir);
	snprintf(name, sizeof(name), "@vmexit-notify-test-%d", getpid());
	test_at(path, "a socket");
	test_at(name, "an abstract one");
	(void)unlink(path);
	test_full();
	test_none();
	ok(unlink(path) == 0 && rmdir(dir) == 0, "nothing is left");
	return done_testing();
}
