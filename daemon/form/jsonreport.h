/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A report as JSON, as vmexit-http(7) says. Non-logging. */
#ifndef DAEMON_JSONREPORT_H
#define DAEMON_JSONREPORT_H

#include "daemon/report/reportdata.h"

/* Returns 0 with a string that the caller frees, or -ENOMEM. */
int jsonreport_text(const struct report *report, char **ret_text);

#endif
