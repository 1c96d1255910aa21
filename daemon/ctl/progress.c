/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "daemon/base/monotonic.h"

/* What is over by then needs no words. */
#define QUIET_MS 2000
#define EVERY_MS 500

void progress_begin(struct progress *progress, const char *what)
{
	*progress = (struct progress){ .what = what, .began_ms = monotonic_ms() };
}

void progress_show(struct progress *progress, uint64_t bytes, uint64_t total)
{
	int64_t now = monotonic_ms();

	if (now - progress->began_ms < QUIET_MS || now - progress->shown_ms < EVERY_MS ||
	    !isatty(STDERR_FILENO))
		return;
	progress->shown_ms = now;
	fprintf(stderr, "\r%s: %.1f MB", progress->what, bytes / 1e6);
	if (total)
		fprintf(stderr, " of %.1f MB", total / 1e6);
	fprintf(stderr, ", %.1f MB/s  ", bytes / 1e3 / (now - progress->began_ms));
}

void progress_end(struct progress *progress)
{
	if (progress->shown_ms)
		fputc('\n', stderr);
}
