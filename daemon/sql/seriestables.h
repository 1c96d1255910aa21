/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual tables sample_value and rollup: one row for each series and sample or
 * bucket. A constraint on kind, id or name leaves all other columns undecoded. For
 * tables.c only.
 */
#ifndef DAEMON_SERIESTABLES_H
#define DAEMON_SERIESTABLES_H

#include "daemon/sql/table.h"

extern const struct table valuetable;
extern const struct table rolluptable;

#endif
