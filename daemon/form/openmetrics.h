/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Metrics as text: OpenMetrics 1.0, or the Prometheus text format 0.0.4. Values come in any
 * order of VMs; each family stands together. Non-logging.
 */
#ifndef DAEMON_OPENMETRICS_H
#define DAEMON_OPENMETRICS_H

#include "daemon/metrics/metrics.h"

#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define OPENMETRICS_TYPE_TEXT "text/plain; version=0.0.4; charset=utf-8"

/* Two labels, whose names are escaped, and what is between them. */
#define OPENMETRICS_LABELS_MAX (2 * (RECORD_KEY_MAX + RECORD_NAME_MAX) + 64)

struct openmetrics {
	bool open;			/* OpenMetrics */
	char labels[OPENMETRICS_LABELS_MAX];	/* of what comes next; "" for none */
	double created_s;		/* when its METRICS_OF_VM began; 0: not known */
	size_t bytes;			/* of all parts */
	struct {
		char *text;
		size_t len, room;
	} part[METRICS_COUNT];
};

/* Zero-initialise but for `open`; openmetrics_done() frees. */
void openmetrics_done(struct openmetrics *out);

/* What comes next is a VM's, of a source (or NULL). @vm NULL: vmexitd's own. */
void openmetrics_begin(struct openmetrics *out, const struct query_vm *vm, const char *source);

/* A metrics_fn; @ctx is a struct openmetrics. Returns 0 or -ENOMEM. */
int openmetrics_put(void *ctx, const struct metric *metric, const char *label, double value);

/* The whole text, which the caller frees. Returns 0 or -ENOMEM. */
int openmetrics_finish(const struct openmetrics *out, char **ret_text);

#endif
