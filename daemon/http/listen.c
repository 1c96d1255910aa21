/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/http/peer.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

#define BACKLOG 64

static int parse_address(const char *text, struct sockaddr_storage *ret_address,
			 socklen_t *ret_len)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_address;
	struct sockaddr_in *in = (struct sockaddr_in *)ret_address;
	char address[64];
	char *end;
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
	size_t len = colon ? (size_t)(colon - text) : 0;

	memset(ret_address, 0, sizeof(*ret_address));
	if (port < 1 || port > 65535 || *end || len < 2 || len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		*ret_len = sizeof(*in);
		return 0;
	}
	address[len - 1] = '\0';
	if (*text != '[' || text[len - 1] != ']' ||
	    inet_pton(AF_INET6, address + 1, &in6->sin6_addr) != 1)
		return -EINVAL;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	*ret_len = sizeof(*in6);
	return 0;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;

	return address->ss_family == AF_INET ? ntohl(in->sin_addr.s_addr) >> 24 == 127
					     : IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static int bind_socket(const struct sockaddr *address, socklen_t len, const char *text)
{
	_cleanup_close_ int fd =
		socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1, r;

	if (fd < 0)
		return -errno;
	if (address->sa_family != AF_UNIX)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, address, len) < 0 || listen(fd, BACKLOG) < 0) {
		int error = errno;

		log_error("cannot listen on %s: %s%s", text, strerror(error),
			  error == EADDRINUSE ? "; another program does, choose another" :
			  error == ENOENT     ? "; make its directory, or choose another" :
			  error == EACCES     ? "; start vmexitd as its service (systemctl start vmexitd) or as root, or choose another" :
			  error == EADDRNOTAVAIL ? "; that is no address of this host" : "");
		return -error;
	}
	r = fd;
	fd = -1;
	return r;
}

static void warn_of_others(const struct sockaddr_storage *address, const char *text)
{
	if (!is_loopback(address))
		log_warning("listening on %s, which is not loopback: anyone who reaches it can "
			    "watch all VMs",
			    text);
}

int listen_tcp(const char *text)
{
	struct sockaddr_storage address;
	socklen_t len;

	if (parse_address(text, &address, &len) < 0) {
		log_error("listen = '%s' is neither ADDRESS:PORT (127.0.0.1:20479, [::1]:20479) "
			  "nor 'off'",
			  text);
		return -EINVAL;
	}
	warn_of_others(&address, text);
	return bind_socket((struct sockaddr *)&address, len, text);
}

int listen_tcp_text(int fd, char ret_text[LISTEN_TEXT_MAX])
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
	struct sockaddr_in *in = (struct sockaddr_in *)&address;
	bool v6;
	char text[INET6_ADDRSTRLEN];
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
		int error = errno;

		log_error("the page's socket does not tell its address: %s", strerror(error));
		return -error;
	}
	v6 = address.ss_family == AF_INET6;
	inet_ntop(address.ss_family, v6 ? (void *)&in6->sin6_addr : (void *)&in->sin_addr, text,
		  sizeof(text));
	snprintf(ret_text, LISTEN_TEXT_MAX, v6 ? "[%s]:%u" : "%s:%u", text,
		 ntohs(v6 ? in6->sin6_port : in->sin_port));
	return 0;
}

void listen_tcp_given(const char *text, const char *setting)
{
	struct sockaddr_storage address;
	socklen_t len;

	if (parse_address(text, &address, &len) == 0)
		warn_of_others(&address, text);
	if (strcmp(text, setting) != 0)
		log_warning("listen = '%s' has no effect: the service manager gives a socket on %s, "
			    "change ListenStream= of its socket unit or disable that",
			    setting, text);
}

/* A socket that a daemon left behind is in the way; one that answers is in use. */
static int clear_socket(const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		log_error("api_socket: %s is there and no socket; remove it, or name another",
			  address->sun_path);
		return -EEXIST;
	}
	if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0) {
		log_error("api_socket: another vmexitd answers at %s; stop it, or name another",
			  address->sun_path);
		return -EADDRINUSE;
	}
	(void)unlink(address->sun_path);
	return 0;
}

/* Root's daemon shares its socket with a group, where there is one of our name. */
static void give_to_group(const char *path)
{
	struct group *group = geteuid() == 0 ? getgrnam(PEER_GROUP) : NULL;

	if (group && chown(path, -1, group->gr_gid) < 0)
		log_warning("api_socket: %s cannot be given to group " PEER_GROUP
			    ": %s, only root may use it",
			    path, strerror(errno));
}

int listen_local(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int r;

	if (strlen(path) >= sizeof(address.sun_path)) {
		log_error("api_socket: %s is longer than %zu characters", path,
			  sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, path);
	r = clear_socket(&address);
	if (r < 0)
		return r;
	/* For its group only, from its first moment. */
	mask = umask(0117);
	r = bind_socket((struct sockaddr *)&address, sizeof(address), path);
	umask(mask);
	if (r >= 0)
		give_to_group(path);
	return r;
}
