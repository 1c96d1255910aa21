/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host/virtstats.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest-agent/shared/log.h"

#define FREE_WAIT_S 1
#define KEEPALIVE_S 5			/* so that a libvirtd that hangs ends a call */
#define KEEPALIVE_COUNT 3

/* A domain as a thread's connection knows it. */
struct handle {
	char uuid[VIRTSTATS_UUID_MAX + 1];
	virDomainPtr dom;
};

struct caller {
	struct virtstats *pool;
	pthread_t thread;
	struct virtstats_call *call;	/* being made; under the pool's lock */

	/* The thread's own. */
	virConnectPtr conn;
	struct handle *handles;
	size_t handles_count;
};

struct virtstats {
	char *uri;
	virtstats_fn fn;
	void *ctx;
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t wake, idle;
	bool stop;
	bool complained;
	struct caller callers[VIRTSTATS_THREADS_MAX];
	size_t callers_count;
	size_t running;
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void complain(struct virtstats *v, const char *what)
{
	virErrorPtr error = virGetLastError();
	bool before;

	pthread_mutex_lock(&v->lock);
	before = v->complained;
	v->complained = true;
	pthread_mutex_unlock(&v->lock);
	if (!before)
		log_warning("host counters: %s: %s; will retry", what,
			    error && error->message ? error->message : "unknown");
}

/* ---- connection ---- */

static void drop_handles(struct caller *c)
{
	for (size_t i = 0; i < c->handles_count; i++) {
		if (c->handles[i].dom)
			(void)virDomainFree(c->handles[i].dom);
	}
	free(c->handles);
	c->handles = NULL;
	c->handles_count = 0;
}

static void disconnect(struct caller *c)
{
	drop_handles(c);
	if (c->conn)
		(void)virConnectClose(c->conn);
	c->conn = NULL;
}

static bool connect_libvirt(struct caller *c)
{
	if (c->conn && virConnectIsAlive(c->conn) == 1)
		return true;
	disconnect(c);
	c->conn = virConnectOpenReadOnly(c->pool->uri);
	if (!c->conn) {
		complain(c->pool, c->pool->uri);
		return false;
	}
	/* Drivers inside this process have none; that is no loss. */
	(void)virConnectSetKeepAlive(c->conn, KEEPALIVE_S, KEEPALIVE_COUNT);
	return true;
}

static virDomainPtr take_handle(struct caller *c, const char *uuid, size_t at)
{
	for (size_t i = 0; i < c->handles_count; i++) {
		struct handle *h = &c->handles[(at + i) % c->handles_count];

		if (h->dom && strcmp(h->uuid, uuid) == 0) {
			virDomainPtr dom = h->dom;

			h->dom = NULL;
			return dom;
		}
	}
	return virDomainLookupByUUIDString(c->conn, uuid);
}

/* Handles of the call's domains, in their order; a domain that is not there has none. */
static int take_handles(struct caller *c, const struct virtstats_call *call)
{
	struct handle *handles = calloc(call->count + 1, sizeof(*handles));

	if (!handles)
		return -ENOMEM;
	for (size_t i = 0; i < call->count; i++) {
		memcpy(handles[i].uuid, call->domains[i].uuid, sizeof(handles[i].uuid));
		handles[i].dom = take_handle(c, handles[i].uuid, i);
	}
	drop_handles(c);
	c->handles = handles;
	c->handles_count = call->count;
	return 0;
}

/* ---- a call ---- */

/* The vCPU's number if @field is "vcpu.N.@rest", else -1. */
static int vcpu_of(const char *field, const char *rest)
{
	unsigned int vcpu;
	int end = 0;

	if (sscanf(field, "vcpu.%u.%n", &vcpu, &end) != 1 || end == 0)
		return -1;
	return strcmp(field + end, rest) == 0 ? (int)vcpu : -1;
}

/* When a call was made. */
struct span {
	int64_t before_ns, after_ns;
};

/* libvirt passes KVM's names through: of a patched KVM, those of cycles too. */
static void take_record(const virDomainStatsRecord *record, const struct span *span,
			struct virtstats_domain *d)
{
	uint64_t exits = 0, handling = 0, away = 0;
	uint32_t vcpus = 0;

	for (int i = 0; i < record->nparams; i++) {
		const virTypedParameter *p = &record->params[i];

		if (p->type != VIR_TYPED_PARAM_ULLONG)
			continue;
		if (vcpu_of(p->field, "exits.sum") >= 0) {
			exits += p->value.ul;
			vcpus++;
		} else if (vcpu_of(p->field, "exit_handling_cycles.sum") >= 0) {
			handling += p->value.ul;
		} else if (vcpu_of(p->field, "exit_away_cycles.sum") >= 0) {
			away += p->value.ul;
		}
	}
	if (vcpus == 0)
		return;
	if (d->readings == 0) {
		d->vcpus = vcpus;
		/* They are there and zero in a VM whose exits are only counted. */
		d->has_cycles = handling > 0;
		d->handling_cycles = handling;
		d->away_cycles = away;
	}
	/* The call does not say when each was read: the middle errs least. */
	d->reading[d->readings].t_ns = span->before_ns + (span->after_ns - span->before_ns) / 2;
	d->reading[d->readings].error_ns = (span->after_ns - span->before_ns) / 2;
	d->reading[d->readings].exits = exits;
	d->readings++;
	d->answer = VIRTSTATS_ANSWERS;
}

/* Records are in the order of the domains, less those that have gone. */
static void take_records(struct caller *c, virDomainStatsRecordPtr *records, int n,
			 const struct span *span, struct virtstats_call *call)
{
	size_t at = 0;

	for (int i = 0; i < n; i++) {
		char uuid[VIR_UUID_STRING_BUFLEN];

		if (virDomainGetUUIDString(records[i]->dom, uuid) < 0)
			continue;
		while (at < call->count &&
		       (!c->handles[at].dom || strcmp(call->domains[at].uuid, uuid) != 0))
			at++;
		if (at == call->count)
			break;
		take_record(records[i], span, &call->domains[at]);
	}
}

static bool read_once(struct caller *c, virDomainPtr *doms, struct virtstats_call *call)
{
	unsigned int stats =
		call->kind == VIRTSTATS_READ ? VIR_DOMAIN_STATS_VCPU : VIR_DOMAIN_STATS_IOTHREAD;
	virDomainStatsRecordPtr *records = NULL;
	struct span span = { .before_ns = clock_ns(CLOCK_REALTIME) };
	int n = virDomainListGetStats(doms, stats, &records,
				      VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);

	if (n < 0)
		return false;
	span.after_ns = clock_ns(CLOCK_REALTIME);
	if (call->kind == VIRTSTATS_READ)
		take_records(c, records, n, &span, call);
	virDomainStatsRecordListFree(records);
	return true;
}

/* Neither of these waits for QEMU: libvirt only tells what it is waiting for. */
static void ask_control(virDomainPtr dom, struct virtstats_domain *d)
{
	virDomainControlInfo info;

	if (virDomainGetControlInfo(dom, &info, 0) < 0)
		return;
	switch (info.state) {
	case VIR_DOMAIN_CONTROL_OCCUPIED:
		d->answer = VIRTSTATS_OCCUPIED;
		d->occupied_ms = info.stateTime;
		break;
	case VIR_DOMAIN_CONTROL_ERROR:
		d->answer = info.details == VIR_DOMAIN_CONTROL_ERROR_REASON_MONITOR
				    ? VIRTSTATS_BROKEN
				    : VIRTSTATS_UNKNOWN;
		break;
	default:
		d->answer = VIRTSTATS_ANSWERS;
	}
}

static bool ask(struct caller *c, struct virtstats_call *call)
{
	virDomainPtr *doms = calloc(call->count + 1, sizeof(*doms));
	int times = call->measure ? VIRTSTATS_READINGS : 1;
	bool good = doms && take_handles(c, call) == 0;
	size_t n = 0;

	for (size_t i = 0; good && i < call->count; i++) {
		if (c->handles[i].dom)
			doms[n++] = c->handles[i].dom;
	}
	for (int i = 0; good && n > 0 && i < times; i++)
		good = read_once(c, doms, call);
	for (size_t i = 0; good && i < call->count; i++) {
		if (c->handles[i].dom && call->domains[i].readings == 0)
			ask_control(c->handles[i].dom, &call->domains[i]);
	}
	free(doms);
	return good;
}

static void make_call(struct caller *c, struct virtstats_call *call)
{
	bool connected;

	call->begun_ns = clock_ns(CLOCK_MONOTONIC);
	connected = connect_libvirt(c);
	call->failed = !connected || !ask(c, call);
	call->ended_ns = clock_ns(CLOCK_MONOTONIC);
	if (connected && call->failed) {
		complain(c->pool, "cannot read the domains' statistics");
		disconnect(c);
	}
	if (!call->failed) {
		pthread_mutex_lock(&c->pool->lock);
		c->pool->complained = false;
		pthread_mutex_unlock(&c->pool->lock);
	}
}

/* ---- threads ---- */

static void *run(void *arg)
{
	struct caller *c = arg;
	struct virtstats *v = c->pool;

	pthread_mutex_lock(&v->lock);
	for (;;) {
		struct virtstats_call *call;
		bool stop;

		while (!v->stop && !c->call)
			pthread_cond_wait(&v->wake, &v->lock);
		if (v->stop)
			break;
		call = c->call;
		pthread_mutex_unlock(&v->lock);
		make_call(c, call);
		pthread_mutex_lock(&v->lock);
		c->call = NULL;
		stop = v->stop;
		pthread_mutex_unlock(&v->lock);
		if (stop)
			free(call);
		else
			v->fn(v->ctx, call);
		pthread_mutex_lock(&v->lock);
	}
	pthread_mutex_unlock(&v->lock);
	disconnect(c);
	pthread_mutex_lock(&v->lock);
	v->running--;
	pthread_cond_broadcast(&v->idle);
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

struct virtstats *virtstats_new(const char *uri, virtstats_fn fn, void *ctx)
{
	struct virtstats *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->uri = strdup(uri);
	if (!v->uri) {
		free(v);
		return NULL;
	}
	v->fn = fn;
	v->ctx = ctx;
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->wake, NULL);
	pthread_cond_init(&v->idle, NULL);
	return v;
}

/* With the lock held. */
static struct caller *idle_caller(struct virtstats *v)
{
	struct caller *c;

	for (size_t i = 0; i < v->callers_count; i++) {
		if (!v->callers[i].call)
			return &v->callers[i];
	}
	if (v->callers_count == VIRTSTATS_THREADS_MAX)
		return NULL;
	c = &v->callers[v->callers_count];
	c->pool = v;
	if (pthread_create(&c->thread, NULL, run, c) != 0)
		return NULL;
	pthread_detach(c->thread);
	v->callers_count++;
	v->running++;
	return c;
}

int virtstats_start(struct virtstats *v, struct virtstats_call *call)
{
	struct caller *c;

	pthread_mutex_lock(&v->lock);
	c = idle_caller(v);
	if (c) {
		c->call = call;
		pthread_cond_broadcast(&v->wake);
	}
	pthread_mutex_unlock(&v->lock);
	return c ? 0 : -EBUSY;
}

bool virtstats_free(struct virtstats *v)
{
	struct timespec deadline;
	bool ended;

	if (!v)
		return true;
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += FREE_WAIT_S;
	pthread_mutex_lock(&v->lock);
	v->stop = true;
	pthread_cond_broadcast(&v->wake);
	while (v->running > 0 && pthread_cond_timedwait(&v->idle, &v->lock, &deadline) == 0)
		;
	ended = v->running == 0;
	pthread_mutex_unlock(&v->lock);
	if (!ended)
		return false;
	pthread_cond_destroy(&v->idle);
	pthread_cond_destroy(&v->wake);
	pthread_mutex_destroy(&v->lock);
	free(v->uri);
	free(v);
	return true;
}
