/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The style sheet of reports, report.css, as embedstyle puts it into the program. */
#ifndef DAEMON_REPORTSTYLE_H
#define DAEMON_REPORTSTYLE_H

extern const char reportstyle_css[];
extern const char reportstyle_hash[];	/* "sha256-..." */

#endif
