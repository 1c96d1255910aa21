/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/remote/remote.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/monotonic.h"
#include "daemon/query/unsent.h"
#include "daemon/remote/remotefeed.h"
#include "daemon/remote/remotelabels.h"
#include "guest-agent/shared/log.h"

/* A request under way ends within a second. */
#define STOP_S 3

#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 60000

/* A connection that was cut off is taken for a restart once in so many times to settle. */
#define RESTART_RARE 4

struct remote {
	struct remote_settings settings;
	char host[256];
	struct remotelabels labels;
	struct remotefeed feed;
	struct remotesend send;
	bool has_lost;
	uint64_t lost, lost_said;	/* ever */
	/* Since the receiver was last there; 0: it is. */
	int64_t failing_ms, backoff_ms;
	uint64_t sent_before;		/* send.sent when it failed */
	uint64_t sent_failed;		/* likewise, the last time */
	bool was_late;			/* it has to catch up */
	int64_t restarted_ms;		/* when it may have; 0: never */
	uint64_t sent_restarted;	/* send.sent when it was told again, or that was not needed */
	pthread_t thread;
	bool started;
	bool is_left;			/* the thread, which did not end in time */
	atomic_bool stop;

	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t wake;
	struct remote_stats stats;
	struct sent_list settled;	/* not fetched yet */
};

static int64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static bool stops(struct remote *r)
{
	return atomic_load(&r->stop);
}

const char *remote_state_word(enum remote_state state)
{
	static const char *const words[] = {
		[REMOTE_BEGINS] = "beginning",
		[REMOTE_SENDS] = "sending",
		[REMOTE_CATCHES_UP] = "catching up",
		[REMOTE_WAITS] = "waiting",
	};

	return words[state];
}

/* Counts as they are now; @lag_ns below 0: as it was. */
static void publish(struct remote *r, enum remote_state state, int64_t lag_ns)
{
	struct remote_stats *s = &r->stats;

	pthread_mutex_lock(&r->lock);
	s->state = state;
	if (lag_ns >= 0)
		s->lag_s = lag_ns / 1e9;
	if (r->send.requests - r->send.failures > s->requests - s->failures)
		s->taken_ns = wall_ns();
	s->sent = r->send.sent;
	s->refused = r->send.refused;
	s->lost = r->lost;
	s->values = r->send.values;
	s->bytes = r->send.bytes;
	s->requests = r->send.requests;
	s->failures = r->send.failures;
	if (state == REMOTE_WAITS || r->send.last.result == REMOTEPUSH_REFUSED)
		snprintf(s->error, sizeof(s->error), "%ld: %s", r->send.last.status, r->send.last.words);
	else
		s->error[0] = '\0';
	pthread_mutex_unlock(&r->lock);
}

void remote_get_stats(struct remote *remote, struct remote_stats *ret_stats)
{
	pthread_mutex_lock(&remote->lock);
	*ret_stats = remote->stats;
	pthread_mutex_unlock(&remote->lock);
}

/* ---- positions ---- */

static int tell_settled(void *ctx, const struct sent *sent)
{
	struct remote *r = ctx;
	int error;

	pthread_mutex_lock(&r->lock);
	error = sent_note(&r->settled, sent);
	pthread_mutex_unlock(&r->lock);
	return error;
}

void remote_settled(struct remote *remote, sent_fn fn, void *ctx)
{
	pthread_mutex_lock(&remote->lock);
	for (size_t i = 0; i < remote->settled.count; i++)
		(void)fn(ctx, &remote->settled.sent[i]);
	remote->settled.count = 0;
	pthread_mutex_unlock(&remote->lock);
}

/* ---- the receiver comes and goes ---- */

static void step(void *ctx, int64_t lag_ns, bool is_behind)
{
	struct remote *r = ctx;
	bool waits = r->failing_ms && r->send.sent == r->sent_before;

	r->was_late |= is_behind;
	publish(r, waits ? REMOTE_WAITS
		   : r->was_late ? REMOTE_CATCHES_UP
		   : r->send.requests ? REMOTE_SENDS
				      : REMOTE_BEGINS, lag_ns);
}

static void note_failure(struct remote *r)
{
	const struct remotepush_answer *a = &r->send.last;

	if (!r->failing_ms) {
		r->failing_ms = monotonic_ms();
		r->sent_before = r->send.sent;
		r->was_late = true;
		if (a->status)
			log_warning("remote write: the receiver answers %ld, %s; samples wait in the "
				    "database, will retry", a->status, a->words);
		else
			log_warning("remote write: no answer (%s); samples wait in the database, will "
				    "retry", a->words);
	}
	/* One that takes something now and then is not left alone for longer each time. */
	r->backoff_ms = r->backoff_ms && r->send.sent == r->sent_failed ? 2 * r->backoff_ms
									: BACKOFF_MIN_MS;
	r->sent_failed = r->send.sent;
	if (r->backoff_ms > BACKOFF_MAX_MS)
		r->backoff_ms = BACKOFF_MAX_MS;
}

static void note_lost(struct remote *r)
{
	bool is_first = !r->has_lost;

	if (unsent_lost(r->feed.query, &r->lost) < 0)
		return;
	r->has_lost = true;
	if (is_first)
		r->lost_said = r->lost;
	if (r->lost > r->lost_said)
		log_warning("remote write: %llu samples were dropped for their age before they could be "
			    "sent", (unsigned long long)(r->lost - r->lost_said));
	r->lost_said = r->lost;
}

static void note_success(struct remote *r)
{
	if (r->failing_ms)
		log_notice("remote write: goes on after %lld s; %llu samples had waited",
			   (long long)((monotonic_ms() - r->failing_ms) / 1000),
			   (unsigned long long)(r->send.sent - r->sent_before));
	r->failing_ms = r->backoff_ms = 0;
	r->was_late = false;
}

/* Tell again what has not settled. */
static void tell_again(struct remote *r)
{
	remotefeed_rewind(&r->feed, true);
	r->sent_restarted = r->send.sent;
	r->feed.holds = false;
}

/*
 * A receiver that may have forgotten is told again: at once, but if it seems to restart again and
 * again, as one does that has too much to do, only when it was well for as long as it may
 * forget. Else it would be told the same over and over, and never what comes behind that.
 */
static void look_for_restart(struct remote *r, bool failed)
{
	int64_t now_ms = monotonic_ms(), settle_ms = r->send.settle_ms;
	int64_t since_ms = r->restarted_ms ? now_ms - r->restarted_ms : INT64_MAX;
	bool restarted = settle_ms && r->send.may_have_restarted;

	r->send.may_have_restarted = false;
	if (failed)
		remotefeed_rewind(&r->feed, false);
	/* Some cut off whoever says nothing for a while, without having restarted. */
	if (restarted && !failed && since_ms < RESTART_RARE * settle_ms)
		restarted = false;
	if (restarted)
		r->restarted_ms = now_ms;
	/* Of nothing it forgets nothing. */
	if (restarted && r->send.sent == r->sent_restarted && !r->feed.holds)
		return;
	if (restarted && since_ms >= RESTART_RARE * settle_ms)
		tell_again(r);
	else if (restarted)
		r->feed.holds = true;
	else if (r->feed.holds && !failed && since_ms >= settle_ms)
		tell_again(r);
}

/* Returns how long to wait for the next time. */
static int64_t send_round(struct remote *r)
{
	int64_t interval_ms = r->settings.interval_s * 1000LL;
	int error = remotefeed_list(&r->feed);

	if (error == 0)
		error = remotefeed_send(&r->feed);
	if (stops(r))
		return 0;
	if (error == -EAGAIN)
		note_failure(r);
	else if (error == 0)
		note_success(r);
	note_lost(r);
	look_for_restart(r, error < 0);
	publish(r, error ? REMOTE_WAITS : REMOTE_SENDS, error ? -1 : 0);
	if (error != -EAGAIN)
		return interval_ms;
	return r->send.last.retry_after_ms > r->backoff_ms ? r->send.last.retry_after_ms : r->backoff_ms;
}

static void wait_ms(struct remote *r, int64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&r->lock);
	while (!stops(r) && pthread_cond_timedwait(&r->wake, &r->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&r->lock);
}

static void *run(void *ctx)
{
	struct remote *r = ctx;

	while (!stops(r)) {
		int64_t ms = send_round(r);

		remotefeed_settle(&r->feed);
		wait_ms(r, ms);
	}
	return NULL;
}

/* ---- begin and end ---- */

static int prepare(struct remote *r)
{
	struct remotebatch_settings batch = { .host = r->host };
	struct remotepush_settings push = r->settings.push;
	pthread_condattr_t attr;
	int error = remotelabels_parse(r->settings.labels, &r->labels);

	if (*r->settings.host)
		snprintf(r->host, sizeof(r->host), "%s", r->settings.host);
	else if (gethostname(r->host, sizeof(r->host) - 1) < 0)
		snprintf(r->host, sizeof(r->host), "localhost");
	push.stop = &r->stop;
	memcpy(batch.labels, r->labels.labels, sizeof(batch.labels));
	batch.labels_count = r->labels.count;
	batch.resolution_ms = r->settings.resolution_ms;
	r->send.settle_ms = r->settings.settle_s * 1000LL;
	r->feed = (struct remotefeed){
		.send = &r->send,
		.stop = &r->stop,
		.from_all = r->settings.from_all,
		.ctx = r,
		.settled = tell_settled,
		.step = step,
	};
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (error == 0)
		error = remotepush_new(&push, &r->send.push);
	if (error == 0)
		error = remotebatch_new(&batch, &r->feed.batch);
	return error < 0 ? error : query_open(r->settings.database, &r->feed.query);
}

int remote_new(const struct remote_settings *settings, struct remote **ret_remote)
{
	struct remote *r = calloc(1, sizeof(*r));
	int error;

	if (!r)
		return -ENOMEM;
	r->settings = *settings;
	pthread_mutex_init(&r->lock, NULL);
	error = prepare(r);
	if (error == 0)
		error = -pthread_create(&r->thread, NULL, run, r);
	if (error < 0) {
		remote_free(r);
		return error;
	}
	r->started = true;
	*ret_remote = r;
	return 0;
}

void remote_stop(struct remote *remote)
{
	struct remote *r = remote;
	struct timespec until;

	pthread_mutex_lock(&r->lock);
	atomic_store(&r->stop, true);
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_S;
	/* A name server that does not answer holds libcurl for longer; the process ends anyway. */
	if (r->started)
		r->is_left = pthread_timedjoin_np(r->thread, NULL, &until) != 0;
	r->started = false;
}

void remote_free(struct remote *remote)
{
	struct remote *r = remote;

	if (!r)
		return;
	remote_stop(r);
	if (r->is_left)
		return;
	remotefeed_done(&r->feed);
	sent_list_done(&r->settled);
	remotebatch_free(r->feed.batch);
	remotepush_free(r->send.push);
	query_free(r->feed.query);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
