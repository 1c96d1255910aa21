/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The marks of a report. For report.c only. Logging (database errors only). */
#ifndef DAEMON_REPORTMARKS_H
#define DAEMON_REPORTMARKS_H

#include "daemon/report/reportdata.h"

/* Fill marks and intervals with what overlaps from and to. Returns 0 or -errno. */
int reportmarks_read(struct query *query, const struct query_filter *filter, struct report *report);

#endif
