/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host/hostsource.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/host/hostask.h"
#include "daemon/base/mailbox.h"
#include "daemon/host/qemuproc.h"
#include "guest-agent/shared/log.h"

#define QUEUE_MAX 8192			/* readings; a main loop that far behind loses some */
#define IDLE_NS 3600000000000LL
#define MS 1000000LL

/* For the host source's thread. */
struct order {
	enum { WATCH, FORGET, ANSWER } kind;
	union {
		struct host_vm vm;
		char key[RECORD_KEY_MAX + 1];
		struct virtstats_call *call;
	};
	struct order *next;
};

/* For the main loop. */
struct news {
	struct host_reading *reading;	/* NULL: a state */
	char key[RECORD_KEY_MAX + 1];
	struct host_state state;
};

struct hostsource {
	struct hostsource_ops ops;
	void *ctx;
	enum hostsource_use use;
	struct hostplan_rates rates;
	struct virtstats *virtstats;	/* NULL without libvirt */
	struct mailbox *mailbox;
	char *debugfs, *proc, *pid_dir;
	pthread_t thread;

	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t wake;
	bool stop;
	struct order *orders, **orders_end;

	/* The thread's own. */
	struct hosttarget_place place;
	struct hosttarget *targets;
	struct hostask ask;
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* ---- news for the main loop ---- */

static void drop_news(void *message)
{
	struct news *news = message;

	free(news->reading);
	free(news);
}

static void on_news(void *ctx, void *message)
{
	struct hostsource *h = ctx;
	struct news *news = message;

	if (news->reading)
		h->ops.reading(h->ctx, news->reading);
	else
		h->ops.state(h->ctx, news->key, &news->state);
	drop_news(news);
}

static bool tell(struct hostsource *h, struct news *news)
{
	if (mailbox_put(h->mailbox, news) == 0)
		return true;
	drop_news(news);
	return false;
}

static void tell_reading(struct hostsource *h, struct host_reading *reading)
{
	struct news *news = calloc(1, sizeof(*news));

	if (!news) {
		free(reading);
		return;
	}
	news->reading = reading;
	(void)tell(h, news);
}

/* A tenth of an exit more or less is none. */
static bool same_cost(const struct host_state *a, const struct host_state *b)
{
	double difference = a->poll_exits - b->poll_exits;

	return a->has_poll_exits == b->has_poll_exits &&
	       (!a->has_poll_exits || (difference < 0.1 && difference > -0.1));
}

static void tell_state(struct hostsource *h, struct hosttarget *t)
{
	struct news *news;

	if (t->state.path == t->reported.path && t->state.lack == t->reported.lack &&
	    same_cost(&t->state, &t->reported) &&
	    t->state.stuck_since_ns == t->reported.stuck_since_ns)
		return;
	news = calloc(1, sizeof(*news));
	if (!news)
		return;
	memcpy(news->key, t->vm.key, sizeof(news->key));
	news->state = t->state;
	if (!!t->state.stuck_since_ns != !!t->reported.stuck_since_ns)
		log_warning("'%s': QEMU %s", t->vm.name,
			    t->state.stuck_since_ns ? "does not answer, it is shown as stuck"
						    : "answers again");
	if (tell(h, news))
		t->reported = t->state;
}

/* ---- targets ---- */

static struct hosttarget **find(struct hostsource *h, const char *key)
{
	struct hosttarget **link = &h->targets;

	while (*link && strcmp((*link)->vm.key, key) != 0)
		link = &(*link)->next;
	return link;
}

static void watch(struct hostsource *h, const struct host_vm *vm, int64_t now_ns)
{
	struct hosttarget **link = find(h, vm->key);

	if (*link)
		hosttarget_change(*link, vm, now_ns);
	else
		*link = hosttarget_new(vm, now_ns);
	if (!*link) {
		log_error("'%s': out of memory, its host counters are not read", vm->name);
		return;
	}
	hostask_soon(&h->ask, now_ns);
}

static void forget(struct hostsource *h, const char *key)
{
	struct hosttarget **link = find(h, key);
	struct hosttarget *target = *link;

	if (!target)
		return;
	*link = target->next;
	hosttarget_free(target);
}

static int64_t interval_of(const struct hostsource *h, const struct hosttarget *t)
{
	return hostplan_interval(&h->rates, t->vm.booted_ns, clock_ns(CLOCK_REALTIME));
}

static void read_debugfs(struct hostsource *h, struct hosttarget *t, int64_t now_ns)
{
	struct host_reading *reading = NULL;
	int r;

	if (h->use == HOSTSOURCE_LIBVIRT || now_ns < t->due_ns)
		return;
	r = hosttarget_read(t, &h->place, now_ns, &reading);
	t->waits = r == -EAGAIN;
	t->due_ns = r == -EAGAIN ? t->search_ns
				 : hostplan_next(t->due_ns, now_ns, interval_of(h, t));
	if (reading)
		tell_reading(h, reading);
	tell_state(h, t);
}

/* ---- the thread ---- */

static void on_told(void *ctx, struct hosttarget *target, struct host_reading *reading)
{
	if (reading)
		tell_reading(ctx, reading);
	tell_state(ctx, target);
}

static void put_order(struct hostsource *h, const struct order *order)
{
	struct order *copy = malloc(sizeof(*copy));

	if (!copy) {
		log_error("host counters: out of memory, a change of a VM is lost");
		return;
	}
	*copy = *order;
	copy->next = NULL;
	pthread_mutex_lock(&h->lock);
	*h->orders_end = copy;
	h->orders_end = &copy->next;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
}

static void on_answer(void *ctx, struct virtstats_call *call)
{
	put_order(ctx, &(struct order){ .kind = ANSWER, .call = call });
}

static void carry_out(struct hostsource *h, struct order *order)
{
	int64_t now_ns = clock_ns(CLOCK_MONOTONIC);

	switch (order->kind) {
	case WATCH:
		watch(h, &order->vm, now_ns);
		break;
	case FORGET:
		forget(h, order->key);
		break;
	case ANSWER:
		hostask_take(&h->ask, h->targets, &h->place, order->call, now_ns, on_told, h);
		break;
	}
	free(order);
}

/* When something is next to be done. */
static int64_t next_due(const struct hostsource *h)
{
	int64_t due_ns = clock_ns(CLOCK_MONOTONIC) + IDLE_NS;

	if (h->targets && hostask_due(&h->ask) < due_ns)
		due_ns = hostask_due(&h->ask);
	for (struct hosttarget *t = h->targets; t && h->use != HOSTSOURCE_LIBVIRT; t = t->next) {
		if (t->due_ns < due_ns)
			due_ns = t->due_ns;
	}
	return due_ns;
}

/* Wait for orders or for @due_ns. False when it is time to end. */
static bool await(struct hostsource *h, int64_t due_ns, struct order **ret_orders)
{
	struct timespec ts = { due_ns / 1000000000, due_ns % 1000000000 };
	bool go_on;

	pthread_mutex_lock(&h->lock);
	while (!h->stop && !h->orders) {
		if (pthread_cond_timedwait(&h->wake, &h->lock, &ts) == ETIMEDOUT)
			break;
	}
	go_on = !h->stop;
	*ret_orders = h->orders;
	h->orders = NULL;
	h->orders_end = &h->orders;
	pthread_mutex_unlock(&h->lock);
	return go_on;
}

static void *run(void *arg)
{
	struct hostsource *h = arg;
	struct order *orders;
	bool go_on;

	tsc_begin(&h->place.tsc);
	do {
		int64_t now_ns = clock_ns(CLOCK_MONOTONIC);

		for (struct hosttarget *t = h->targets; t; t = t->next)
			read_debugfs(h, t, now_ns);
		hostask_run(&h->ask, h->targets, now_ns);
		go_on = await(h, next_due(h), &orders);
		while (orders) {
			struct order *next = orders->next;

			carry_out(h, orders);
			orders = next;
		}
	} while (go_on);
	return NULL;
}

/* ---- from the main loop ---- */

void hostsource_watch(struct hostsource *h, const struct host_vm *vm)
{
	put_order(h, &(struct order){ .kind = WATCH, .vm = *vm });
}

void hostsource_forget(struct hostsource *h, const char *key)
{
	struct order order = { .kind = FORGET };

	snprintf(order.key, sizeof(order.key), "%s", key);
	put_order(h, &order);
}

static void release(struct hostsource *h)
{
	while (h->orders) {
		struct order *next = h->orders->next;

		if (h->orders->kind == ANSWER)
			free(h->orders->call);
		free(h->orders);
		h->orders = next;
	}
	while (h->targets) {
		struct hosttarget *next = h->targets->next;

		hosttarget_free(h->targets);
		h->targets = next;
	}
	mailbox_free(h->mailbox, drop_news);
	free(h->debugfs);
	free(h->proc);
	free(h->pid_dir);
	free(h);
}

static int set_up(struct hostsource *h, const struct hostsource_settings *settings)
{
	char dir[4096] = "";

	h->use = settings->use;
	h->rates = (struct hostplan_rates){ settings->interval_ms * MS,
					    settings->boot_interval_ms * MS,
					    settings->boot_seconds * 1000 * MS };
	if (settings->uri) {
		(void)qemuproc_dir(settings->uri, dir, sizeof(dir));
		h->virtstats = virtstats_new(settings->uri, on_answer, h);
		if (!h->virtstats)
			return -ENOMEM;
	}
	hostask_init(&h->ask, h->virtstats, h->use != HOSTSOURCE_DEBUGFS, &h->rates);
	h->debugfs = strdup(settings->debugfs);
	h->proc = strdup(settings->proc);
	h->pid_dir = strdup(dir);
	if (!h->debugfs || !h->proc || !h->pid_dir)
		return -ENOMEM;
	h->place.debugfs = h->debugfs;
	h->place.proc = h->proc;
	h->place.alone = !settings->uri || h->use == HOSTSOURCE_DEBUGFS;
	h->place.pid_dir = h->pid_dir;
	qemuproc_boot_id(h->proc, h->place.host_boot, sizeof(h->place.host_boot));
	return mailbox_new(QUEUE_MAX, on_news, h, &h->mailbox);
}

int hostsource_new(const struct hostsource_settings *settings, const struct hostsource_ops *ops,
		   void *ctx, struct hostsource **ret_hostsource)
{
	struct hostsource *h = calloc(1, sizeof(*h));
	pthread_condattr_t attr;
	int r;

	if (!h)
		return -ENOMEM;
	h->ops = *ops;
	h->ctx = ctx;
	h->orders_end = &h->orders;
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->wake, &attr);
	pthread_condattr_destroy(&attr);
	r = set_up(h, settings);
	if (r == 0)
		r = -pthread_create(&h->thread, NULL, run, h);
	if (r < 0) {
		(void)virtstats_free(h->virtstats);
		release(h);
		return r;
	}
	*ret_hostsource = h;
	return 0;
}

void hostsource_free(struct hostsource *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	/* The thread itself waits for nobody; those of virtstats may. */
	pthread_join(h->thread, NULL);
	(void)virtstats_free(h->virtstats);
	release(h);
}
