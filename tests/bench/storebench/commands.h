/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What main.c offers: each measures one thing, prints "key=value" lines, returns 0 or -errno. */
#ifndef TESTS_BENCH_STOREBENCH_COMMANDS_H
#define TESTS_BENCH_STOREBENCH_COMMANDS_H

#include <sys/resource.h>
#include <time.h>

#include "tests/bench/storebench/trace.h"

/* As the daemon does after a commit (daemon/main.c). */
#define WORK_NS 50000000LL

/*
 * The store itself: a commit a second for @vms VMs, each with the trace from another second on,
 * for @seconds of it (0: to its end), and background work after each. Of a long one
 * only the first two hours are timed.
 */
int ingest(const struct trace *trace, const char *path, unsigned int vms, unsigned int seconds);

/*
 * How long commits and background work take with @vms VMs at 1 Hz, half of them each
 * half second. @together: they all began in the same second, so all are sealed at once;
 * else within the first 1024 s.
 */
int latency(const char *path, unsigned int vms, unsigned int seconds, bool together);

/* One row a value in SQLite: a commit a second for @seconds, the rest in one. */
int plain(const struct trace *trace, const char *path, unsigned int seconds);

/* The trace in VictoriaMetrics' JSON lines. */
int json_lines(const struct trace *trace, const char *path);

/* Curves of 24 h with 1000 points, in this process. */
int query_curves(const char *path);

static inline int64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static inline double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

#endif
