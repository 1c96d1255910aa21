/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmexit.so, which sqlite3 loads with .load: see vmexit-sql(7). */
#include "daemon/sql/tables.h"

/* Defined once, for all that was compiled to call SQLite through it. */
SQLITE_EXTENSION_INIT1

int sqlite3_vmexit_init(sqlite3 *db, char **ret_error, const sqlite3_api_routines *api);

__attribute__((visibility("default"))) int
sqlite3_vmexit_init(sqlite3 *db, char **ret_error, const sqlite3_api_routines *api)
{
	int rc;

	SQLITE_EXTENSION_INIT2(api);
	rc = tables_register(db, 1);
	if (rc != SQLITE_OK && ret_error)
		*ret_error = sqlite3_mprintf("vmexit's tables cannot be made: %s",
					     sqlite3_errmsg(db));
	return rc;
}
