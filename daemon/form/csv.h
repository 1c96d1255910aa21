/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Samples as CSV (RFC 4180); vmexit-http(7) documents the columns. Fields are
 * numbers, times and ids that cannot hold a comma, quote or formula, so nothing
 * needs quoting. Non-logging.
 */
#ifndef DAEMON_CSV_H
#define DAEMON_CSV_H

#include "daemon/query/query.h"

/* Room for any line. */
#define CSV_LINE_MAX 2048

/* Each writes one line with CR LF to @buf and returns its length. */
size_t csv_header(char buf[CSV_LINE_MAX]);
size_t csv_row(char buf[CSV_LINE_MAX], const char *vm_key, const struct row *row);

#endif
