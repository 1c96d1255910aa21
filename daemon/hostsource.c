/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hostsource.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/loop.h"
#include "guest-agent/shared/log.h"

#define QUEUE_MAX 8192			/* readings; a main loop that far behind loses some */
#define RETRY_NS 2000000000LL
#define FREE_WAIT_S 1

struct hostsource {
	char *uri;
	int64_t interval_ns;
	hostsource_fn fn;
	void *ctx;
	int event_fd;
	int watch;
	pthread_t thread;

	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t wake;
	bool stop, poke;
	struct host_reading *queue;
	size_t queued;

	/* The thread's own. */
	virConnectPtr conn;
	bool complained;
};

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void complain(struct hostsource *h, const char *what)
{
	virErrorPtr error = virGetLastError();

	if (!h->complained)
		log_warning("host counters: %s: %s; graphs lack the host's view, will retry", what,
			    error && error->message ? error->message : "unknown");
	h->complained = true;
}

/* "vcpu.N.exits.sum" of every vCPU; others (libvirt 8.10 and later) are not ours. */
static bool sum_exits(virDomainStatsRecordPtr record, struct host_reading *reading)
{
	for (int i = 0; i < record->nparams; i++) {
		virTypedParameterPtr p = &record->params[i];
		unsigned int vcpu;
		int end = 0;

		if (p->type == VIR_TYPED_PARAM_ULLONG &&
		    sscanf(p->field, "vcpu.%u.exits.sum%n", &vcpu, &end) == 1 && end > 0 &&
		    p->field[end] == '\0') {
			reading->exits += p->value.ul;
			reading->vcpus++;
		}
	}
	return reading->vcpus > 0;
}

static void push(struct hostsource *h, const struct host_reading *reading)
{
	pthread_mutex_lock(&h->lock);
	if (h->queued < QUEUE_MAX)
		h->queue[h->queued++] = *reading;
	pthread_mutex_unlock(&h->lock);
}

static void read_all(struct hostsource *h)
{
	virDomainStatsRecordPtr *records = NULL;
	int64_t before_ns = clock_ns(CLOCK_REALTIME);
	int n = virConnectGetAllDomainStats(h->conn, VIR_DOMAIN_STATS_VCPU, &records,
					    VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE |
						    VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
	int64_t after_ns = clock_ns(CLOCK_REALTIME);
	uint64_t one = 1;

	if (n < 0) {
		complain(h, "cannot read the domains' statistics");
		if (virConnectIsAlive(h->conn) != 1) {
			(void)virConnectClose(h->conn);
			h->conn = NULL;
		}
		return;
	}
	h->complained = false;
	for (int i = 0; i < n; i++) {
		/* The call does not say when each was read: the middle errs least. */
		struct host_reading reading = {
			.t_ns = before_ns + (after_ns - before_ns) / 2,
			.error_ns = (after_ns - before_ns) / 2,
		};

		if (sum_exits(records[i], &reading) &&
		    virDomainGetUUIDString(records[i]->dom, reading.uuid) == 0)
			push(h, &reading);
	}
	virDomainStatsRecordListFree(records);
	if (write(h->event_fd, &one, sizeof(one)) < 0)
		log_debug("host counters: eventfd: %s", strerror(errno));
}

/* Until @deadline_ns (CLOCK_MONOTONIC) or a poke; false when it is time to end. */
static bool sleep_until(struct hostsource *h, int64_t deadline_ns)
{
	struct timespec ts = { deadline_ns / 1000000000, deadline_ns % 1000000000 };
	bool go_on;

	pthread_mutex_lock(&h->lock);
	while (!h->stop && !h->poke) {
		if (pthread_cond_timedwait(&h->wake, &h->lock, &ts) == ETIMEDOUT)
			break;
	}
	h->poke = false;
	go_on = !h->stop;
	pthread_mutex_unlock(&h->lock);
	return go_on;
}

static void *run(void *arg)
{
	struct hostsource *h = arg;
	int64_t next_ns = clock_ns(CLOCK_MONOTONIC);

	do {
		int64_t now_ns;

		if (!h->conn) {
			h->conn = virConnectOpenReadOnly(h->uri);
			if (!h->conn)
				complain(h, h->uri);
		}
		if (h->conn)
			read_all(h);
		now_ns = clock_ns(CLOCK_MONOTONIC);
		if (!h->conn)
			next_ns = now_ns + RETRY_NS;
		while (next_ns <= now_ns)
			next_ns += h->interval_ns;
	} while (sleep_until(h, next_ns));
	if (h->conn)
		(void)virConnectClose(h->conn);
	return NULL;
}

static void on_event(int fd, int events, void *ctx)
{
	struct hostsource *h = ctx;
	struct host_reading *readings;
	uint64_t n_events;
	size_t n;

	(void)events;
	if (read(fd, &n_events, sizeof(n_events)) < 0)
		return;
	pthread_mutex_lock(&h->lock);
	n = h->queued;
	readings = n ? malloc(n * sizeof(*readings)) : NULL;
	if (readings)
		memcpy(readings, h->queue, n * sizeof(*readings));
	h->queued = 0;
	pthread_mutex_unlock(&h->lock);
	for (size_t i = 0; readings && i < n; i++)
		h->fn(h->ctx, &readings[i]);
	free(readings);
}

static void release(struct hostsource *h)
{
	if (h->watch >= 0)
		loop_remove_fd(h->watch);
	if (h->event_fd >= 0)
		close(h->event_fd);
	free(h->queue);
	free(h->uri);
	free(h);
}

int hostsource_new(const char *uri, unsigned int interval_ms, hostsource_fn fn, void *ctx,
		   struct hostsource **ret_hostsource)
{
	struct hostsource *h = calloc(1, sizeof(*h));
	pthread_condattr_t attr;
	int r;

	if (!h)
		return -ENOMEM;
	h->interval_ns = interval_ms * 1000000LL;
	h->fn = fn;
	h->ctx = ctx;
	h->watch = -1;
	h->uri = strdup(uri);
	h->queue = malloc(QUEUE_MAX * sizeof(*h->queue));
	h->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->event_fd >= 0)
		h->watch = loop_add_fd(h->event_fd, LOOP_READ, on_event, h);
	if (!h->uri || !h->queue || h->watch < 0) {
		release(h);
		return -ENOMEM;
	}
	pthread_mutex_init(&h->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->wake, &attr);
	pthread_condattr_destroy(&attr);
	r = pthread_create(&h->thread, NULL, run, h);
	if (r) {
		release(h);
		return -r;
	}
	*ret_hostsource = h;
	return 0;
}

void hostsource_free(struct hostsource *h)
{
	struct timespec deadline;

	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stop = true;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += FREE_WAIT_S;
	/* A thread stuck in libvirt keeps its memory; the process ends anyway. */
	if (pthread_timedjoin_np(h->thread, NULL, &deadline) == 0)
		release(h);
}

void hostsource_poke(struct hostsource *h)
{
	pthread_mutex_lock(&h->lock);
	h->poke = true;
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
}
