/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/base/loop.h"

struct letter {
	void *message;
	struct letter *next;
};

struct mailbox {
	mailbox_fn fn;
	void *ctx;
	int event_fd;
	int watch;
	size_t max;
	pthread_mutex_t lock;		/* of what follows */
	struct letter *first, **end;
	size_t count;
};

static struct letter *take_all(struct mailbox *m)
{
	struct letter *letters;

	pthread_mutex_lock(&m->lock);
	letters = m->first;
	m->first = NULL;
	m->end = &m->first;
	m->count = 0;
	pthread_mutex_unlock(&m->lock);
	return letters;
}

static void on_event(int fd, int events, void *ctx)
{
	struct mailbox *m = ctx;
	struct letter *letters;
	uint64_t n;

	(void)events;
	if (read(fd, &n, sizeof(n)) < 0)
		return;
	letters = take_all(m);
	while (letters) {
		struct letter *next = letters->next;

		m->fn(m->ctx, letters->message);
		free(letters);
		letters = next;
	}
}

int mailbox_new(size_t max, mailbox_fn fn, void *ctx, struct mailbox **ret_mailbox)
{
	struct mailbox *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->fn = fn;
	m->ctx = ctx;
	m->max = max;
	m->end = &m->first;
	m->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->event_fd < 0) {
		r = -errno;
		free(m);
		return r;
	}
	m->watch = loop_add_fd(m->event_fd, LOOP_READ, on_event, m);
	if (m->watch < 0) {
		r = m->watch;
		close(m->event_fd);
		free(m);
		return r;
	}
	pthread_mutex_init(&m->lock, NULL);
	*ret_mailbox = m;
	return 0;
}

int mailbox_put(struct mailbox *m, void *message)
{
	struct letter *letter = malloc(sizeof(*letter));
	uint64_t one = 1;
	int r = 0;

	if (!letter)
		return -ENOMEM;
	*letter = (struct letter){ .message = message };
	pthread_mutex_lock(&m->lock);
	if (m->count < m->max) {
		*m->end = letter;
		m->end = &letter->next;
		m->count++;
	} else {
		r = -ENOBUFS;
	}
	pthread_mutex_unlock(&m->lock);
	if (r < 0)
		free(letter);
	/* Fails only when it is as ready as can be. */
	else if (write(m->event_fd, &one, sizeof(one)) < 0)
		return 0;
	return r;
}

void mailbox_free(struct mailbox *m, void (*drop)(void *message))
{
	struct letter *letters;

	if (!m)
		return;
	loop_remove_fd(m->watch);
	close(m->event_fd);
	letters = m->first;
	while (letters) {
		struct letter *next = letters->next;

		drop(letters->message);
		free(letters);
		letters = next;
	}
	pthread_mutex_destroy(&m->lock);
	free(m);
}
