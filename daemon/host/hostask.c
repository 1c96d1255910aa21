/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host/hostask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest-agent/shared/log.h"

#define PROBE_NS 5000000000LL		/* of QEMUs whose counters come from debugfs */
#define SOON_NS 1000000000LL		/* while one does not answer */
#define RETRY_NS 2000000000LL		/* when libvirt does not answer */
#define IDLE_NS 3600000000000LL
#define MEASURE_SOON 4			/* readings, while little is known */
#define MEASURE_EVERY 32

void hostask_init(struct hostask *ask, struct virtstats *virtstats, bool counters,
		  const struct hostplan_rates *rates)
{
	*ask = (struct hostask){
		.virtstats = virtstats,
		.counters = counters,
		.rates = *rates,
		.read = { .kind = VIRTSTATS_READ },
		.probe = { .kind = VIRTSTATS_PROBE },
	};
}

void hostask_soon(struct hostask *ask, int64_t now_ns)
{
	ask->read.due_ns = now_ns;
	if (ask->probe.due_ns > now_ns + SOON_NS)
		ask->probe.due_ns = now_ns + SOON_NS;
}

int64_t hostask_due(const struct hostask *ask)
{
	if (!ask->virtstats)
		return INT64_MAX;
	return ask->read.due_ns < ask->probe.due_ns ? ask->read.due_ns : ask->probe.due_ns;
}

static int64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* True if @t's counters come through libvirt: debugfs has nothing of it. */
static bool is_read(const struct hostask *ask, const struct hosttarget *t)
{
	return ask->counters && t->vm.libvirt && !t->debugfs && !t->waits &&
	       !hosttarget_is_silent(t);
}

/* Who is read through QEMU tells by that whether it answers. */
static bool belongs(const struct hostask *ask, const struct hostask_line *line,
		    const struct hosttarget *t)
{
	return line->kind == VIRTSTATS_READ ? is_read(ask, t) : t->vm.libvirt && !is_read(ask, t);
}

static bool is_late(const struct hostask_line *line, int64_t now_ns)
{
	return line->under_way && hostplan_is_late(line->begun_ns, now_ns, line->usual_ns);
}

/* As fast as any target wants. */
static int64_t read_interval(const struct hostask *ask, const struct hosttarget *targets)
{
	int64_t interval_ns = IDLE_NS, now_wall_ns = wall_ns();

	for (const struct hosttarget *t = targets; t; t = t->next) {
		int64_t own_ns = hostplan_interval(&ask->rates, t->vm.booted_ns, now_wall_ns);

		if (is_read(ask, t) && own_ns < interval_ns)
			interval_ns = own_ns;
	}
	return interval_ns;
}

static bool measures(const struct hostask_line *line)
{
	unsigned int every = line->made < MEASURE_EVERY ? MEASURE_SOON : MEASURE_EVERY;

	return line->kind == VIRTSTATS_READ && line->made % every == every - 1;
}

static struct virtstats_call *new_call(const struct hostask *ask, const struct hostask_line *line,
				       const struct hosttarget *targets)
{
	struct virtstats_call *call;
	size_t count = 0, at = 0;

	for (const struct hosttarget *t = targets; t; t = t->next)
		count += belongs(ask, line, t);
	call = count ? calloc(1, sizeof(*call) + count * sizeof(call->domains[0])) : NULL;
	if (!call)
		return NULL;
	call->kind = line->kind;
	call->count = count;
	call->measure = measures(line);
	for (const struct hosttarget *t = targets; t; t = t->next) {
		if (belongs(ask, line, t))
			snprintf(call->domains[at++].uuid, sizeof(call->domains[0].uuid), "%.36s",
				 t->vm.key);
	}
	return call;
}

static void start(struct hostask *ask, struct hostask_line *line, struct virtstats_call *call,
		  int64_t now_ns)
{
	int r = virtstats_start(ask->virtstats, call);

	if (r < 0) {
		if (r == -EBUSY && !ask->busy_said)
			log_warning("libvirt leaves %d calls unanswered, as QEMUs do not answer it; "
				    "waiting for one of them",
				    VIRTSTATS_THREADS_MAX);
		ask->busy_said = r == -EBUSY;
		free(call);
		return;
	}
	ask->busy_said = false;
	line->under_way = call;
	line->begun_ns = now_ns;
	line->made++;
}

static void run_line(struct hostask *ask, struct hostask_line *line, struct hosttarget *targets,
		     int64_t now_ns)
{
	bool late = is_late(line, now_ns);
	int64_t interval_ns = line->kind == VIRTSTATS_READ ? read_interval(ask, targets) :
			      late			   ? SOON_NS :
							     PROBE_NS;
	struct virtstats_call *call;

	if (now_ns < line->due_ns)
		return;
	line->due_ns = hostplan_next(line->due_ns, now_ns, interval_ns);
	/* One that is late waits for a QEMU; another goes past that. */
	if (line->under_way && !late) {
		if (line->due_ns > now_ns + SOON_NS)
			line->due_ns = now_ns + SOON_NS;
		return;
	}
	call = new_call(ask, line, targets);
	if (call)
		start(ask, line, call, now_ns);
}

void hostask_run(struct hostask *ask, struct hosttarget *targets, int64_t now_ns)
{
	if (!ask->virtstats)
		return;
	run_line(ask, &ask->read, targets, now_ns);
	run_line(ask, &ask->probe, targets, now_ns);
}

static struct hosttarget *find(struct hosttarget *targets, const char *key)
{
	while (targets && strcmp(targets->vm.key, key) != 0)
		targets = targets->next;
	return targets;
}

void hostask_take(struct hostask *ask, struct hosttarget *targets,
		  const struct hosttarget_place *place, struct virtstats_call *call,
		  int64_t now_ns, hostask_fn fn, void *ctx)
{
	struct hostask_line *line = call->kind == VIRTSTATS_READ ? &ask->read : &ask->probe;
	/* What a stuck QEMU held up says what was then. */
	bool late = hostplan_is_late(call->begun_ns, call->ended_ns, line->usual_ns);
	struct hosttarget *last = NULL;

	if (line->under_way == call)
		line->under_way = NULL;
	line->usual_ns = hostplan_usual(line->usual_ns, call->ended_ns - call->begun_ns);
	if (call->failed)
		line->due_ns = now_ns + RETRY_NS;
	else if (late)
		line->due_ns = now_ns;
	for (size_t i = 0; !call->failed && !late && i < call->count; i++) {
		/* Mostly in the order of the targets. */
		struct hosttarget *t = find(last ? last->next : targets, call->domains[i].uuid);

		if (!t)
			t = find(targets, call->domains[i].uuid);
		if (!t)
			continue;
		last = t;
		fn(ctx, t,
		   hosttarget_answer(t, place, &call->domains[i],
				     call->kind == VIRTSTATS_READ && is_read(ask, t)));
	}
	free(call);
}
