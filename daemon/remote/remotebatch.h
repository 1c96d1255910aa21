/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stored samples as the series of one request, by the table of metrics.h. Non-logging.
 *
 * Counters go on from the VM's creation over reboots. Where a sample is the first of a counter
 * that is known to have been zero before, a zero goes in front of it, so that the increase
 * that a receiver computes is all of it: at the boot's begin, if the VM's creation was seen; of a
 * reason that is new in a list, when the list before was read.
 */
#ifndef DAEMON_REMOTEBATCH_H
#define DAEMON_REMOTEBATCH_H

#include "daemon/metrics/metrics.h"
#include "daemon/remote/remoteframe.h"
#include "daemon/remote/remotestream.h"

struct remotebatch;

#define REMOTEBATCH_LABELS_MAX 8

struct remotebatch_settings {
	const char *host;		/* label of all series */
	struct remoteframe_label labels[REMOTEBATCH_LABELS_MAX];	/* likewise */
	size_t labels_count;
	int64_t resolution_ms;		/* the last sample of each such time goes; 0: all do */
};

/* A stored sample, or several of which one goes, in the request. */
struct remotebatch_row {
	struct remotestream *stream;	/* NULL: vmexitd's own */
	struct sent_at at;		/* when it is taken */
	uint64_t samples;		/* that it stands for */
	size_t from, to;		/* in the frame */
	size_t own;			/* its own values; before are zeros */
};

/* The settings' texts outlive it. Returns 0 or -ENOMEM. */
int remotebatch_new(const struct remotebatch_settings *settings, struct remotebatch **ret_batch);
void remotebatch_free(struct remotebatch *batch);
void remotebatch_clear(struct remotebatch *batch);

/* Without room for any sample: send it first. */
bool remotebatch_is_full(const struct remotebatch *batch);

/* The sample behind stream->read, which goes there. Returns 0, -ENOBUFS or -ENOMEM. */
int remotebatch_add(struct remotebatch *batch, struct remotestream *stream,
		    const struct row_pair *pair);

/* The one of stream->read itself: it is not sent again, but tells what is new in the next. */
int remotebatch_add_before(struct remotebatch *batch, struct remotestream *stream,
			   const struct row_pair *pair);

/* A value of vmexitd's own. */
int remotebatch_add_own(struct remotebatch *batch, enum metrics_id id, const char *label,
			double value, int64_t t_ms);

/* The batch's own, until it changes. */
const struct remotebatch_row *remotebatch_rows(const struct remotebatch *batch, size_t *ret_count);
struct remoteframe *remotebatch_frame(struct remotebatch *batch);

#endif
