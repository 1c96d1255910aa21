/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/remote/remotefeed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/base/monotonic.h"
#include "daemon/base/room.h"
#include "daemon/query/unsent.h"
#include "daemon/version.h"
#include "guest-agent/shared/log.h"

static int64_t wall_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static bool stops(const struct remotefeed *f)
{
	return atomic_load(f->stop);
}

void remotefeed_done(struct remotefeed *f)
{
	for (size_t i = 0; i < f->count; i++)
		remotestream_done(&f->streams[i]);
	free(f->streams);
}

void remotefeed_settle(struct remotefeed *f)
{
	int64_t now_ms = monotonic_ms();

	for (size_t i = 0; i < f->count; i++) {
		struct remotestream *s = &f->streams[i];
		struct sent sent = { .vm = s->vm, .source = s->source };

		if (!f->holds && !f->send->may_have_restarted)
			remotestream_settle(s, now_ms, f->send->settle_ms);
		sent.at = s->settled;
		if (s->is_news)
			s->is_news = f->settled(f->ctx, &sent) != 0;
	}
}

void remotefeed_rewind(struct remotefeed *f, bool restarted)
{
	for (size_t i = 0; i < f->count; i++)
		remotestream_rewind(&f->streams[i], restarted);
	remotebatch_clear(f->batch);
}

/* ---- which VMs there are ---- */

static struct remotestream *find_stream(struct remotefeed *f, int64_t vm, enum sample_source source)
{
	for (size_t i = 0; i < f->count; i++) {
		if (f->streams[i].vm == vm && f->streams[i].source == source)
			return &f->streams[i];
	}
	return NULL;
}

static int add_stream(void *ctx, const struct sent *sent)
{
	struct remotefeed *f = ctx;

	if (sent->vm == 0) {
		f->has_begun = true;
		return 0;
	}
	if ((unsigned int)sent->source >= SOURCES || find_stream(f, sent->vm, sent->source))
		return 0;
	if (!room_for_one(&f->streams, f->count, &f->room, sizeof(*f->streams)))
		return -ENOMEM;
	remotestream_init(&f->streams[f->count++], sent->vm, sent->source, &sent->at);
	return 0;
}

struct listing {
	struct remotefeed *feed;
	bool from_now;			/* what is stored already is not sent */
};

static int list_vm(void *ctx, const struct query_vm *vm)
{
	struct listing *l = ctx;
	struct remotefeed *f = l->feed;

	for (int source = 0; source < SOURCES; source++) {
		struct sent sent = { .vm = vm->id, .source = source };
		struct remotestream *s = find_stream(f, vm->id, source);
		int error = 0;

		if (!s && l->from_now)
			error = unsent_end(f->query, vm->id, source, &sent.at);
		if (!s && error == 0)
			error = add_stream(f, &sent);
		if (error < 0)
			return error;
		if (!s) {
			s = &f->streams[f->count - 1];
			/* From now on what is dropped of it is lost. */
			s->is_news = true;
		}
		s->is_listed = true;
		snprintf(s->key, sizeof(s->key), "%s", vm->key);
		snprintf(s->name, sizeof(s->name), "%s", vm->name);
	}
	return 0;
}

/* Those that are no more, go. */
static void drop_unlisted(struct remotefeed *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->count; i++) {
		if (f->streams[i].is_listed)
			f->streams[kept++] = f->streams[i];
		else
			remotestream_done(&f->streams[i]);
	}
	f->count = kept;
}

int remotefeed_list(struct remotefeed *f)
{
	struct listing listing = { .feed = f };
	int error = f->has_begun ? 0 : unsent_positions(f->query, add_stream, f);

	if (error < 0)
		return error;
	listing.from_now = !f->has_begun && !f->from_all;
	for (size_t i = 0; i < f->count; i++)
		f->streams[i].is_listed = false;
	error = query_vms(f->query, list_vm, &listing);
	if (error < 0)
		return error;
	drop_unlisted(f);
	if (!f->has_begun) {
		const struct sent begun = { 0 };

		/* First from where, else whoever is killed in between begins with all that is stored. */
		remotefeed_settle(f);
		f->has_begun = f->settled(f->ctx, &begun) == 0;
	}
	return 0;
}

/* ---- sending ---- */

/* Returns 0 or -errno; -EAGAIN: later. */
static int send_batch(struct remotefeed *f)
{
	int error = remotesend_batch(f->send, f->batch);

	remotebatch_clear(f->batch);
	remotefeed_settle(f);
	return error;
}

/* Ends of reading that are no errors. */
enum { READ_WINDOW = 1000, READ_FULL };

struct reading {
	struct remotefeed *feed;
	struct remotestream *stream;
	int64_t to_ns;
};

static int take_sample(void *ctx, const struct row_pair *pair, bool is_before)
{
	struct reading *g = ctx;
	struct remotefeed *f = g->feed;

	if (is_before)
		return g->stream->has_list ? 0 : remotebatch_add_before(f->batch, g->stream, pair);
	if ((int64_t)pair->row.sample.t_wall_ns >= g->to_ns)
		return READ_WINDOW;
	if (remotebatch_is_full(f->batch))
		return READ_FULL;
	return remotebatch_add(f->batch, g->stream, pair);
}

/* A boot's samples in the window. Returns READ_WINDOW, 0 when it has no more, or -errno. */
static int read_boot(struct reading *g, const struct unsent_next *next)
{
	struct remotefeed *f = g->feed;
	uint64_t after = next->after;
	int got;

	for (;;) {
		if (stops(f))
			return -EAGAIN;
		got = unsent_read(f->query, &next->boot, g->stream->source, after, take_sample, g);
		if (g->stream->read.boot == next->boot.number)
			after = g->stream->read.sequence;
		if (got == READ_FULL)
			got = send_batch(f);
		else if (got <= 0 || got == READ_WINDOW)
			return got;
		if (got < 0)
			return got;
	}
}

/*
 * What is left of a boot is damaged and cannot be read. Go to the next one with samples. Returns 1,
 * 0 if there is none yet, or -errno.
 */
static int leave_boot(struct reading *g, const struct boot *boot)
{
	struct remotestream *s = g->stream;
	const struct sent_at behind = { .boot = boot->number + 1, .t_ms = s->read.t_ms };
	struct unsent_next next;
	int r = unsent_next(g->feed->query, s->vm, s->source, &behind, &next);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (s->left != boot->number)
		log_warning("remote write: the last samples of boot %u of '%s' (%s) cannot be read, leaving them out",
			    boot->number, s->name, metrics_source(s->source));
	s->left = boot->number;
	s->read = behind;
	return 1;
}

static int read_stream(struct reading *g)
{
	struct remotestream *s = g->stream;
	struct unsent_next next;
	int error;

	while ((error = unsent_next(g->feed->query, s->vm, s->source, &s->read, &next)) == 0) {
		struct sent_at before = s->read;

		if (next.from_ns >= g->to_ns)
			return 0;
		error = read_boot(g, &next);
		if (error != 0)
			return error == READ_WINDOW ? 0 : error;
		if (before.boot != s->read.boot || before.sequence != s->read.sequence)
			continue;
		error = leave_boot(g, &next.boot);
		if (error <= 0)
			return error;
	}
	return error == -ENOENT ? 0 : error;
}

/* The earliest time at which a stream goes on, INT64_MAX for none. Returns 0 or -errno. */
static int find_begin(struct remotefeed *f, int64_t *ret_ns)
{
	int64_t begin_ns = INT64_MAX;

	for (size_t i = 0; i < f->count; i++) {
		struct remotestream *s = &f->streams[i];
		struct unsent_next next;
		int error = unsent_next(f->query, s->vm, s->source, &s->read, &next);
		int64_t from_ns = next.from_ns;

		if (error == -ENOENT)
			continue;
		if (error < 0)
			return error;
		/* A block begins before what of it was sent. */
		if (next.boot.number == s->read.boot && s->read.t_ms > from_ns / 1000000)
			from_ns = s->read.t_ms * 1000000;
		if (from_ns < begin_ns)
			begin_ns = from_ns;
	}
	*ret_ns = begin_ns;
	return 0;
}

static int64_t age_ns(int64_t begin_ns)
{
	int64_t now_ns = wall_ns();

	return begin_ns < now_ns ? now_ns - begin_ns : 0;
}

static int add_own(struct remotefeed *f, int64_t begin_ns)
{
	int64_t t_ms = wall_ns() / 1000000;
	int error = remotebatch_add_own(f->batch, METRICS_BUILD_INFO, VMEXIT_VERSION, 1, t_ms);

	if (error == 0)
		error = remotebatch_add_own(f->batch, METRICS_REMOTE_LAG, NULL,
					    age_ns(begin_ns) / 1e9, t_ms);
	return error;
}

/* All streams up to @to_ns. */
static int send_window(struct remotefeed *f, int64_t begin_ns, int64_t to_ns)
{
	int error = 0;

	for (size_t i = 0; i < f->count && error == 0; i++) {
		struct reading reading = { .feed = f, .stream = &f->streams[i], .to_ns = to_ns };

		error = read_stream(&reading);
	}
	/* Now all is sent that there was: what is said of it goes along. */
	if (error == 0 && to_ns == INT64_MAX)
		error = add_own(f, begin_ns);
	return error < 0 ? error : send_batch(f);
}

/* Where a window from @begin_ns on ends: the latest goes as it is, even what is of a time to come. */
static int64_t end_of(int64_t begin_ns, int64_t width_ns)
{
	return begin_ns < wall_ns() - 2 * width_ns ? begin_ns + width_ns : INT64_MAX;
}

int remotefeed_send(struct remotefeed *f)
{
	int64_t begin_ns, floor_ns = INT64_MIN, width_ns = REMOTEFEED_WINDOW_NS;
	bool is_behind = false;
	int error;

	do {
		uint64_t requests = f->send->requests;

		error = find_begin(f, &begin_ns);
		if (error < 0)
			return error;
		is_behind |= end_of(begin_ns, REMOTEFEED_WINDOW_NS) != INT64_MAX;
		f->step(f->ctx, age_ns(begin_ns), is_behind);
		if (begin_ns < floor_ns)
			begin_ns = floor_ns;
		floor_ns = end_of(begin_ns, width_ns);
		error = send_window(f, begin_ns, floor_ns);
		/* Where clocks were wrong there may be nothing for years. */
		width_ns = f->send->requests == requests ? 2 * width_ns : REMOTEFEED_WINDOW_NS;
	} while (error == 0 && floor_ns != INT64_MAX && !stops(f));
	return error;
}
