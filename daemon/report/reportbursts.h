/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bursts of a report, and what ran in them. For report.c only. Logging (database errors only). */
#ifndef DAEMON_REPORTBURSTS_H
#define DAEMON_REPORTBURSTS_H

#include "daemon/report/reportdata.h"

/* Find them in curve, and how steady the rate is. Returns 0 or -ENOMEM. */
int reportbursts_find(struct report *report);

/* What ran in the largest; marks, sums and totals are there. Returns 0 or -errno. */
int reportbursts_read(struct query *query, const struct query_filter *filter,
		      struct report *report);

#endif
