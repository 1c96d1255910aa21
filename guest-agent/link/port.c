/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/link/port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/proto.h"

#define SYSFS_PORTS "/sys/class/virtio-ports"

/* Say each reason once, until there is another. */
static void complain(struct port *port, int error, const char *what)
{
	if (port->complained == error)
		return;
	port->complained = error;
	log_warning("%s, waiting for it", what);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 1) < 0)
		return -errno;
	r = fd;
	fd = -1;
	return r;
}

int port_init(struct port *port, const char *path)
{
	*port = (struct port){ .path = path, .listen_fd = -1, .fd = -1 };
	if (path && strncmp(path, "unix:", 5) == 0) {
		port->listen_fd = listen_at(path + 5);
		if (port->listen_fd < 0) {
			log_error("cannot listen on %s: %s", path + 5, strerror(-port->listen_fd));
			return port->listen_fd;
		}
	}
	return 0;
}

void port_done(struct port *port)
{
	if (port->fd >= 0)
		close(port->fd);
	if (port->listen_fd >= 0) {
		close(port->listen_fd);
		(void)unlink(port->path + 5);
	}
	port->fd = port->listen_fd = -1;
}

static bool has_our_name(const char *vport)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX], name[64];
	ssize_t n;

	snprintf(path, sizeof(path), SYSFS_PORTS "/%s/name", vport);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, name, sizeof(name) - 1) : -1;
	if (n <= 0)
		return false;
	name[n] = '\0';
	name[strcspn(name, "\n")] = '\0';
	return strcmp(name, PROTO_PORT_NAME) == 0;
}

/* "/dev/vportNpM" of the port with our name. Returns 0 or -ENOENT. */
static int find_port(char *path, size_t size)
{
	_cleanup_close_ int fd = open(SYSFS_PORTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* opendir() would allocate. */
	char buf[1024] __attribute__((aligned(__alignof__(struct dirent64))));
	ssize_t n;

	while (fd >= 0 && (n = getdents64(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i += ((struct dirent64 *)(buf + i))->d_reclen) {
			const char *name = ((struct dirent64 *)(buf + i))->d_name;

			if (name[0] != '.' && has_our_name(name)) {
				snprintf(path, size, "/dev/%s", name);
				return 0;
			}
		}
	}
	return -ENOENT;
}

static void open_device(struct port *port)
{
	char found[PATH_MAX], what[PATH_MAX + 128];
	const char *path = port->path;

	if (!path) {
		if (find_port(found, sizeof(found)) < 0) {
			complain(port, ENOENT,
				 "there is no port " PROTO_PORT_NAME "; 'vmexitctl attach VM' on the host "
				 "adds it (and the guest has to load virtio_console)");
			return;
		}
		path = found;
	}
	port->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (port->fd < 0) {
		snprintf(what, sizeof(what), "cannot open %s: %s%s", path, strerror(errno),
			 errno == EBUSY	 ? " (does another vmexit-agent run?)" :
			 errno == EACCES ? " (start vmexit-agent as root)" :
					   "");
		complain(port, errno, what);
	}
}

static void accept_peer(struct port *port)
{
	port->fd = accept4(port->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	port->connected = false;
}

/* A port keeps its descriptor while the host side is away, a socket does not. */
static void host_left(struct port *port, int error)
{
	port->connected = false;
	if (port->listen_fd >= 0 || error == ENODEV || error == EIO) {
		close(port->fd);
		port->fd = -1;
	}
}

/*
 * A hang-up is how a port shows that nobody is connected on the host, and how one
 * shows that it has been unplugged; only reading tells which. What is left to read
 * was meant for nobody who is still there.
 */
static void hung_up(struct port *port)
{
	char left[512];

	port->connected = false;
	if (port->listen_fd >= 0)
		host_left(port, 0);
	else if (read(port->fd, left, sizeof(left)) < 0)
		host_left(port, errno);
}

bool port_check(struct port *port)
{
	struct pollfd p = { .events = POLLIN | POLLOUT };
	bool was = port->connected;

	if (port->fd < 0) {
		port->connected = was = false;
		if (port->listen_fd >= 0)
			accept_peer(port);
		else
			open_device(port);
	}
	if (port->fd < 0)
		return false;
	port->complained = 0;
	p.fd = port->fd;
	if (poll(&p, 1, 0) < 0 || p.revents & (POLLHUP | POLLERR | POLLNVAL)) {
		hung_up(port);
		return false;
	}
	port->connected = true;
	return !was;
}

ssize_t port_read(struct port *port, void *buf, size_t size)
{
	ssize_t n;

	if (!port->connected)
		return -ENOTCONN;
	do {
		n = read(port->fd, buf, size);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	/* Nothing at all: the host side is not connected, which is no end of file. */
	host_left(port, n < 0 ? errno : 0);
	return -ENOTCONN;
}

ssize_t port_write(struct port *port, const void *buf, size_t size)
{
	ssize_t n;

	if (!port->connected)
		return -ENOTCONN;
	do {
		n = port->listen_fd >= 0 ? send(port->fd, buf, size, MSG_NOSIGNAL)
					 : write(port->fd, buf, size);
	} while (n < 0 && errno == EINTR);
	if (n >= 0) {
		port->writes++;
		return n;
	}
	if (errno == EAGAIN)
		return -EAGAIN;
	host_left(port, errno);
	return -ENOTCONN;
}

int port_poll_fd(const struct port *port)
{
	if (port->connected)
		return port->fd;
	return port->listen_fd >= 0 && port->fd < 0 ? port->listen_fd : -1;
}
