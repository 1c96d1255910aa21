/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/base/mailbox.h"

#define FREE_WAIT_S 1

struct task {
	struct worker *worker;
	worker_fn run, done;
	void *job;
};

struct worker {
	struct mailbox *mailbox;
	unsigned int threads_max;
	unsigned int under_way;		/* the main loop's: done() is not called yet */
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t ended;
	unsigned int running;
};

static void finish(void *message)
{
	struct task *task = message;

	task->worker->under_way--;
	task->done(task->job);
	free(task);
}

static void on_end(void *ctx, void *message)
{
	(void)ctx;
	finish(message);
}

static void *run(void *arg)
{
	static const struct timespec pause = { .tv_nsec = 100000000 };
	struct task *task = arg;
	struct worker *w = task->worker;

	task->run(task->job);
	/* The mailbox has room for all tasks; memory may be short for a moment. */
	while (mailbox_put(w->mailbox, task) < 0)
		nanosleep(&pause, NULL);
	pthread_mutex_lock(&w->lock);
	w->running--;
	pthread_cond_broadcast(&w->ended);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int worker_new(unsigned int threads_max, struct worker **ret_worker)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	r = mailbox_new(threads_max, on_end, w, &w->mailbox);
	if (r < 0) {
		free(w);
		return r;
	}
	w->threads_max = threads_max;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->ended, NULL);
	*ret_worker = w;
	return 0;
}

static int start_thread(struct worker *w, struct task *task)
{
	pthread_t thread;
	int r;

	pthread_mutex_lock(&w->lock);
	r = -pthread_create(&thread, NULL, run, task);
	if (r == 0) {
		pthread_detach(thread);
		w->running++;
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

int worker_start(struct worker *w, worker_fn run_fn, worker_fn done, void *job)
{
	struct task *task;
	int r;

	if (w->under_way == w->threads_max)
		return -EBUSY;
	task = malloc(sizeof(*task));
	if (!task)
		return -ENOMEM;
	*task = (struct task){ w, run_fn, done, job };
	r = start_thread(w, task);
	if (r < 0) {
		free(task);
		return r;
	}
	w->under_way++;
	return 0;
}

void worker_free(struct worker *w)
{
	struct timespec deadline;
	unsigned int running;

	if (!w)
		return;
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += FREE_WAIT_S;
	pthread_mutex_lock(&w->lock);
	while (w->running > 0 && pthread_cond_timedwait(&w->ended, &w->lock, &deadline) == 0)
		;
	running = w->running;
	pthread_mutex_unlock(&w->lock);
	if (running > 0)
		return;
	mailbox_free(w->mailbox, finish);
	pthread_cond_destroy(&w->ended);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
