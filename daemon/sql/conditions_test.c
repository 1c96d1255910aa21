/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random conditions on the virtual tables beside plain ones with the same rows: the one has
 * the other's answer, whatever is narrowed by it.
 */
#include "daemon/sql/testtables.h"

/* A value that a column may be compared with: one that it has, or what it never has. */
static const char *a_value(const char *table, const char *column, char *buf, size_t size)
{
	static const char *const odd[] = {
		"NULL", "0", "1", "-1", "2.5", "-2.5", "1.0", "1e30", "-1e30", "9223372036854775807",
		"-9223372036854775808", "9223372036854775808", "-9223372036854775809", "'abc'", "''",
		"'1'", "' 1 '", "'1.0'", "'12abc'", "'1e30'", "x''", "x'31'", "'exits'", "'EXITS'",
		"'exits '", "9007199254740993.0", "1763874050e9", "1763874050000000000.5",
	};
	char *sql;
	sqlite3_stmt *stmt;

	if (testrandom_one_in(3))
		return odd[testrandom_below(sizeof(odd) / sizeof(odd[0]))];
	sql = sqlite3_mprintf("SELECT quote(%s%s) FROM plain_%s WHERE rowid = 1 + %lld %% "
			      "(SELECT max(rowid) FROM plain_%s)",
			      column,
			      strstr("boot source sequence t_ns", column) && testrandom_one_in(3)
				      ? testrandom_one_in(2) ? " + 0.5" : " - 1"
				      : "",
			      table, (long long)(testrandom() >> 1), table);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
	    sqlite3_step(stmt) != SQLITE_ROW)
		abort();
	snprintf(buf, size, "%s", sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	sqlite3_free(sql);
	return buf;
}

static void add_term(sqlite3_str *to, const char *table)
{
	static const char *const common[] = { "boot", "source", "sequence", "t_ns" };
	static const char *const series[] = { "kind", "id", "name", "width_s" };
	static const char *const ops[] = { "=", "<", "<=", ">", ">=", "<>", "IS", "IS NOT", "==" };
	size_t others = strcmp(table, "sample") == 0 ? 0 : strcmp(table, "rollup") == 0 ? 4 : 3;
	size_t which = testrandom_below(4 + others);
	const char *column = which < 4 ? common[which] : series[which - 4];
	char a[256], b[256];

	switch (testrandom_below(8)) {
	case 0:
		sqlite3_str_appendf(to, "%s BETWEEN %s AND %s", column,
				    a_value(table, column, a, sizeof(a)),
				    a_value(table, column, b, sizeof(b)));
		break;
	case 1:
		sqlite3_str_appendf(to, "%s IN (%s, %s)", column,
				    a_value(table, column, a, sizeof(a)),
				    a_value(table, column, b, sizeof(b)));
		break;
	case 2:
		sqlite3_str_appendf(to, "%s IS %sNULL", column, testrandom_one_in(2) ? "NOT " : "");
		break;
	case 3:
		if (which >= 4) {
			sqlite3_str_appendf(to, "%s = %s COLLATE NOCASE", column,
					    a_value(table, column, a, sizeof(a)));
			break;
		}
		/* fall through */
	default:
		sqlite3_str_appendf(to, "%s %s %s", column,
				    ops[testrandom_below(sizeof(ops) / sizeof(ops[0]))],
				    a_value(table, column, a, sizeof(a)));
	}
}

static char *a_condition(const char *table)
{
	sqlite3_str *to = sqlite3_str_new(db);

	add_term(to, table);
	while (testrandom_one_in(2)) {
		sqlite3_str_appendall(to, testrandom_one_in(4) ? " OR " : " AND ");
		add_term(to, table);
	}
	return sqlite3_str_finish(to);
}

static void test_constraints(const char *table, int statements)
{
	size_t wrong = 0, rows = 0;

	for (int i = 0; i < statements; i++) {
		char *where = a_condition(table);
		char *virtual = sqlite3_mprintf("SELECT * FROM %s WHERE %s", table, where);
		char *plain = sqlite3_mprintf("SELECT * FROM plain_%s WHERE %s", table, where);
		struct answer got = ask(virtual), want = ask(plain);

		if (want.rc != SQLITE_DONE)
			abort();
		if (got.rc != want.rc || got.rows != want.rows || got.sum != want.sum) {
			if (++wrong < 10)
				printf("# %s: %zu rows for %zu\n", virtual, got.rows, want.rows);
		}
		rows += got.rows > 0;
		sqlite3_free(where);
		sqlite3_free(virtual);
		sqlite3_free(plain);
	}
	ok(wrong == 0 && rows > 0, "%d conditions on %s, %zu of which hold for some row, have the "
	   "rows of a plain table", statements, table, rows);
}

int main(void)
{
	int statements = testrandom_is_long() ? 4000 : 80;

	log_init("conditions_test", LOG_ERROR);
	if (!testdb_make())
		return 1;
	testdb_path(path, sizeof(path), "conditions.db");
	make_database();
	open_tables();
	copy_tables();
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		test_constraints(tables[i], statements);
	sqlite3_close(db);
	testdb_remove("");
	return done_testing();
}
