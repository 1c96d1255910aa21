/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/service.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "guest-agent/shared/log.h"

static const char *const names[SERVICE_SOCKETS] = { [SERVICE_API] = "api", [SERVICE_PAGE] = "page" };

/* SERVICE_SOCKETS if there is no socket of that name. */
static int socket_of(const char *name)
{
	int i = 0;

	while (i < SERVICE_SOCKETS && strcmp(name, names[i]) != 0)
		i++;
	return i;
}

static bool is_right(int fd, int which)
{
	if (which == SERVICE_API)
		return sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) > 0;
	return sd_is_socket(fd, AF_INET, SOCK_STREAM, 1) > 0 ||
	       sd_is_socket(fd, AF_INET6, SOCK_STREAM, 1) > 0;
}

/* Why the socket @fd called @name is of no use; NULL: it is. */
static const char *fault_of(int fd, const char *name, const int fds[SERVICE_SOCKETS])
{
	int which = socket_of(name);

	if (which == SERVICE_SOCKETS)
		return "its name is not known, FileDescriptorName= of the socket unit is to be "
		       "'api' or 'page'";
	if (!is_right(fd, which))
		return which == SERVICE_API ? "it does not listen on a Unix stream socket"
					    : "it does not listen on a TCP port";
	if (fds[which] >= 0)
		return "there is one of that name already, one socket unit is to have one ListenStream=";
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return "it cannot be made non-blocking";
	return NULL;
}

int service_take_sockets(int ret_fds[SERVICE_SOCKETS])
{
	int fds[SERVICE_SOCKETS] = { -1, -1 };
	char **given = NULL;
	int n = sd_listen_fds_with_names(1, &given);

	if (n < 0) {
		log_error("the sockets that the service manager gives cannot be taken: %s",
			  strerror(-n));
		return n;
	}
	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i;
		const char *fault = fault_of(fd, given[i], fds);

		if (fault) {
			log_warning("socket '%s' of the service manager: %s, ignoring it", given[i], fault);
			close(fd);
		} else {
			fds[socket_of(given[i])] = fd;
		}
		free(given[i]);
	}
	free(given);
	memcpy(ret_fds, fds, sizeof(fds));
	return 0;
}

void service_ready(const char *status)
{
	(void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void service_status(const char *status)
{
	(void)sd_notifyf(0, "STATUS=%s", status);
}

void service_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1\nSTATUS=Ending after a last commit");
}

int service_alive_ms(void)
{
	uint64_t us;

	if (sd_watchdog_enabled(0, &us) <= 0)
		return 0;
	/* Twice as often as it is waited for. */
	us /= 2000;
	return us < 1 ? 1 : us > INT_MAX ? INT_MAX : (int)us;
}

void service_alive(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}
