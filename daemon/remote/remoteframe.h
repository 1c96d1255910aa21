/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One request of Prometheus remote write 1.0: series with their samples as protobuf, within a
 * block of snappy. Needs no database. Non-logging.
 */
#ifndef DAEMON_REMOTEFRAME_H
#define DAEMON_REMOTEFRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More is in no request; a receiver takes 32 MB before snappy, VictoriaMetrics for one. */
#define REMOTEFRAME_SAMPLES_MAX 40000
#define REMOTEFRAME_SERIES_MAX 20000
#define REMOTEFRAME_LABELS_MAX 16	/* of one series */
#define REMOTEFRAME_TEXT_MAX (8u << 20)	/* bytes of all labels */

struct remoteframe;

struct remoteframe_label {
	const char *name;		/* [a-zA-Z_][a-zA-Z0-9_]*, the series' own is __name__ */
	const char *value;		/* what is no UTF-8 in it becomes '?'; "" is no label */
};

/* Returns 0 or -ENOMEM. */
int remoteframe_new(struct remoteframe **ret_frame);
void remoteframe_free(struct remoteframe *frame);

/* Forget all series, but not the memory. */
void remoteframe_clear(struct remoteframe *frame);

/*
 * One series more, with @count labels (copied, in any order, no name twice). Returns its number,
 * 0 and up, or -ENOBUFS when it has no room, -EINVAL for too many labels, -ENOMEM.
 */
int remoteframe_series(struct remoteframe *frame, const struct remoteframe_label *labels,
		       size_t count);

/*
 * One sample more of series @series; those of one series come in order of time. Samples of
 * several series may come in turns. Returns 0, -ENOBUFS when it has no room, or -ENOMEM.
 */
int remoteframe_sample(struct remoteframe *frame, int series, double value, int64_t t_ms);

/* Whether @series more, of labels as long as those of metrics are, and @samples have room. */
bool remoteframe_has_room(const struct remoteframe *frame, size_t series, size_t samples);

/* How many samples there are; and forget those behind the first @samples. */
size_t remoteframe_samples(const struct remoteframe *frame);
void remoteframe_cut(struct remoteframe *frame, size_t samples);

/*
 * A request of the samples @from up to @to, counted in the order in which they were added, and of
 * the series that these are of: its bytes, the frame's own until its next change. The same series
 * and samples make the same bytes. Returns 0 or -ENOMEM. *ret_raw_len, unless NULL: bytes before
 * snappy.
 */
int remoteframe_encode(struct remoteframe *frame, size_t from, size_t to,
		       const uint8_t **ret_bytes, size_t *ret_len, size_t *ret_raw_len);

#endif
