/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/live.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/form/jsonout.h"
#include "daemon/query/query.h"
#include "daemon/version.h"

#define EVENTS 4096			/* remembered */
#define BATCH 512			/* samples per statement */
#define KEEPALIVE_S 15

struct event {
	int64_t id;			/* sample's; 0 when it is none */
	char vm[RECORD_KEY_MAX + 1];	/* "" is for everybody */
	char *text;
	size_t len;
};

struct live {
	live_wake_fn wake;
	void *ctx;
	struct query *query;
	int64_t last_id;		/* of the samples read; the thread's own, as is: */
	int batch;			/* samples of the statement under way */
	pthread_t thread;
	bool started;

	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t more;
	bool stop, committed, records;
	struct event events[EVENTS];
	uint64_t head;			/* number of the next event to be made */
};

static const char greeting[] = "retry: 2000\nevent: hello\ndata: {\"version\": \"" VMEXIT_VERSION
			       "\"}\n\n";
static const char loss[] = "event: lost\ndata: {}\n\n";

/* Takes ownership of @text. */
static void push(struct live *live, int64_t id, const char *vm, char *text)
{
	struct event *event;

	if (!text)
		return;
	pthread_mutex_lock(&live->lock);
	event = &live->events[live->head++ % EVENTS];
	free(event->text);
	event->id = id;
	snprintf(event->vm, sizeof(event->vm), "%s", vm);
	event->text = text;
	event->len = strlen(text);
	pthread_mutex_unlock(&live->lock);
}

static int push_sample(void *ctx, const struct query_vm *vm, const struct row_pair *pair)
{
	struct live *live = ctx;
	char *json, *text;
	int r = jsonout_live(vm, pair, &json);

	if (r < 0)
		return r;
	if (asprintf(&text, "id: %lld\nevent: sample\ndata: %s\n\n", (long long)pair->row.id,
		     json) < 0)
		text = NULL;
	free(json);
	push(live, pair->row.id, vm->key, text);
	live->last_id = pair->row.id;
	live->batch++;
	return 0;
}

static void read_new(struct live *live)
{
	do {
		live->batch = 0;
		if (query_since(live->query, live->last_id, BATCH, push_sample, live) < 0)
			return;
	} while (live->batch == BATCH);
}

static void *run(void *arg)
{
	struct live *live = arg;
	bool stop, committed, records;

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
			push(live, 0, "", strdup("event: vms\ndata: {}\n\n"));
		if (committed)
			read_new(live);
		/* A comment shows a client that is gone, and a proxy that we are not. */
		if (!records && !committed)
			push(live, 0, "", strdup(":\n\n"));
		live->wake(live->ctx);
	} while (!stop);
	return NULL;
}

int live_new(const char *database, live_wake_fn wake, void *ctx, struct live **ret_live)
{
	struct live *live = calloc(1, sizeof(*live));
	pthread_condattr_t attr;
	int r;

	if (!live)
		return -ENOMEM;
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
	for (size_t i = 0; i < EVENTS; i++)
		free(live->events[i].text);
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

static uint64_t oldest(const struct live *live)
{
	return live->head > EVENTS ? live->head - EVENTS : 0;
}

void live_begin(struct live *live, struct live_reader *reader, const char *vm, int64_t last_id)
{
	memset(reader, 0, sizeof(*reader));
	snprintf(reader->vm, sizeof(reader->vm), "%s", vm);
	pthread_mutex_lock(&live->lock);
	reader->next = live->head;
	if (last_id > 0) {
		uint64_t n = live->head;

		/* Back to the event with that id; not found, the reader is told. */
		while (n > oldest(live) && live->events[(n - 1) % EVENTS].id != last_id)
			n--;
		if (n > oldest(live))
			reader->next = n;
		else if (last_id != live->last_id)
			reader->next = UINT64_MAX;
	}
	pthread_mutex_unlock(&live->lock);
}

/* The text due now, or NULL. */
static const char *due(struct live *live, struct live_reader *reader, size_t *ret_len)
{
	if (!reader->greeted) {
		*ret_len = sizeof(greeting) - 1;
		return greeting;
	}
	if (reader->next > live->head || reader->next < oldest(live)) {
		*ret_len = sizeof(loss) - 1;
		return loss;
	}
	while (reader->next < live->head) {
		const struct event *event = &live->events[reader->next % EVENTS];

		if (!*event->vm || !*reader->vm || strcmp(event->vm, reader->vm) == 0) {
			*ret_len = event->len;
			return event->text;
		}
		reader->next++;
	}
	return NULL;
}

static void advance(struct live *live, struct live_reader *reader)
{
	reader->offset = 0;
	if (!reader->greeted)
		reader->greeted = true;
	else if (reader->next > live->head || reader->next < oldest(live))
		reader->next = live->head;
	else
		reader->next++;
}

int live_read(struct live *live, struct live_reader *reader, char *buf, size_t size)
{
	size_t copied = 0;
	const char *text;
	size_t len;

	pthread_mutex_lock(&live->lock);
	while (copied < size && (text = due(live, reader, &len))) {
		size_t n = len - reader->offset < size - copied ? len - reader->offset
								: size - copied;

		memcpy(buf + copied, text + reader->offset, n);
		copied += n;
		reader->offset += n;
		if (reader->offset == len)
			advance(live, reader);
	}
	pthread_mutex_unlock(&live->lock);
	return copied == 0 && live->stop ? -1 : (int)copied;
}
