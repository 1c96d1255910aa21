/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest was doing: the values that may stand beside an exit count.
 *
 * One list feeds the wire format, the store, CSV and the series' kinds, so the
 * order is part of the protocol: append only.
 */
#ifndef GUEST_AGENT_SHARED_WORKLOAD_H
#define GUEST_AGENT_SHARED_WORKLOAD_H

#include <assert.h>
#include <stdint.h>

enum workload_type {
	WORKLOAD_COUNTER,	/* grows; a rate is its meaning */
	WORKLOAD_GAUGE,		/* a level at the instant */
};

/* X(identifier, type, unit) */
#define WORKLOAD_MAP(X) \
	X(cpu_user_ms, WORKLOAD_COUNTER, "ms") \
	X(cpu_nice_ms, WORKLOAD_COUNTER, "ms") \
	X(cpu_system_ms, WORKLOAD_COUNTER, "ms") \
	X(cpu_idle_ms, WORKLOAD_COUNTER, "ms") \
	X(cpu_iowait_ms, WORKLOAD_COUNTER, "ms") \
	X(cpu_irq_ms, WORKLOAD_COUNTER, "ms") \
	X(cpu_softirq_ms, WORKLOAD_COUNTER, "ms") \
	X(cpu_steal_ms, WORKLOAD_COUNTER, "ms") \
	X(context_switches, WORKLOAD_COUNTER, "1") \
	X(interrupts, WORKLOAD_COUNTER, "1") \
	X(softirqs, WORKLOAD_COUNTER, "1") \
	X(forks, WORKLOAD_COUNTER, "1") \
	X(tasks_runnable, WORKLOAD_GAUGE, "1") \
	X(tasks_blocked, WORKLOAD_GAUGE, "1") \
	X(memory_total_bytes, WORKLOAD_GAUGE, "B") \
	X(memory_available_bytes, WORKLOAD_GAUGE, "B") \
	X(disk_reads, WORKLOAD_COUNTER, "1") \
	X(disk_read_bytes, WORKLOAD_COUNTER, "B") \
	X(disk_writes, WORKLOAD_COUNTER, "1") \
	X(disk_written_bytes, WORKLOAD_COUNTER, "B") \
	X(net_received_packets, WORKLOAD_COUNTER, "1") \
	X(net_received_bytes, WORKLOAD_COUNTER, "B") \
	X(net_sent_packets, WORKLOAD_COUNTER, "1") \
	X(net_sent_bytes, WORKLOAD_COUNTER, "B") \
	X(psi_cpu_some_us, WORKLOAD_COUNTER, "us") \
	X(psi_memory_some_us, WORKLOAD_COUNTER, "us") \
	X(psi_memory_full_us, WORKLOAD_COUNTER, "us") \
	X(psi_io_some_us, WORKLOAD_COUNTER, "us") \
	X(psi_io_full_us, WORKLOAD_COUNTER, "us") \
	X(disk_busy_ms, WORKLOAD_COUNTER, "ms") \
	X(page_faults, WORKLOAD_COUNTER, "1") \
	X(pages_swapped_in, WORKLOAD_COUNTER, "1") \
	X(pages_swapped_out, WORKLOAD_COUNTER, "1")

enum workload_index {
#define X(identifier, type, unit) WORKLOAD_##identifier,
	WORKLOAD_MAP(X)
#undef X
	WORKLOAD_COUNT
};

static_assert(WORKLOAD_COUNT <= 64, "the mask of present values is 64 bits wide");

/* Values whose bit in @mask is clear are unknown, not zero. */
struct workload {
	uint64_t mask;
	uint64_t value[WORKLOAD_COUNT];
};

#endif
