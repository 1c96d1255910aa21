/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/live.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/base/monotonic.h"
#include "daemon/form/jsonlive.h"
#include "daemon/query/query.h"
#include "daemon/version.h"
#include "guest-agent/shared/cleanup.h"

#define BATCH 512			/* samples per statement, and per wake-up */
#define KEEPALIVE_S 15

/* So long a client that was cut off may take to come back and find all its details. */
#define WATCHED_S 60

struct live {
	live_wake_fn wake;
	void *ctx;
	struct query *query;
	struct recent *recent;
	int64_t last_id;		/* of the samples read; the thread's own, as is: */
	int batch;			/* samples of the statement under way */
	pthread_t thread;
	bool started;

	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t more;
	bool stop, committed, records;
	struct livering *ring;
};

static const char greeting[] = "retry: 2000\nevent: hello\ndata: {\"version\": \"" VMEXIT_VERSION
			       "\"}\n\n";
static const char loss[] = "event: lost\ndata: {}\n\n";

static int64_t now_s(void)
{
	return monotonic_ms() / 1000;
}

static int64_t host_ns(void)
{
	return time(NULL) * 1000000000LL;
}

static void push_notice(struct live *live, enum livering_notice kind, const char *text)
{
	pthread_mutex_lock(&live->lock);
	(void)livering_notice(live->ring, kind, text);
	pthread_mutex_unlock(&live->lock);
}

/* The VM of a sample, or NULL; whether somebody wants its details. */
static struct livevm *vm_of(struct live *live, const char *key, bool *ret_watched)
{
	struct livevm *vm;

	pthread_mutex_lock(&live->lock);
	vm = livering_vm(live->ring, key);
	*ret_watched = vm && (vm->watchers > 0 || now_s() < vm->watched_until);
	pthread_mutex_unlock(&live->lock);
	return vm;
}

/* An event with @json, an object, and in it @reasons unless that is NULL. */
static char *event_text(int64_t id, const char *json, const char *reasons)
{
	char *text;
	int n = asprintf(&text, "id: %lld\nevent: sample\ndata: %.*s%s%s}\n\n", (long long)id,
			 (int)strlen(json) - 1, json, reasons ? ",\"reasons\":" : "",
			 reasons ? reasons : "");

	return n < 0 ? NULL : text;
}

static int push_sample(void *ctx, const struct query_vm *query_vm, const struct row_pair *pair)
{
	_cleanup_free_ char *json = NULL, *reasons = NULL, *text = NULL, *detail = NULL;
	struct live *live = ctx;
	bool watched;
	struct livevm *vm = vm_of(live, query_vm->key, &watched);
	int64_t id = pair->row.id;
	int r = jsonlive_sample(query_vm, pair, &json);

	if (r == 0 && watched)
		r = jsonlive_reasons(pair, &reasons);
	if (r < 0)
		return r;
	text = event_text(id, json, NULL);
	detail = watched ? event_text(id, json, reasons) : NULL;
	if (!text)
		return -ENOMEM;
	pthread_mutex_lock(&live->lock);
	(void)livering_sample(live->ring, vm, pair->row.source, id, text, detail);
	pthread_mutex_unlock(&live->lock);
	/* Without memory lines lack something for an hour. */
	(void)recent_add(live->recent, query_vm, pair, host_ns());
	live->last_id = id;
	live->batch++;
	return 0;
}

static void read_new(struct live *live)
{
	do {
		live->batch = 0;
		if (query_since(live->query, live->last_id, BATCH, push_sample, live) < 0)
			return;
		if (live->batch == BATCH)
			live->wake(live->ctx);
	} while (live->batch == BATCH);
}

static void *run(void *arg)
{
	struct live *live = arg;
	bool stop, committed, records;

	/* Lines that lack their past are no reason for not serving. */
	(void)recent_fill(live->recent, live->query, host_ns());
	do {
		struct timespec deadline;

		clock_gettime(CLOCK_MONOTONIC, &deadline);
		deadline.tv_sec += KEEPALIVE_S;
		pthread_mutex_lock(&live->lock);
		while (!live->stop && !live->committed && !live->records) {
			if (pthread_cond_timedwait(&live->more, &live->lock, &deadline) ==
			    ETIMEDOUT)
				break;
		}
		stop = live->stop;
		committed = live->committed;
		records = live->records;
		live->committed = live->records = false;
		pthread_mutex_unlock(&live->lock);
		if (records)
			push_notice(live, LIVERING_VMS_CHANGED, "event: vms\ndata: {}\n\n");
		if (committed)
			read_new(live);
		/* A comment shows a client that is gone, and a proxy that we are not. */
		if (!records && !committed)
			push_notice(live, LIVERING_ALIVE, ":\n\n");
		live->wake(live->ctx);
	} while (!stop);
	return NULL;
}

int live_new(const char *database, struct recent *recent, live_wake_fn wake, void *ctx, struct live **ret_live)
{
	struct live *live = calloc(1, sizeof(*live));
	pthread_condattr_t attr;
	int r;

	if (!live)
		return -ENOMEM;
	live->recent = recent;
	live->wake = wake;
	live->ctx = ctx;
	pthread_mutex_init(&live->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&live->more, &attr);
	pthread_condattr_destroy(&attr);
	r = query_open(database, &live->query);
	if (r == 0)
		r = query_last_id(live->query, &live->last_id);
	if (r == 0)
		r = livering_new(live->last_id, greeting, loss, &live->ring);
	if (r == 0)
		r = -pthread_create(&live->thread, NULL, run, live);
	live->started = r == 0;
	if (r < 0) {
		live_free(live);
		return r;
	}
	*ret_live = live;
	return 0;
}

void live_stop(struct live *live)
{
	pthread_mutex_lock(&live->lock);
	live->stop = true;
	pthread_cond_signal(&live->more);
	pthread_mutex_unlock(&live->lock);
	if (live->started)
		pthread_join(live->thread, NULL);
	live->started = false;
}

void live_free(struct live *live)
{
	if (!live)
		return;
	live_stop(live);
	query_free(live->query);
	livering_free(live->ring);
	pthread_cond_destroy(&live->more);
	pthread_mutex_destroy(&live->lock);
	free(live);
}

void live_committed(struct live *live, bool records)
{
	pthread_mutex_lock(&live->lock);
	live->committed = true;
	live->records |= records;
	pthread_cond_signal(&live->more);
	pthread_mutex_unlock(&live->lock);
}

int live_begin(struct live *live, struct live_reader *reader, const struct live_want *want)
{
	struct livevm *vm = NULL, *detail = NULL;
	int r = 0;

	pthread_mutex_lock(&live->lock);
	if (*want->vm)
		vm = livering_vm(live->ring, want->vm);
	if (*want->detail)
		detail = livering_vm(live->ring, want->detail);
	if ((*want->vm && !vm) || (*want->detail && !detail))
		r = -ENOMEM;
	else
		livering_begin(live->ring, &reader->at, vm, detail, want->last_id);
	pthread_mutex_unlock(&live->lock);
	return r;
}

void live_end(struct live *live, struct live_reader *reader)
{
	pthread_mutex_lock(&live->lock);
	if (reader->at.detail)
		reader->at.detail->watched_until = now_s() + WATCHED_S;
	livering_end(live->ring, &reader->at);
	pthread_mutex_unlock(&live->lock);
}

int live_read(struct live *live, struct live_reader *reader, char *buf, size_t size)
{
	size_t copied;
	bool stop;

	pthread_mutex_lock(&live->lock);
	copied = livering_read(live->ring, &reader->at, buf, size);
	stop = live->stop;
	pthread_mutex_unlock(&live->lock);
	return copied == 0 && stop ? -1 : (int)copied;
}
