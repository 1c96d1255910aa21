/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Values of metrics that are no sample's: what vmexitd knows of a VM, and of itself.
 * Non-logging, no allocation.
 */
#ifndef DAEMON_FIGURES_H
#define DAEMON_FIGURES_H

#include "daemon/host/vitals.h"
#include "daemon/metrics/metrics.h"
#include "daemon/store/store.h"

/* Of one VM. */
struct figures_record {
	const struct query_vm *vm;
	const struct vital *vital;
	const struct boot *boot;	/* the latest; NULL: it has none, nor what follows */
	bool has_gap;
	int64_t gap_to_ns;		/* when the last gap of that boot ended */
	uint64_t quarantined;		/* samples of that boot */
};

/* Of remote write, since vmexitd's start, but for what was lost, which is ever. */
struct figures_remote {
	bool on;			/* else there are none */
	double lag_s;
	uint64_t sent, refused, lost;	/* samples */
	uint64_t requests, failures;
};

/* Of a process, see proc(5). */
struct figures_process {
	double cpu_s, start_s;		/* start_s: since the epoch */
	uint64_t resident_bytes, virtual_bytes, fds, max_fds;
};

/* Of vmexitd. */
struct figures_daemon {
	const char *version;
	const struct store_stats *stats;
	size_t vms, vms_left_out;
	bool has_disk;
	uint64_t size_bytes, free_bytes;	/* of the database, and left to it */
	bool has_process;
	struct figures_process process;
	struct figures_remote remote;
};

/* As metrics_of_row(). */
int figures_of_record(const struct figures_record *record, metrics_fn fn, void *ctx);
int figures_of_daemon(const struct figures_daemon *daemon, metrics_fn fn, void *ctx);

/* Of this process. Returns 0 or -errno. */
int figures_process(struct figures_process *ret_process);

#endif
