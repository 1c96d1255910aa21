/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/loop.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <stdlib.h>

static bool quit;

/* libvirt passes one opaque pointer; this carries the callback and its context. */
struct source {
	union {
		loop_fd_fn on_fd;
		loop_timer_fn on_timer;
	};
	void *ctx;
};

int loop_init(void)
{
	return virEventRegisterDefaultImpl() < 0 ? -EIO : 0;
}

static int to_libvirt(int events)
{
	return (events & LOOP_READ ? VIR_EVENT_HANDLE_READABLE : 0) |
	       (events & LOOP_WRITE ? VIR_EVENT_HANDLE_WRITABLE : 0);
}

static void on_fd(int watch, int fd, int events, void *opaque)
{
	struct source *source = opaque;
	int e = 0;

	(void)watch;
	if (events & VIR_EVENT_HANDLE_READABLE)
		e |= LOOP_READ;
	if (events & VIR_EVENT_HANDLE_WRITABLE)
		e |= LOOP_WRITE;
	if (events & (VIR_EVENT_HANDLE_HANGUP | VIR_EVENT_HANDLE_ERROR))
		e |= LOOP_HANGUP;
	source->on_fd(fd, e, source->ctx);
}

static void on_timer(int timer, void *opaque)
{
	struct source *source = opaque;

	(void)timer;
	source->on_timer(source->ctx);
}

int loop_add_fd(int fd, int events, loop_fd_fn fn, void *ctx)
{
	struct source *source = malloc(sizeof(*source));
	int id;

	if (!source)
		return -ENOMEM;
	source->on_fd = fn;
	source->ctx = ctx;
	id = virEventAddHandle(fd, to_libvirt(events), on_fd, source, free);
	if (id < 0) {
		free(source);
		return -ENOMEM;
	}
	return id;
}

void loop_update_fd(int id, int events)
{
	virEventUpdateHandle(id, to_libvirt(events));
}

void loop_remove_fd(int id)
{
	(void)virEventRemoveHandle(id);
}

int loop_add_timer(int ms, loop_timer_fn fn, void *ctx)
{
	struct source *source = malloc(sizeof(*source));
	int id;

	if (!source)
		return -ENOMEM;
	source->on_timer = fn;
	source->ctx = ctx;
	id = virEventAddTimeout(ms, on_timer, source, free);
	if (id < 0) {
		free(source);
		return -ENOMEM;
	}
	return id;
}

void loop_update_timer(int id, int ms)
{
	virEventUpdateTimeout(id, ms);
}

void loop_remove_timer(int id)
{
	(void)virEventRemoveTimeout(id);
}

int loop_run(void)
{
	while (!quit) {
		if (virEventRunDefaultImpl() < 0)
			return -EIO;
	}
	quit = false;
	return 0;
}

void loop_quit(void)
{
	quit = true;
}
