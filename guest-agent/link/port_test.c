/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A socket as tests use it; and a pty, which hangs up as a virtio port does. That
 * it has been unplugged a port says by -ENODEV, which a pty has to be helped with.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static bool unplugged;

static ssize_t device_read(int fd, void *buf, size_t size)
{
	if (unplugged) {
		errno = ENODEV;
		return -1;
	}
	return read(fd, buf, size);
}

#define read device_read
#include "guest-agent/link/port.c"
#undef read

#include "guest-agent/shared/tap.h"

static char dir[] = "/tmp/vmexit-port-XXXXXX";
static char spec[64];			/* "unix:PATH" */
static const char *const path = spec + 5;

static int connect_peer(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void test_socket(void)
{
	struct port port;
	char buf[8];
	int peer;

	ok(port_init(&port, spec) == 0 && port_poll_fd(&port) == port.listen_fd, "listening");
	ok(!port_check(&port) && port_read(&port, buf, 8) == -ENOTCONN &&
		   port_write(&port, "x", 1) == -ENOTCONN,
	   "nobody is there");
	peer = connect_peer();
	ok(port_check(&port) && port.connected && port_poll_fd(&port) == port.fd, "a peer has come");
	ok(!port_check(&port) && port.connected, "which is said once");
	ok(port_read(&port, buf, 8) == -EAGAIN, "nothing to read yet");
	ok(write(peer, "abc", 3) == 3 && port_read(&port, buf, 8) == 3 &&
		   memcmp(buf, "abc", 3) == 0 && port_write(&port, "de", 2) == 2 &&
		   read(peer, buf, 8) == 2 && memcmp(buf, "de", 2) == 0,
	   "bytes go both ways");
	close(peer);
	ok(port_write(&port, "x", 1) == -ENOTCONN && !port.connected && !port_check(&port),
	   "writing to a peer that went ends no process");
	peer = connect_peer();
	ok(port_check(&port), "the next peer");
	close(peer);
	ok(port_read(&port, buf, 8) == -ENOTCONN && !port.connected, "gone while reading");
	port_done(&port);
	ok(access(path, F_OK) < 0, "the socket goes with the port");
}

static void test_init(void)
{
	struct port port, second;
	char longer[256] = "unix:/";
	struct stat st;
	int fd;

	ok(port_init(&port, spec) == 0, "a socket");
	if (port.listen_fd >= 0)
		close(port.listen_fd);
	ok(port_init(&second, spec) == 0, "one left from a process that was killed is replaced");
	port_done(&second);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	ok(port_init(&port, spec) == -EADDRINUSE && stat(path, &st) == 0 && S_ISREG(st.st_mode),
	   "a file that is no socket is left alone");
	port_done(&port);
	unlink(path);
	memset(longer + 6, 'x', sizeof(longer) - 7);
	ok(port_init(&port, longer) == -ENAMETOOLONG, "a path too long for a socket");
	port_done(&port);
	ok(port_init(&port, "/nowhere/port") == 0 && !port_check(&port) && port_poll_fd(&port) == -1,
	   "a device that is not there is waited for");
	port_done(&port);
}

/* A new pty's master; the port's path leads to its other side. */
static int make_device(const char *link_path)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios raw;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		return -1;
	tcgetattr(master, &raw);
	cfmakeraw(&raw);
	tcsetattr(master, TCSANOW, &raw);
	unlink(link_path);
	if (symlink(ptsname(master), link_path) < 0)
		return -1;
	return master;
}

static void test_replug(void)
{
	struct port port;
	int first, second;
	char buf[8];

	first = make_device(path);
	port_init(&port, path);
	ok(first >= 0 && port_check(&port), "a device that is there is opened");
	ok(port_write(&port, "abc", 3) == 3 && read(first, buf, 8) == 3, "and written to");
	close(first);
	ok(!port_check(&port) && !port.connected && port.fd >= 0 && !port_check(&port) &&
		   port.fd >= 0,
	   "the host side goes: the device is kept");
	unplugged = true;
	second = make_device(path);
	ok(!port_check(&port) && port.fd < 0, "it is unplugged: it is not");
	unplugged = false;
	ok(port_check(&port) && port_write(&port, "def", 3) == 3 && read(second, buf, 8) == 3 &&
		   memcmp(buf, "def", 3) == 0,
	   "the one plugged in instead is opened");
	unplugged = true;
	ok(port_read(&port, buf, 8) == -ENOTCONN && port.fd < 0, "unplugged while reading");
	unplugged = false;
	close(second);
	port_done(&port);
	unlink(path);
}

int main(void)
{
	log_init("port_test", LOG_ERROR - 1);
	if (!mkdtemp(dir)) {
		perror(dir);
		return 1;
	}
	snprintf(spec, sizeof(spec), "unix:%s/port", dir);
	test_socket();
	test_init();
	test_replug();
	rmdir(dir);
	return done_testing();
}
