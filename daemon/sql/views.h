/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Temporary views that say in words what the tables have as numbers: vmexit-sql(7). For
 * tables.c only.
 */
#ifndef DAEMON_VIEWS_H
#define DAEMON_VIEWS_H

extern const char views_sql[];

#endif
