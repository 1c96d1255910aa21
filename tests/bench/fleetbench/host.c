/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/fleetbench/fleetbench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/metrics/metrics.h"
#include "daemon/remote/remotepush.h"
#include "guest-agent/shared/detail.h"
#include "tests/bench/fleetbench/batch.h"

/* A VM that replays the trace, and its way to the receiver from either source. */
struct lane {
	struct remotestream streams[SOURCES];
	size_t start;			/* row of its first second */
};

struct sender {
	struct host *host;
	char name[40];
	struct remotepush *push;
	struct batch *batch;
};

/* A number that only looks like chance, for keys that look like UUIDs. */
static uint64_t scatter(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static void make_stream(const struct host *host, unsigned int vm, uint64_t number,
			enum sample_source source, struct remotestream *s)
{
	/* All before the trace was sent: counters do not begin. */
	const struct sent_at before = { host->fleet->trace.boot.number, 1, 0 };
	uint64_t key = scatter(number + 1);

	remotestream_init(s, number + 1, source, &before);
	snprintf(s->key, sizeof(s->key), "%08x-%04x-4%03x-8%03x-%012llx",
		 (unsigned int)(key >> 32), (unsigned int)(key >> 16) & 0xffff,
		 (unsigned int)key & 0xfff, (unsigned int)(key >> 48) & 0xfff,
		 (unsigned long long)(scatter(key) >> 16));
	snprintf(s->name, sizeof(s->name), "vm-%04u-%03u", host->number, vm);
}

static int make_lanes(struct host *host)
{
	unsigned int vms = host->fleet->options.vms;

	host->lanes = calloc(vms, sizeof(*host->lanes));
	if (!host->lanes)
		return -ENOMEM;
	for (unsigned int i = 0; i < vms; i++) {
		uint64_t number = (uint64_t)host->number * vms + i;

		for (enum sample_source source = 0; source < SOURCES; source++)
			make_stream(host, i, number, source, &host->lanes[i].streams[source]);
		host->lanes[i].start = number % FLEET_APART;
	}
	return 0;
}

static void free_lanes(struct host *host)
{
	for (unsigned int i = 0; host->lanes && i < host->fleet->options.vms; i++) {
		for (enum sample_source source = 0; source < SOURCES; source++)
			remotestream_done(&host->lanes[i].streams[source]);
	}
	free(host->lanes);
	host->lanes = NULL;
}

/* What the host itself would see of the guest's sample through libvirt: no reasons, no workload. */
static struct row_pair seen_from_outside(const struct row_pair *guest)
{
	struct row_pair pair = *guest;

	pair.row.source = SOURCE_HOST;
	pair.row.sample.has &= SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING;
	pair.row.sample.workload.mask = 0;
	pair.row.sample.detail = NULL;
	pair.row.sample.detail_len = 0;
	return pair;
}

/* The VM's sample of second @second, in today's time. */
static void make_row(const struct host *host, const struct lane *lane, unsigned int second,
		     struct row_pair *ret_pair)
{
	const struct fleet *fleet = host->fleet;
	const struct trace_row *rows = fleet->trace.rows;
	const struct trace_row *row = &rows[lane->start + second];
	int64_t since = row->sample.t_wall_ns - rows[lane->start].sample.t_wall_ns;

	*ret_pair = (struct row_pair){
		.row = { .boot = &fleet->trace.boot, .source = SOURCE_GUEST, .sample = row->sample },
		.exits = row->sample.exits,
	};
	ret_pair->row.sample.t_wall_ns = fleet->begin_wall_ns + host_due_ns(host, 0) -
					 fleet->options.interval_s * FLEET_S + since;
}

static int remember_time(struct host *host, int64_t ns)
{
	if (host->posts == host->posts_room) {
		size_t room = host->posts_room ? 2 * host->posts_room : 64;
		int64_t *more = realloc(host->post_ns, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		host->post_ns = more;
		host->posts_room = room;
	}
	host->post_ns[host->posts++] = ns;
	return 0;
}

/* Until it is taken, refused or tried too often. */
static int post(struct sender *s, const uint8_t *bytes, size_t len)
{
	struct remotepush_answer answer = { 0 };
	struct host *host = s->host;

	for (unsigned int i = 0; i < host->fleet->options.tries && !atomic_load(&host->fleet->failed); i++) {
		int64_t began = fleet_clock(CLOCK_MONOTONIC);

		remotepush_send(s->push, bytes, len, &answer);
		if (answer.result == REMOTEPUSH_TAKEN)
			return remember_time(host, fleet_clock(CLOCK_MONOTONIC) - began);
		if (answer.result == REMOTEPUSH_REFUSED) {
			host->refused += batch_samples(s->batch);
			fprintf(stderr, "fleetbench: refused with %ld: %s\n", answer.status, answer.words);
			return -EBADMSG;
		}
		host->retries++;
		if (i + 1 < host->fleet->options.tries)
			sleep(1);
	}
	if (!atomic_load(&host->fleet->failed))
		fprintf(stderr, "fleetbench: %s: %ld %s\n", host->fleet->options.url, answer.status,
			answer.words);
	return -EIO;
}

static int send_batch(struct sender *s)
{
	int64_t cpu = fleet_clock(CLOCK_THREAD_CPUTIME_ID), encoded;
	struct host *host = s->host;
	const uint8_t *bytes;
	size_t len, raw_len;
	int r = batch_encode(s->batch, &bytes, &len, &raw_len);

	encoded = fleet_clock(CLOCK_THREAD_CPUTIME_ID);
	host->build_cpu_ns += encoded - cpu;
	if (r == 0)
		r = post(s, bytes, len);
	host->post_cpu_ns += fleet_clock(CLOCK_THREAD_CPUTIME_ID) - encoded;
	if (r < 0)
		return r;
	host->bytes += len;
	host->raw_bytes += raw_len;
	atomic_fetch_add(&host->taken, batch_samples(s->batch));
	batch_clear(s->batch);
	return 0;
}

/* One VM's samples of the seconds from @first on, of one source. */
static int add_samples(struct sender *s, struct lane *lane, enum sample_source source,
		       unsigned int first)
{
	const struct fleet_options *o = &s->host->fleet->options;
	int r = 0;

	for (unsigned int at = o->resolution_s - 1; at < o->interval_s && r == 0;
	     at += o->resolution_s) {
		struct row_pair pair;

		make_row(s->host, lane, first + at, &pair);
		if (source == SOURCE_HOST)
			pair = seen_from_outside(&pair);
		if (batch_is_full(s->batch))
			r = send_batch(s);
		if (r == 0)
			r = batch_add(s->batch, &lane->streams[source], &pair);
	}
	return r;
}

/* Request @n: what happened in its interval, of all VMs. */
static int send_request(struct sender *s, unsigned int n)
{
	const struct fleet_options *o = &s->host->fleet->options;
	int64_t cpu = fleet_clock(CLOCK_THREAD_CPUTIME_ID);
	int64_t posted = s->host->build_cpu_ns + s->host->post_cpu_ns;
	int r = 0;

	for (unsigned int i = 0; i < o->vms && r == 0; i++) {
		r = add_samples(s, &s->host->lanes[i], SOURCE_GUEST, n * o->interval_s);
		if (r == 0)
			r = add_samples(s, &s->host->lanes[i], SOURCE_HOST, n * o->interval_s);
	}
	/* Without what requests that were full have been counted with already. */
	posted = s->host->build_cpu_ns + s->host->post_cpu_ns - posted;
	s->host->build_cpu_ns += fleet_clock(CLOCK_THREAD_CPUTIME_ID) - cpu - posted;
	return r == 0 ? send_batch(s) : r;
}

static uint64_t sum_of_reasons(const struct sample *sample)
{
	struct detail_entry entry;
	struct detail_iter iter;
	uint64_t sum = 0;

	if (detail_find(sample->detail, sample->detail_len, DETAIL_REASONS, &iter)) {
		while (detail_next(&iter, &entry))
			sum += entry.value;
	}
	return sum;
}

/* What the receiver must have of each counter at the end, and the number of series. */
static int remember_last(struct sender *s)
{
	struct host *host = s->host;
	const struct fleet_options *o = &host->fleet->options;
	int r = 0;

	for (unsigned int i = 0; i < o->vms && r == 0; i++) {
		struct row_pair pair, outside;
		int64_t t_ms;

		make_row(host, &host->lanes[i], o->seconds - 1, &pair);
		outside = seen_from_outside(&pair);
		r = batch_add(s->batch, &host->lanes[i].streams[SOURCE_GUEST], &pair);
		if (r == 0)
			r = batch_add(s->batch, &host->lanes[i].streams[SOURCE_HOST], &outside);
		/* A sample of each series, and it is not sent. */
		host->series += batch_samples(s->batch);
		batch_clear(s->batch);
		t_ms = pair.row.sample.t_wall_ns / 1000000;
		host->exits += pair.row.sample.exits;
		host->reason_exits += sum_of_reasons(&pair.row.sample);
		if (t_ms > host->last_ms)
			host->last_ms = t_ms;
	}
	return r;
}

static void wait_until(const struct fleet *fleet, int64_t due_ns)
{
	int64_t at = fleet->begin_mono_ns + due_ns;
	struct timespec ts = { at / FLEET_S, at % FLEET_S };

	if (fleet->options.past)
		return;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

static int run(struct sender *s)
{
	const struct fleet_options *o = &s->host->fleet->options;
	struct remotepush_settings settings = {
		.url = o->url, .user = o->user, .password_file = o->password_file, .ca_file = o->ca_file,
	};
	int r = make_lanes(s->host);

	snprintf(s->name, sizeof(s->name), "kvm-%04u.example.org", s->host->number);
	s->batch = batch_new(o->text, s->name);
	if (r == 0)
		r = s->batch ? remotepush_new(&settings, &s->push) : -ENOMEM;
	for (unsigned int n = 0; n < o->seconds / o->interval_s && r == 0; n++) {
		wait_until(s->host->fleet, host_due_ns(s->host, n));
		r = atomic_load(&s->host->fleet->failed) ? -ECANCELED : send_request(s, n);
		if (r == 0)
			atomic_fetch_add(&s->host->batches_done, 1);
	}
	return r == 0 ? remember_last(s) : r;
}

void *host_run(void *host)
{
	struct sender s = { .host = host };
	int r = run(&s);

	if (r < 0 && !atomic_exchange(&s.host->fleet->failed, true))
		fprintf(stderr, "fleetbench: %s: %s\n", s.name, strerror(-r));
	remotepush_free(s.push);
	batch_free(s.batch);
	free_lanes(s.host);
	return NULL;
}
