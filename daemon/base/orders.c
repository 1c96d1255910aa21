/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/base/orders.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/base/loop.h"
#include "daemon/base/mailbox.h"
#include "daemon/base/monotonic.h"

#define WAITING_MAX 32
#define DEADLINE_S 20			/* vmexitctl waits longer */
#define TICK_MS 1000

static const char too_late[] =
	"{\"error\":\"libvirt has not answered within 20 s, its QEMU may be stuck; the change "
	"may still come about\"}";
static const char ending[] = "{\"error\":\"vmexitd is ending; try again when it runs\"}";

struct waiting {
	uint64_t id;
	struct order order;
	orders_answer_fn answer;
	void *answer_ctx;
	time_t deadline_s;
	struct waiting *next;
};

struct orders {
	orders_fn fn;
	void *ctx;
	struct mailbox *mailbox;	/* only tells that there is something */
	int timer;

	pthread_mutex_t lock;		/* of what follows */
	bool stopped;
	uint64_t last_id, last_begun;
	size_t count;
	struct waiting *first, **end;	/* by id */
};

static time_t now_s(void)
{
	return monotonic_ms() / 1000;
}

/* Take out the first with @id (0: any) that is due at @s. The caller frees it. */
static struct waiting *take(struct orders *o, uint64_t id, time_t s)
{
	struct waiting **link = &o->first, *w;

	pthread_mutex_lock(&o->lock);
	while (*link && !(id ? (*link)->id == id : (*link)->deadline_s <= s))
		link = &(*link)->next;
	w = *link;
	if (w) {
		*link = w->next;
		if (!w->next)
			o->end = link;
		o->count--;
	}
	pthread_mutex_unlock(&o->lock);
	return w;
}

static void answer_due(struct orders *o, time_t s, int status, const char *text)
{
	struct waiting *w;

	while ((w = take(o, 0, s))) {
		w->answer(w->answer_ctx, status, text);
		free(w);
	}
}

static void on_timer(void *ctx)
{
	answer_due(ctx, now_s(), 504, too_late);
}

/* The next that has not been begun. */
static bool begin_next(struct orders *o, uint64_t *ret_id, struct order *ret_order)
{
	struct waiting *w;

	pthread_mutex_lock(&o->lock);
	w = o->first;
	while (w && w->id <= o->last_begun)
		w = w->next;
	if (w) {
		o->last_begun = *ret_id = w->id;
		*ret_order = w->order;
	}
	pthread_mutex_unlock(&o->lock);
	return w;
}

static void on_mail(void *ctx, void *message)
{
	struct orders *o = ctx;
	struct order order;
	uint64_t id;

	(void)message;
	while (begin_next(o, &id, &order))
		o->fn(o->ctx, id, &order);
}

int orders_new(orders_fn fn, void *ctx, struct orders **ret_orders)
{
	struct orders *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	o->fn = fn;
	o->ctx = ctx;
	o->end = &o->first;
	o->timer = loop_add_timer(TICK_MS, on_timer, o);
	r = o->timer < 0 ? o->timer : mailbox_new(2 * WAITING_MAX, on_mail, o, &o->mailbox);
	if (r < 0) {
		if (o->timer >= 0)
			loop_remove_timer(o->timer);
		free(o);
		return r;
	}
	pthread_mutex_init(&o->lock, NULL);
	*ret_orders = o;
	return 0;
}

static int enqueue(struct orders *o, struct waiting *w)
{
	int r = 0;

	pthread_mutex_lock(&o->lock);
	if (o->stopped)
		r = -ESHUTDOWN;
	else if (o->count == WAITING_MAX)
		r = -EBUSY;
	/* In here, so that nothing is enqueued that nobody is told of. */
	if (r == 0)
		r = mailbox_put(o->mailbox, o);
	if (r == 0) {
		w->id = ++o->last_id;
		*o->end = w;
		o->end = &w->next;
		o->count++;
	}
	pthread_mutex_unlock(&o->lock);
	return r == -ENOBUFS ? -EBUSY : r;
}

int orders_give(struct orders *o, const struct order *order, orders_answer_fn answer,
		void *answer_ctx)
{
	struct waiting *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	*w = (struct waiting){
		.order = *order,
		.answer = answer,
		.answer_ctx = answer_ctx,
		.deadline_s = now_s() + DEADLINE_S,
	};
	r = enqueue(o, w);
	if (r < 0)
		free(w);
	return r;
}

void orders_answer(struct orders *o, uint64_t id, int status, const char *text)
{
	struct waiting *w = take(o, id, 0);

	if (!w)
		return;
	w->answer(w->answer_ctx, status, text);
	free(w);
}

void orders_stop(struct orders *o)
{
	pthread_mutex_lock(&o->lock);
	o->stopped = true;
	pthread_mutex_unlock(&o->lock);
	answer_due(o, now_s() + 2 * DEADLINE_S, 503, ending);
}

static void drop_mail(void *message)
{
	(void)message;
}

void orders_free(struct orders *o)
{
	if (!o)
		return;
	orders_stop(o);
	loop_remove_timer(o->timer);
	mailbox_free(o->mailbox, drop_mail);
	pthread_mutex_destroy(&o->lock);
	free(o);
}
