/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Samples to measure with: those of a recorded database or generated ones. What is called
 * a value here is a number of a sample that is a series (key_type()), which times,
 * sequences and how samples were taken are not.
 */
#ifndef TESTS_BENCH_STOREBENCH_TRACE_H
#define TESTS_BENCH_STOREBENCH_TRACE_H

#include "daemon/base/record.h"

struct trace_row {
	enum sample_source source;
	struct sample sample;		/* its lists belong to the trace */
};

struct trace {
	struct trace_row *rows;		/* by host time */
	size_t count;
	uint64_t values;
	struct boot boot;		/* stored fields only */
};

/* Of the database at @path, all samples of the latest boot of its first VM. 0 or -errno. */
int trace_load(const char *path, struct trace *ret_trace);

/*
 * @seconds of one VM with 60 series at 1 Hz, always the same. Returns 0 or -ENOMEM.
 *
 * The guest (two vCPUs, SVM) is idle, lightly used, busy or busy in bursts, each for some
 * minutes. That level sets rates of 11 exit reasons, from one in minutes to some thousand a
 * second; counts are random with these means, cycles are count times a cost that varies.
 * A twelfth one is the time that vCPUs were idle. Of the workload there are
 * 20 values: CPU times in ticks of 10 ms, interrupts, disk in sectors, packets and bytes,
 * memory. Host time, the guest's clock and its error vary as they do in recordings.
 */
int trace_generate(unsigned int seconds, struct trace *ret_trace);

void trace_done(struct trace *trace);

/* For those who fill one. Takes a copy of the sample with its lists. */
int trace_add(struct trace *trace, enum sample_source source, const struct sample *sample);

/*
 * "generated" for 24 h, "generated:SECONDS", or a database's path. Exits the program with
 * a message if there is no such trace.
 */
void trace_open(const char *name, struct trace *ret_trace);

#define TRACE_DAY_S 86400
#define TRACE_T0_NS (1763856000LL * 1000000000)		/* 2025-11-23T00:00:00Z */

#endif
