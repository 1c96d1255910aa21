/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A report as one HTML document that needs nothing else: no script, no request; well-formed as
 * XML, too. Non-logging.
 */
#ifndef DAEMON_HTMLREPORT_H
#define DAEMON_HTMLREPORT_H

#include "daemon/report/reportdata.h"

/* Of the HTTP answer that carries it: its own style sheet, and nothing else. The caller frees. */
int htmlreport_policy(char **ret_policy);

/* Made at @now, seconds since the epoch. Returns 0 with text that the caller frees, or -ENOMEM. */
int htmlreport_text(const struct report *report, double now, char **ret_text);

#endif
