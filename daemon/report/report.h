/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report of a boot or of a range of time. Logging (database errors only). */
#ifndef DAEMON_REPORT_H
#define DAEMON_REPORT_H

#include "daemon/report/reportdata.h"

/*
 * Report on what @filter selects of @vm; @boot is the single boot that it names, or NULL. Of
 * the sources that it admits the guest's own numbers are taken if there are any, else the
 * host's. A range without any is no error. Returns 0 or -errno; report_free() frees.
 */
int report_read(struct query *query, const struct query_vm *vm, const struct boot *boot,
		const struct query_filter *filter, struct report **ret_report);
void report_free(struct report *report);

#endif
