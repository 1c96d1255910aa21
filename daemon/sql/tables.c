/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/sql/tables.h"

#include <sqlite3.h>
#include <stdint.h>

#include "daemon/sql/sampletable.h"
#include "daemon/sql/seriestables.h"
#include "daemon/sql/views.h"
#include "guest-agent/shared/reason.h"

/* vmexit_reason(NAMESPACE, NUMBER): the name of an exit reason, or NULL. */
static void reason_of(sqlite3_context *out, int argc, sqlite3_value **argv)
{
	sqlite3_int64 namespace = sqlite3_value_int64(argv[0]);
	sqlite3_int64 number = sqlite3_value_int64(argv[1]);
	const char *name = NULL;

	(void)argc;
	if (namespace >= 0 && namespace <= UINT32_MAX && number >= 0 && number <= UINT32_MAX)
		name = reason_name(namespace, number);
	if (name)
		sqlite3_result_text(out, name, -1, SQLITE_STATIC);
}

int tables_register(sqlite3 *db, int views)
{
	int rc = table_register(db, &sampletable);

	rc = rc ? rc : table_register(db, &valuetable);
	rc = rc ? rc : table_register(db, &rolluptable);
	rc = rc ? rc : sqlite3_create_function_v2(db, "vmexit_reason", 2,
						  SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
						  reason_of, NULL, NULL, NULL);
	return rc || !views ? rc : sqlite3_exec(db, views_sql, NULL, NULL, NULL);
}
