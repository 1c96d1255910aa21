/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The virtual table sample: one row a sample, its numbers in columns. For tables.c only. */
#ifndef DAEMON_SAMPLETABLE_H
#define DAEMON_SAMPLETABLE_H

#include "daemon/sql/table.h"

extern const struct table sampletable;

#endif
