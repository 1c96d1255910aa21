/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of a report in HTML, each a section; nothing where there is nothing. Non-logging. */
#ifndef DAEMON_HTMLTABLES_H
#define DAEMON_HTMLTABLES_H

#include <stdio.h>

#include "daemon/report/reportdata.h"

void htmltables_rates(FILE *f, const struct report *report);
void htmltables_phases(FILE *f, const struct report *report);
void htmltables_reasons(FILE *f, const struct report *report);
void htmltables_bursts(FILE *f, const struct report *report);
void htmltables_marks(FILE *f, const struct report *report);
void htmltables_boots(FILE *f, const struct report *report);
void htmltables_sources(FILE *f, const struct report *report);

#endif
