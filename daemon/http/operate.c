/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/operate.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/libvirt/attach.h"
#include "daemon/form/jsonout.h"
#include "daemon/base/worker.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

struct operate {
	char *uri;
	struct worker *worker;
	struct collect *collect;
	struct orders *orders;
};

/* Has copies of all it needs: it may outlive who waits for it. */
struct job {
	struct operate *operate;
	uint64_t id;
	struct order order;
	char *uri;
	struct attach_result result;
};

static void __attribute__((format(printf, 4, 5)))
refuse(struct operate *o, uint64_t id, int status, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	char message[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	(void)jsonout_error(message, &text);
	orders_answer(o->orders, id, status, text);
}

/* ---- attach and detach ---- */

static void free_job(struct job *job)
{
	if (!job)
		return;
	free(job->uri);
	free(job);
}

static void run_job(void *arg)
{
	struct job *job = arg;

	attach_run(job->uri, job->order.vm_key, job->order.kind == ORDER_DETACH, &job->result);
}

static void log_change(const struct job *job)
{
	bool remove = job->order.kind == ORDER_DETACH;
	const char *live = attach_word(job->result.live, remove);
	const char *config = attach_word(job->result.config, remove);

	log_notice("'%s': channel %s in the running machine, %s in its definition%s%s",
		   job->order.vm_name, live ? live : "not asked for",
		   config ? config : "not asked for", *job->result.error ? ": " : "",
		   job->result.error);
}

static void on_job_done(void *arg)
{
	_cleanup_free_ char *text = NULL;
	struct job *job = arg;

	log_change(job);
	(void)jsonout_attach(&job->order, &job->result, &text);
	orders_answer(job->operate->orders, job->id, job->result.status, text);
	free_job(job);
}

static void change_channel(struct operate *o, uint64_t id, const struct order *order)
{
	struct job *job;
	int r = -ENOMEM;

	if (!o->uri || !hostlink_is_domain(order->vm_key)) {
		refuse(o, id, 409,
		       "'%s' is no libvirt domain; give its QEMU a virtserialport named "
		       PROTO_PORT_NAME ", see vmexitd(8)",
		       order->vm_name);
		return;
	}
	job = calloc(1, sizeof(*job));
	if (job) {
		*job = (struct job){ .operate = o, .id = id, .order = *order };
		job->uri = strdup(o->uri);
	}
	if (job && job->uri)
		r = worker_start(o->worker, run_job, on_job_done, job);
	if (r < 0) {
		free_job(job);
		refuse(o, id, 503, "%s; try again",
		       r == -EBUSY ? "other changes are under way" : strerror(-r));
	}
}

/* ---- pace ---- */

static void change_pace(struct operate *o, uint64_t id, const struct order *order)
{
	_cleanup_free_ char *text = NULL;
	int r = collect_set_pace(o->collect, order->vm_key, order->interval_ms * 1000);

	switch (r) {
	case 0:
		(void)jsonout_pace(order, &text);
		orders_answer(o->orders, id, 200, text);
		break;
	case -ENOENT:
		refuse(o, id, 409, "'%s' has no channel to an agent; vmexitctl attach gives it one",
		       order->vm_name);
		break;
	case -ENOTCONN:
		refuse(o, id, 409, "no agent is connected in '%s'; is vmexit-agent running in its guest?", order->vm_name);
		break;
	case -EPROTONOSUPPORT:
		refuse(o, id, 409, "the agent in '%s' is too old to be told a rate; update it",
		       order->vm_name);
		break;
	default:
		refuse(o, id, 503, "%s; try again", strerror(-r));
	}
}

static void on_order(void *ctx, uint64_t id, const struct order *order)
{
	if (order->kind == ORDER_PACE)
		change_pace(ctx, id, order);
	else
		change_channel(ctx, id, order);
}

int operate_new(const char *uri, struct worker *worker, struct collect *collect,
		struct operate **ret_operate)
{
	struct operate *o = calloc(1, sizeof(*o));
	int r = 0;

	if (!o)
		return -ENOMEM;
	o->worker = worker;
	o->collect = collect;
	if (uri) {
		o->uri = strdup(uri);
		r = o->uri ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = orders_new(on_order, o, &o->orders);
	if (r < 0) {
		operate_free(o);
		return r;
	}
	*ret_operate = o;
	return 0;
}

void operate_free(struct operate *o)
{
	if (!o)
		return;
	orders_free(o->orders);
	free(o->uri);
	free(o);
}

struct orders *operate_orders(struct operate *o)
{
	return o->orders;
}
