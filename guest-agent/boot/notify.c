/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/boot/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_init(struct notify *notify, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;

	*notify = (struct notify){ .fd = -1 };
	if (len < 2 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, len);
	/* An abstract name, which has no byte behind it. */
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (notify->fd >= 0 && connect(notify->fd, (struct sockaddr *)&address,
				       offsetof(struct sockaddr_un, sun_path) + len +
				       (path[0] == '/')) < 0)
		notify_done(notify);
}

void notify_done(struct notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

void notify_tell(struct notify *notify, const char *state)
{
	if (notify->fd >= 0)
		(void)send(notify->fd, state, strlen(state), MSG_NOSIGNAL);
}

void notify_status(struct notify *notify, uint32_t status, const char *text)
{
	char state[1024];

	if (notify->fd < 0 || notify->status == status)
		return;
	notify->status = status;
	snprintf(state, sizeof(state), "STATUS=%s", text);
	notify_tell(notify, state);
}
