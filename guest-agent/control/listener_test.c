/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/control/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define SECOND 1000000000ULL

static char top[] = "/tmp/vmexit-listener-XXXXXX";
static char dir[64], path[80];
static uint64_t now_ns = SECOND;

static int make_client(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Whether a client gets through to @listener. */
static bool reaches(struct listener *listener)
{
	int client = make_client(), fd = listener_accept(listener);
	bool r = client >= 0 && fd >= 0;

	if (client >= 0)
		close(client);
	if (fd >= 0)
		close(fd);
	return r;
}

static mode_t mode_of(const char *file)
{
	struct stat st;

	return stat(file, &st) < 0 ? 0 : st.st_mode & 07777;
}

static void test_making(void)
{
	struct listener_options options = { .path = "run/socket", .mode = 0660 };
	struct listener listener;
	char too_long[200];

	memset(too_long, 'x', sizeof(too_long));
	too_long[0] = '/';
	too_long[sizeof(too_long) - 1] = '\0';
	ok(listener_init(&listener, &options) == -EINVAL, "a relative path is refused");
	options.path = too_long;
	ok(listener_init(&listener, &options) == -EINVAL, "so is one that no socket can have");
	options.path = path;
	ok(listener_init(&listener, &options) == 0 && listener_accept(&listener) == -EAGAIN &&
		   access(path, F_OK) < 0,
	   "nothing is made at once");
	listener_check(&listener, now_ns);
	ok(listener.fd < 0, "nor where there is no directory for its directory");
	if (mkdir(top, 0700) < 0)
		exit(1);
	listener_check(&listener, now_ns + SECOND / 2);
	ok(listener.fd < 0, "it looks again, not at once");
	umask(077);
	listener_check(&listener, now_ns += SECOND);
	umask(022);
	ok(reaches(&listener), "but then makes directory and socket");
	ok(mode_of(dir) == 0755 && mode_of(path) == 0660, "with the modes asked for");
	listener_done(&listener);
	ok(access(path, F_OK) < 0, "and takes the socket away again");
}

static void test_group(void)
{
	struct listener_options options = { .path = path, .mode = 0660, .group = "nosuchgroup" };
	struct listener listener;
	struct stat st = { 0 };
	char number[16];

	(void)listener_init(&listener, &options);
	listener_check(&listener, now_ns += 2 * SECOND);
	ok(listener.fd < 0 && access(path, F_OK) < 0, "without its group there is no socket");
	listener_done(&listener);
	/* Its own group anybody may give it; "root" is number 0 everywhere. */
	snprintf(number, sizeof(number), "%u", getegid());
	options.group = getegid() == 0 ? "root" : number;
	(void)listener_init(&listener, &options);
	listener_check(&listener, now_ns += 2 * SECOND);
	ok(reaches(&listener) && stat(path, &st) == 0 && st.st_gid == getegid(),
	   "with it there is");
	listener_done(&listener);
}

static void test_stale(void)
{
	const struct listener_options options = { .path = path, .mode = 0666 };
	struct listener first, second;
	int fd;

	(void)listener_init(&first, &options);
	(void)listener_init(&second, &options);
	listener_check(&first, now_ns);
	listener_check(&second, now_ns);
	ok(reaches(&first) && second.fd < 0, "a second agent does not take the socket of the first");
	close(first.fd);
	first.fd = -1;
	listener_check(&second, now_ns += SECOND);
	ok(reaches(&second), "but of one that was killed");
	listener_done(&second);

	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	listener_check(&second, now_ns += 20 * SECOND);
	ok(second.fd < 0 && mode_of(path) == 0600, "a file that is no socket stays");
	(void)unlink(path);
	listener_check(&second, now_ns += SECOND);
	ok(reaches(&second), "until it goes");
	listener_done(&second);
}

static void test_lost(void)
{
	const struct listener_options options = { .path = path, .mode = 0666 };
	struct listener listener, other;

	(void)listener_init(&listener, &options);
	listener_check(&listener, now_ns += 20 * SECOND);
	(void)unlink(path);
	listener_check(&listener, now_ns += SECOND);
	ok(access(path, F_OK) < 0, "a socket that is there is not looked at each time");
	listener_check(&listener, now_ns += 10 * SECOND);
	ok(reaches(&listener), "one that was removed is made anew");
	(void)unlink(path);
	listener_look_again(&listener);
	listener_check(&listener, now_ns);
	ok(reaches(&listener), "at once, if there is reason to look");
	(void)unlink(path);
	(void)listener_init(&other, &options);
	listener_check(&other, now_ns);
	listener_done(&listener);
	ok(reaches(&other), "who ends does not remove another's");
	listener_done(&other);
}

int main(void)
{
	if (!mkdtemp(top) || rmdir(top) < 0) {
		perror(top);
		return 1;
	}
	snprintf(dir, sizeof(dir), "%s/agent", top);
	snprintf(path, sizeof(path), "%s/socket", dir);
	log_init("listener_test", 0);
	test_making();
	test_group();
	test_stale();
	test_lost();
	ok(rmdir(dir) == 0 && rmdir(top) == 0, "nothing is left");
	return done_testing();
}
