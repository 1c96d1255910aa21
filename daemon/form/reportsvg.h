/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The graphs of a report, as SVG inside of HTML; classes give colours, report.css has them.
 * Non-logging.
 */
#ifndef DAEMON_REPORTSVG_H
#define DAEMON_REPORTSVG_H

#include <stdio.h>

#include "daemon/report/reportdata.h"

/* Exits a second over time, with phases, bursts (by number) and what was marked. */
void reportsvg_rate(FILE *f, const struct report *report);

/* The same by reason, as areas upon each other: class s1 is the most frequent, at the bottom. */
void reportsvg_stack(FILE *f, const struct report *report);

#endif
