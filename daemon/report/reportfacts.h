/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What follows from a report's numbers. Non-logging, pure. */
#ifndef DAEMON_REPORTFACTS_H
#define DAEMON_REPORTFACTS_H

#include "daemon/report/reportdata.h"

/* A share of the vCPUs' time, of FIELD_HANDLING, _AWAY or _IDLE; false if it is not known. */
bool reportfacts_share(const struct report *report, enum key_field field, double *ret_share);

/* For report.c: fill findings. */
void reportfacts_find(struct report *report);

#endif
