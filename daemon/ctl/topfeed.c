/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/topfeed.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/base/monotonic.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/link.h"
#include "daemon/ctl/sse.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

/* The list is asked for again without a word of the daemon's, for what goes by time. */
#define VMS_EVERY_MS 10000
#define HEALTH_EVERY_MS 5000
#define RETRY_MS 1000
/* The first interval of reasons is at least so long: agents send a sample a second. */
#define FIRST_INTERVAL_S 3.0
/* Less than between any two samples, more than a double is wrong by. */
#define BEHIND_S 0.0001

struct topfeed {
	struct link *link;
	struct sse sse;
	struct topdata data;
	struct topreasons reasons;
	char vm[TOPDATA_ID_MAX + 1];
	enum topdata_choice choice;
	double interval_s;

	bool streaming, vms_asked, vms_wanted, health_asked, reasons_asked;
	bool outdated;			/* the reasons asked for are those of another VM */
	bool news;
	int64_t vms_ms, health_ms, stream_ms, reasons_ms;	/* when they were last asked for; grew */
	char daemon[128];
	char trouble[256];		/* between here and there */
	char illness[256];		/* the daemon's own */
};

/* It answers, and its stream is there. */
static void say_well(struct topfeed *feed)
{
	if (!*feed->trouble || !feed->streaming)
		return;
	*feed->trouble = '\0';
	feed->news = true;
}

static double wall_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void say_trouble(struct topfeed *feed, const char *what, const char *why)
{
	time_t now = time(NULL);
	struct tm tm = { 0 };
	char clock[16];

	/* Since when is what matters, not the last attempt. */
	if (*feed->trouble)
		return;
	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	(void)snprintf(feed->trouble, sizeof(feed->trouble), "%s since %s (%s); trying again", what,
		       clock, why);
	feed->news = true;
}

/* ---- the list ---- */

static void on_vms(void *ctx, long status, const char *text)
{
	struct topfeed *feed = ctx;
	json_t *root = status == 200 ? json_loads(text, 0, NULL) : NULL;

	feed->vms_asked = false;
	if (status == 0)
		say_trouble(feed, "vmexitd does not answer", text);
	else if (!root || topdata_set_vms(&feed->data, root, monotonic_ms(), wall_s()) < 0)
		say_trouble(feed, "vmexitd's list of VMs cannot be read",
			    status == 200 ? "are both of one version?" : "it refuses");
	else
		say_well(feed);
	feed->news = true;
	json_decref(root);
}

static void ask_vms(struct topfeed *feed)
{
	if (feed->vms_asked || link_get(feed->link, "/api/v1/vms", on_vms, feed) < 0)
		return;
	feed->vms_asked = true;
	feed->vms_wanted = false;
	feed->vms_ms = monotonic_ms();
}

/* ---- the daemon's state ---- */

static void on_health(void *ctx, long status, const char *text)
{
	struct topfeed *feed = ctx;
	json_t *root = status ? json_loads(text, 0, NULL) : NULL;
	const char *word = "", *message = "", *version = "";

	feed->health_asked = false;
	if (status == 0)
		say_trouble(feed, "vmexitd does not answer", text);
	(void)json_unpack(root, "{ss,ss,ss}", "status", &word, "message", &message, "version", &version);
	if (*word) {
		bool is_well = strcmp(word, "ok") == 0;

		(void)snprintf(feed->daemon, sizeof(feed->daemon), "vmexitd %.20s: %s", version, word);
		(void)snprintf(feed->illness, sizeof(feed->illness), "%s%s",
			       is_well ? "" : "vmexitd stores no samples: ", is_well ? "" : message);
	}
	json_decref(root);
}

static void ask_health(struct topfeed *feed)
{
	if (feed->health_asked || link_get(feed->link, "/healthz", on_health, feed) < 0)
		return;
	feed->health_asked = true;
	feed->health_ms = monotonic_ms();
}

/* ---- the stream ---- */

static void on_event(void *ctx, const char *name, const char *text)
{
	struct topfeed *feed = ctx;
	json_t *root = json_loads(text, 0, NULL);

	if (strcmp(name, "sample") == 0)
		topdata_sample(&feed->data, root, monotonic_ms());
	else if (strcmp(name, "vms") == 0 || strcmp(name, "lost") == 0)
		feed->vms_wanted = true;
	if (strcmp(name, "sample") == 0 || strcmp(name, "hello") == 0)
		say_well(feed);
	json_decref(root);
}

static void on_piece(void *ctx, const char *bytes, size_t len)
{
	struct topfeed *feed = ctx;

	(void)sse_feed(&feed->sse, bytes, len);
}

static void on_end(void *ctx, long status, const char *text)
{
	struct topfeed *feed = ctx;

	feed->streaming = false;
	say_trouble(feed, "vmexitd does not answer", status == 0 ? text : "it ended the stream");
}

static void ask_stream(struct topfeed *feed)
{
	sse_reset(&feed->sse);
	feed->stream_ms = monotonic_ms();
	feed->streaming = link_stream(feed->link, "/api/v1/live", on_piece, on_end, feed) == 0;
}

/* ---- reasons ---- */

static void ask_reasons(struct topfeed *feed);

/* Of a VM that was left meanwhile, they are not wanted any more; those of the new one are. */
static bool is_outdated(struct topfeed *feed)
{
	bool was = feed->outdated;

	feed->reasons_asked = feed->outdated = false;
	if (was)
		ask_reasons(feed);
	return was;
}

static void on_interval(void *ctx, long status, const char *text)
{
	struct topfeed *feed = ctx;
	json_t *root;

	if (is_outdated(feed))
		return;
	root = status == 200 ? json_loads(text, 0, NULL) : NULL;
	if (!root || topreasons_set_interval(&feed->reasons, root) < 0)
		topreasons_no_interval(&feed->reasons);
	feed->news = true;
	json_decref(root);
}

static void ask_interval(struct topfeed *feed)
{
	double from = feed->reasons.from + BEHIND_S;
	char what[256], path[512];

	if (isnan(from))
		from = feed->reasons.to - fmax(feed->interval_s, FIRST_INTERVAL_S);
	(void)snprintf(what, sizeof(what), "reasons?boot=%lld&source=%s&from=%.6f&to=%.6f",
		       (long long)feed->reasons.boot, feed->reasons.source, fmax(from, 0),
		       feed->reasons.to + BEHIND_S / 2);
	if (link_vm_path(path, sizeof(path), feed->vm, what) == 0 &&
	    link_get(feed->link, path, on_interval, feed) == 0)
		feed->reasons_asked = true;
}

static void on_totals(void *ctx, long status, const char *text)
{
	struct topfeed *feed = ctx;
	json_t *root;
	bool grew = false;

	if (is_outdated(feed))
		return;
	root = status == 200 ? json_loads(text, 0, NULL) : NULL;
	if (root && topreasons_set_totals(&feed->reasons, root, &grew) == 0) {
		if (grew)
			ask_interval(feed);
	} else if (status == 404) {
		topreasons_done(&feed->reasons);
	}
	if (grew)
		feed->reasons_ms = monotonic_ms();
	else if (feed->reasons.boot && monotonic_ms() - feed->reasons_ms > TOPDATA_STALE_MS)
		topreasons_no_interval(&feed->reasons);
	feed->news = true;
	json_decref(root);
}

static void ask_reasons(struct topfeed *feed)
{
	static const char *const queries[] = {
		[TOPDATA_BEST] = "reasons", [TOPDATA_ONLY_GUEST] = "reasons?source=guest",
		[TOPDATA_ONLY_HOST] = "reasons?source=host",
	};
	char path[512];

	if (!*feed->vm || feed->reasons_asked ||
	    link_vm_path(path, sizeof(path), feed->vm, queries[feed->choice]) < 0)
		return;
	feed->reasons_asked = link_get(feed->link, path, on_totals, feed) == 0;
}

void topfeed_watch(struct topfeed *feed, const char *vm, enum topdata_choice choice)
{
	(void)snprintf(feed->vm, sizeof(feed->vm), "%s", vm);
	feed->choice = choice;
	topreasons_done(&feed->reasons);
	feed->outdated = feed->reasons_asked;
	ask_reasons(feed);
}

/* ---- all of it ---- */

int topfeed_new(const char *socket, struct topfeed **ret_feed)
{
	_cleanup_free_ char *text = NULL;
	struct topfeed *feed;
	json_t *root;
	int r = client_get(socket, "/api/v1/vms", &text);

	if (r < 0)
		return r;
	feed = calloc(1, sizeof(*feed));
	if (!feed || link_new(socket, &feed->link) < 0) {
		log_error("out of memory");
		free(feed);
		return -ENOMEM;
	}
	root = json_loads(text, 0, NULL);
	r = topdata_set_vms(&feed->data, root, monotonic_ms(), wall_s());
	json_decref(root);
	if (r < 0) {
		log_error("vmexitd's answer is not understood; are both of one version?");
		topfeed_free(feed);
		return r;
	}
	feed->sse.fn = on_event;
	feed->sse.ctx = feed;
	feed->vms_ms = monotonic_ms();
	(void)snprintf(feed->daemon, sizeof(feed->daemon), "vmexitd");
	ask_stream(feed);
	ask_health(feed);
	*ret_feed = feed;
	return 0;
}

void topfeed_free(struct topfeed *feed)
{
	if (!feed)
		return;
	link_free(feed->link);
	sse_done(&feed->sse);
	topdata_done(&feed->data);
	topreasons_done(&feed->reasons);
	free(feed);
}

void topfeed_tick(struct topfeed *feed, double interval_s)
{
	int64_t now = monotonic_ms();

	feed->interval_s = interval_s;
	topdata_tick(&feed->data, now);
	if (!feed->streaming && now - feed->stream_ms >= RETRY_MS) {
		ask_stream(feed);
		feed->vms_wanted = true;
	}
	if (feed->vms_wanted || now - feed->vms_ms >= VMS_EVERY_MS)
		ask_vms(feed);
	if (now - feed->health_ms >= HEALTH_EVERY_MS)
		ask_health(feed);
	ask_reasons(feed);
	feed->news = true;
}

void topfeed_wait(struct topfeed *feed, const int *fds, size_t count, int timeout_ms)
{
	link_wait(feed->link, fds, count, timeout_ms);
}

bool topfeed_is_settled(const struct topfeed *feed)
{
	return !feed->vms_asked && !feed->health_asked && !feed->reasons_asked;
}

bool topfeed_take_news(struct topfeed *feed)
{
	bool news = feed->news;

	feed->news = false;
	return news;
}

struct topdata *topfeed_data(struct topfeed *feed)
{
	return &feed->data;
}

const struct topreasons *topfeed_reasons(const struct topfeed *feed)
{
	return &feed->reasons;
}

const char *topfeed_daemon(const struct topfeed *feed)
{
	return feed->daemon;
}

const char *topfeed_trouble(const struct topfeed *feed)
{
	return *feed->trouble ? feed->trouble : feed->illness;
}
