/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/ctl/link.h"
#include "guest-agent/shared/cleanup.h"

struct waited {
	json_t *answer;
	long status;
	char *why;
	size_t why_size;
	bool done;
};

int doctorask_open(struct doctorask *ask, const char *socket_path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		ask->error = -errno;
	else if ((size_t)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", socket_path) >=
		 sizeof(addr.sun_path))
		ask->error = -ENAMETOOLONG;
	/* EAGAIN: too many wait already, so somebody is there. */
	else if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 && errno != EAGAIN)
		ask->error = -errno;
	else
		ask->error = link_new(socket_path, &ask->link);
	return ask->error;
}

int doctorask_open_page(struct doctorask *ask, const char *address)
{
	return link_new_tcp(address, &ask->link);
}

static void on_done(void *ctx, long status, const char *text)
{
	struct waited *w = ctx;

	w->done = true;
	w->status = status;
	if (status == 0)
		(void)snprintf(w->why, w->why_size, "%s", text);
	else
		w->answer = json_loads(text, 0, NULL);
	if (status != 0 && !w->answer)
		(void)snprintf(w->why, w->why_size, "its answer is not understood");
}

json_t *doctorask_get(struct doctorask *ask, const char *path, long *ret_status)
{
	struct waited w = { .why = ask->why, .why_size = sizeof(ask->why) };

	*ask->why = '\0';
	*ret_status = 0;
	if (!ask->link || link_get(ask->link, path, on_done, &w) < 0)
		return NULL;
	/* The link ends what takes too long. */
	while (!w.done)
		link_wait(ask->link, NULL, 0, LINK_TIMEOUT_S * 1000);
	*ret_status = w.status;
	return w.answer;
}

json_t *doctorask_vm(struct doctorask *ask, const char *vm, const char *what, const char *params,
		     long *ret_status)
{
	char path[2048];
	size_t len;

	*ret_status = 0;
	if (link_vm_path(path, sizeof(path), vm, what) < 0)
		return NULL;
	len = strlen(path);
	(void)snprintf(path + len, sizeof(path) - len, "%s", params);
	return doctorask_get(ask, path, ret_status);
}

void doctorask_done(struct doctorask *ask)
{
	link_free(ask->link);
	ask->link = NULL;
}

const char *doctorask_text(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}
