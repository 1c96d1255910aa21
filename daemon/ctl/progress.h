/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far something is, on a terminal and only if it takes its time. Non-logging. */
#ifndef DAEMON_CTL_PROGRESS_H
#define DAEMON_CTL_PROGRESS_H

#include <stdint.h>

struct progress {
	const char *what;		/* "export" */
	int64_t began_ms, shown_ms;	/* monotonic; shown_ms 0: not yet */
};

void progress_begin(struct progress *progress, const char *what);

/* Of @total bytes, 0 if that is not known. */
void progress_show(struct progress *progress, uint64_t bytes, uint64_t total);
void progress_end(struct progress *progress);

#endif
