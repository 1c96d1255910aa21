/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The samples of a VM as text, a piece at a time: CSV or JSON lines, as vmexit-http(7)
 * says. Whatever the range, the memory is that of one block of samples. Logging (database
 * errors only).
 */
#ifndef DAEMON_EXPORTER_H
#define DAEMON_EXPORTER_H

#include <sys/types.h>

#include "daemon/query/exportwalk.h"

enum exporter_format { EXPORTER_WIDE, EXPORTER_LONG, EXPORTER_JSONL, EXPORTER_FORMATS };

struct exporter;

/*
 * Begin. @query must outlive the result, which is freed with exporter_free(). With
 * what->after there is no header line: what comes is to follow what came before.
 * Returns 0 or -errno.
 */
int exporter_new(struct query *query, const struct query_vm *vm,
		 const struct exportwalk_filter *what, enum exporter_format format,
		 struct exporter **ret_exporter);
void exporter_free(struct exporter *exporter);

/*
 * Up to @max bytes more, 0 at the end, -EAGAIN when there are none yet (each call does some
 * milliseconds of work at most), or another -errno: then what came so far is not all.
 */
ssize_t exporter_read(struct exporter *exporter, char *buf, size_t max);

/* Content type of a format; ending of a file's name. */
const char *exporter_type(enum exporter_format format);
const char *exporter_suffix(enum exporter_format format);

#endif
