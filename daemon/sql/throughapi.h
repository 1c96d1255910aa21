/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Read by the compiler in front of every file of vmexit.so: sqlite3_*() are macros then,
 * which call through the table that SQLite gives to an extension.
 */
#ifndef DAEMON_THROUGHAPI_H
#define DAEMON_THROUGHAPI_H

#include <sqlite3ext.h>

SQLITE_EXTENSION_INIT3

#endif
