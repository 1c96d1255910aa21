/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hosts as they send to one receiver: each a thread with a connection, a phase of the interval
 * and VMs that replay a generated trace, each from another second of it on.
 */
#ifndef TESTS_BENCH_FLEETBENCH_H
#define TESTS_BENCH_FLEETBENCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "tests/bench/storebench/trace.h"

#define FLEET_HOSTS_MAX 1000
#define FLEET_VMS_MAX 500
#define FLEET_SECONDS_MAX 86400
#define FLEET_S 1000000000LL
#define FLEET_APART 7200		/* seconds of the trace that VMs may begin at */

struct fleet_options {
	const char *url;
	const char *user, *password_file, *ca_file;	/* as in remotepush_settings */
	unsigned int tries;		/* of one request, a second apart */
	unsigned int hosts, vms, seconds;
	unsigned int interval_s;	/* between a host's requests */
	unsigned int resolution_s;	/* between a VM's samples */
	bool text;			/* Prometheus' text instead of remote write */
	bool past;			/* samples until now, as fast as it goes */
};

struct fleet {
	struct fleet_options options;
	struct trace trace;
	int64_t begin_mono_ns;
	int64_t begin_wall_ns;		/* of the first host's first sample */
	atomic_bool failed;
};

struct host {
	struct fleet *fleet;
	unsigned int number;
	pthread_t thread;
	struct lane *lanes;		/* one a VM */

	/* For whoever watches. */
	atomic_uint_fast64_t taken;	/* samples */
	atomic_uint batches_done;

	/* Its own until it has ended. */
	uint64_t bytes, raw_bytes, posts, retries, refused;
	int64_t build_cpu_ns, post_cpu_ns;
	int64_t *post_ns;		/* how long each lasted */
	size_t posts_room;
	uint64_t series;
	uint64_t exits, reason_exits;	/* all VMs' last samples */
	int64_t last_ms;		/* the latest sample's time */
};

/* Run @host until its samples are sent; a thread's function. */
void *host_run(void *host);

/* When request @n of @host is due: nanoseconds after the fleet's begin. */
static inline int64_t host_due_ns(const struct host *host, unsigned int n)
{
	const struct fleet_options *o = &host->fleet->options;
	int64_t interval_ns = o->interval_s * FLEET_S;

	return host->number * interval_ns / o->hosts + (n + 1) * interval_ns;
}

static inline int64_t fleet_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * FLEET_S + ts.tv_nsec;
}

#endif
