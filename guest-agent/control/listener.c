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

#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

#define RETRY_NS 1000000000ULL		/* there is none yet */
#define VERIFY_NS 10000000000ULL	/* there is one: is it still? */
#define PATIENCE 60			/* times to look for its directory before a word is said */
#define BACKLOG 32

static void complain(struct listener *listener, int error, const char *what)
{
	if (listener->complained == error)
		return;
	listener->complained = error;
	log_warning("cannot listen at %s for marks: %s, will retry", listener->options.path, what);
}

int listener_init(struct listener *listener, const struct listener_options *options)
{
	*listener = (struct listener){ .options = *options, .fd = -1 };
	if (options->path[0] == '/' &&
	    strlen(options->path) < sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return 0;
	log_error("--socket=%s is no absolute path of at most %zu bytes", options->path,
		  sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	return -EINVAL;
}

static bool is_ours(const struct listener *listener)
{
	struct stat st;

	return lstat(listener->options.path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	       st.st_dev == listener->device && st.st_ino == listener->inode;
}

static void drop(struct listener *listener)
{
	if (listener->fd < 0)
		return;
	if (is_ours(listener))
		(void)unlink(listener->options.path);
	close(listener->fd);
	listener->fd = -1;
}

void listener_done(struct listener *listener)
{
	drop(listener);
}

/* The last directory, with the path's rights and not those of whoever started the agent. */
static void make_directory(const char *path)
{
	struct sockaddr_un room;
	char *slash;

	strcpy(room.sun_path, path);
	slash = strrchr(room.sun_path, '/');
	*slash = '\0';
	if (slash != room.sun_path && mkdir(room.sun_path, 0755) == 0)
		(void)chmod(room.sun_path, 0755);
}

/* True if a socket is there that nobody listens on any more. */
static bool is_stale(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0 || lstat(address->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	return connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
	       errno == ECONNREFUSED;
}

static int bind_to(int fd, const struct sockaddr_un *address)
{
	/* Nobody may connect before the mode is what it should be. */
	mode_t mask = umask(0177);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address));

	if (r < 0 && errno == EADDRINUSE && is_stale(address) && unlink(address->sun_path) == 0)
		r = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	r = r < 0 ? -errno : 0;
	umask(mask);
	return r;
}

/* "name:password:number:members" */
static bool is_group(const char *line, const char *group, gid_t *ret_gid)
{
	size_t len = strlen(group);
	const char *colon;

	if (strncmp(line, group, len) != 0 || line[len] != ':')
		return false;
	colon = strchr(line + len + 1, ':');
	if (!colon)
		return false;
	*ret_gid = strtoul(colon + 1, NULL, 10);
	return true;
}

/* The number of a group, from /etc/group: a static program has no name service. */
static int group_number(const char *group, gid_t *ret_gid)
{
	_cleanup_close_ int fd = -1;
	char buf[512], line[256], *end;
	size_t len = 0;
	ssize_t n;

	*ret_gid = strtoul(group, &end, 10);
	if (*group && !*end)
		return 0;
	fd = open("/etc/group", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] != '\n') {
				/* What is cut off are members. */
				if (len < sizeof(line) - 1)
					line[len++] = buf[i];
				continue;
			}
			line[len] = '\0';
			len = 0;
			if (is_group(line, group, ret_gid))
				return 0;
		}
	}
	return -ENOENT;
}

/* Returns 0 or -errno; the file is there then, but nobody listens. */
static int make_file(struct listener *listener, int fd)
{
	const struct listener_options *options = &listener->options;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	gid_t gid;
	int r;

	strcpy(address.sun_path, options->path);
	make_directory(options->path);
	r = bind_to(fd, &address);
	if (r < 0)
		return r;
	if (lstat(options->path, &st) < 0)
		return -errno;
	listener->device = st.st_dev;
	listener->inode = st.st_ino;
	if (options->group) {
		r = group_number(options->group, &gid);
		if (r < 0)
			return r;
		if (lchown(options->path, -1, gid) < 0)
			return -errno;
	}
	return chmod(options->path, options->mode) < 0 ? -errno : 0;
}

static void make(struct listener *listener)
{
	char what[128];
	int r;

	listener->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0) {
		complain(listener, errno, strerror(errno));
		return;
	}
	listener->device = 0;
	listener->inode = 0;
	r = make_file(listener, listener->fd);
	if (r == 0 && listen(listener->fd, BACKLOG) < 0)
		r = -errno;
	if (r == 0) {
		listener->complained = 0;
		return;
	}
	close(listener->fd);
	listener->fd = -1;
	if (is_ours(listener))
		(void)unlink(listener->options.path);
	/* In an initramfs there may be no such directory for a while. */
	if (r == -ENOENT && ++listener->tries < PATIENCE)
		return;
	if (r == -EADDRINUSE)
		snprintf(what, sizeof(what), "it is in use (does another vmexit-agent run?)");
	else if (r == -ENOENT && listener->inode)
		snprintf(what, sizeof(what), "there is no group '%s'", listener->options.group);
	else
		snprintf(what, sizeof(what), "%s", strerror(-r));
	complain(listener, -r, what);
}

void listener_check(struct listener *listener, uint64_t now_ns)
{
	if (now_ns < listener->next_ns)
		return;
	if (listener->fd >= 0 && !is_ours(listener))
		drop(listener);
	if (listener->fd < 0)
		make(listener);
	listener->next_ns = now_ns + (listener->fd < 0 ? RETRY_NS : VERIFY_NS);
}

void listener_look_again(struct listener *listener)
{
	listener->next_ns = 0;
}

int listener_accept(struct listener *listener)
{
	int fd;

	if (listener->fd < 0)
		return -EAGAIN;
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return fd < 0 ? -errno : fd;
}
