/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All metrics of all VMs and of vmexitd, as it is now: /metrics. Non-logging. */
#ifndef DAEMON_METRICSPAGE_H
#define DAEMON_METRICSPAGE_H

#include "daemon/metrics/figures.h"

/* More VMs, or more text than that, are left out and counted. */
#define METRICSPAGE_VMS_MAX 2048
#define METRICSPAGE_BYTES_MAX 33554432

/*
 * A source that has been silent for so long has no values, but for three intervals between
 * samples up to the second; nor has one of a VM that is stopped.
 */
#define METRICSPAGE_FRESH_S 300
#define METRICSPAGE_FRESH_MOST_S 14400

struct metricspage {
	struct vitals *vitals;
	const struct store_stats *stats;
	struct figures_remote remote;
	bool open;			/* OpenMetrics, else Prometheus' text */
};

/* Returns 0 with a text that the caller frees, or -errno. */
int metricspage_make(struct query *query, const struct metricspage *page, char **ret_text);

#endif
