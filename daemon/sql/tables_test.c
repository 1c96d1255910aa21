/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual tables beside plain ones with the same rows: whatever is asked of the one has
 * the other's answer, and what a constraint leaves out is not decoded.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "daemon/store/column.h"

static size_t columns_decoded;

/* In place of the archive's: it counts. */
static int count_decode(const uint8_t *untrusted, size_t len, uint64_t *ret_values, size_t count)
{
	columns_decoded++;
	return column_decode(untrusted, len, ret_values, count);
}

#define column_decode count_decode
#include "daemon/store/chunk.c"
#undef column_decode

#include "daemon/sql/tables.h"
#include "daemon/store/store.h"
#include "daemon/store/testdb.h"
#include "daemon/store/testrandom.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define T0 (1763874000 * S)
#define HOUR 3600

static char path[512];
static sqlite3 *db;
static size_t chunks_read, samples_added, reasons_added;

/* A statement that a table runs is traced like any other: one reads a chunk. */
static int trace(unsigned int what, void *ctx, void *stmt, void *text)
{
	(void)what;
	(void)ctx;
	(void)stmt;
	chunks_read += strstr(text, "SELECT columns FROM chunk") != NULL;
	return 0;
}

static void add(struct store *store, struct boot *boot, enum sample_source source, int64_t t_ns,
		uint64_t exits, bool lists)
{
	static uint8_t buf[TESTRANDOM_DETAIL];
	struct sample s = { .has = SAMPLE_HAS_EXITS, .exits = exits };
	struct detail_iter iter;
	struct detail_entry entry;

	if (lists) {
		s = testrandom_sample(buf);
		if (detail_find(s.detail, s.detail_len, DETAIL_REASONS, &iter)) {
			while (detail_next(&iter, &entry))
				reasons_added++;
		}
	}
	s.sequence = boot->last_sequence[source] + 1 + testrandom_one_in(9);
	s.t_wall_ns = t_ns;
	if (store_add(store, boot, source, &s) != 0)
		abort();
	samples_added++;
}

static void seal(struct store *store)
{
	if (store_flush(store, 0) < 0)
		abort();
	while (store_work(store, INT64_MAX / 2) > 0)
		;
}

/* A boot with everything, one of an hour and more, and one that is in the journal. */
static void make_database(void)
{
	struct range gap = { .cause = GAP_FULL, .count = 1 };
	struct store *store;
	struct boot *boot;
	struct vm *vm;

	if (store_open(path, &store) < 0)
		abort();
	vm = store_vm(store, "a", "a 'quoted' name");
	boot = store_boot(store, vm, BOOT_CREATED, "1", T0);
	boot->reason_namespace = 1;
	boot->vcpus = 2;
	boot->tsc_khz = 2000000;
	for (int i = 0; i < 80; i++) {
		add(store, boot, SOURCE_GUEST, T0 + i * S + testrandom_below(S), 0, true);
		if (i == 30)
			seal(store);
		if (i == 20) {
			gap.from = gap.to = boot->last_sequence[SOURCE_GUEST] + 1;
			(void)store_add_gap(store, boot, SOURCE_GUEST, &gap);
		}
	}
	boot = store_boot(store, store_vm(store, "b", "b"), BOOT_FOUND, "2", T0);
	boot->vcpus = boot->tsc_khz = 1;
	for (int i = 0; i < HOUR; i++) {
		add(store, boot, SOURCE_HOST, T0 + i * S, 100 * i, false);
		if (i % 600 == 599)
			seal(store);
	}
	boot = store_boot(store, vm, BOOT_REBOOT, "1", T0 + 100 * S);
	for (int i = 0; i < 20; i++)
		add(store, boot, i % 2, T0 + 100 * S + i * S, 7 * i, true);
	store_free(store);
}

static void open_tables(void)
{
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    tables_register(db, 1) != SQLITE_OK)
		abort();
	sqlite3_trace_v2(db, SQLITE_TRACE_STMT, trace, NULL);
}

static void run(const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, error);
		abort();
	}
}

/* A number; -1 if the statement fails. */
static int64_t number(const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int64_t n = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

/* How many rows a statement has, and a sum of them in which their order does not matter. */
struct answer {
	int rc;
	size_t rows;
	uint64_t sum;
};

static uint64_t hash_of(sqlite3_stmt *stmt)
{
	uint64_t hash = 14695981039346656037ULL;

	for (int i = 0; i < sqlite3_column_count(stmt); i++) {
		const unsigned char *text = sqlite3_column_text(stmt, i);
		int len = sqlite3_column_bytes(stmt, i);

		hash = (hash ^ (text ? (uint64_t)len + 1 : 0)) * 1099511628211ULL;
		for (int n = 0; n < len; n++)
			hash = (hash ^ text[n]) * 1099511628211ULL;
	}
	return hash;
}

static struct answer ask(const char *sql)
{
	struct answer answer = { 0 };
	sqlite3_stmt *stmt = NULL;

	answer.rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	while (answer.rc == SQLITE_OK || answer.rc == SQLITE_ROW) {
		answer.rc = sqlite3_step(stmt);
		if (answer.rc != SQLITE_ROW)
			break;
		answer.rows++;
		answer.sum += hash_of(stmt);
	}
	sqlite3_finalize(stmt);
	return answer;
}

static const char *const tables[] = { "sample", "sample_value", "rollup" };

/* A plain table with the same columns; but numbers that may be fractions have no type. */
static void copy_table(const char *table)
{
	sqlite3_str *sql = sqlite3_str_new(db);
	sqlite3_stmt *stmt;
	char *text, *ask_columns = sqlite3_mprintf("SELECT name, type FROM pragma_table_info(%Q)", table);

	sqlite3_str_appendf(sql, "CREATE TEMP TABLE plain_%s (", table);
	if (sqlite3_prepare_v2(db, ask_columns, -1, &stmt, NULL) != SQLITE_OK)
		abort();
	for (int i = 0; sqlite3_step(stmt) == SQLITE_ROW; i++) {
		const char *type = (const char *)sqlite3_column_text(stmt, 1);

		sqlite3_str_appendf(sql, "%s\"%s\" %s", i ? ", " : "", sqlite3_column_text(stmt, 0),
				    strcmp(type, "NUMERIC") == 0 ? "" : type);
	}
	sqlite3_finalize(stmt);
	sqlite3_str_appendf(sql, "); INSERT INTO plain_%s SELECT * FROM %s;", table, table);
	text = sqlite3_str_finish(sql);
	run(text);
	sqlite3_free(text);
	sqlite3_free(ask_columns);
}

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

/* What is in the tables is what was added. */
static void test_rows(void)
{
	ok(number("SELECT count(*) FROM sample") == (int64_t)samples_added &&
		   number("SELECT count(*) FROM plain_sample") == (int64_t)samples_added,
	   "a row for each of %zu samples", samples_added);
	ok(number("SELECT count(*) FROM sample_value WHERE kind = 'reason_exits'") ==
		   (int64_t)reasons_added,
	   "a value for each of %zu counts of a reason", reasons_added);
	ok(number("SELECT sum(after_gap) FROM sample") == 1, "one sample is behind a gap");
	ok(number("SELECT count(*) FROM sample s JOIN sample_value v USING (boot, source, sequence)"
		  " WHERE v.kind = 'exits' AND v.value IS NOT s.exits") == 0 &&
		   number("SELECT count(*) FROM sample_value WHERE kind = 'forks'") ==
			   number("SELECT count(forks) FROM sample"),
	   "both say the same");
	ok(number("SELECT sum(sum) FROM rollup WHERE boot = 2 AND kind = 'exits' AND width_s = 10") ==
		   number("SELECT max(exits) - min(exits) FROM sample WHERE boot = 2"),
	   "rollups add up to it");
	ok(number("SELECT count(DISTINCT width_s) FROM rollup WHERE boot = 2") >= 1 &&
		   number("SELECT max(samples) FROM rollup WHERE width_s = 10") == 10,
	   "in buckets of 10 s");
}

/* Chunks that a statement reads, or columns that it decodes. */
static size_t cost(const char *sql, const size_t *counter)
{
	size_t before = *counter;

	if (ask(sql).rc != SQLITE_DONE)
		return SIZE_MAX;
	return *counter - before;
}

static void test_cost(void)
{
	size_t all = cost("SELECT * FROM sample", &chunks_read), minute, some;
	size_t decoded = cost("SELECT * FROM sample_value WHERE boot = 1", &columns_decoded);

	ok(all >= 7, "a scan of all samples reads %zu chunks", all);
	minute = cost("SELECT * FROM sample WHERE boot = 2 AND t_ns BETWEEN 1763875000000000000"
		      " AND 1763875059000000000", &chunks_read);
	ok(minute >= 1 && minute <= 2, "a minute %zu", minute);
	ok(cost("SELECT * FROM sample WHERE t_ns < 0", &chunks_read) == 0, "no time none");
	ok(cost("SELECT * FROM sample WHERE boot = 2 AND sequence = 700", &chunks_read) <= 2,
	   "a sequence one, and perhaps the next");
	ok(cost("SELECT * FROM sample WHERE boot = 2 AND sequence BETWEEN 700 AND 900",
		&chunks_read) <= 3, "a few sequences few");
	ok(cost("SELECT * FROM sample WHERE boot = 99", &chunks_read) == 0 &&
		   cost("SELECT * FROM sample WHERE source = 7", &chunks_read) == 0 &&
		   cost("SELECT * FROM sample WHERE boot = NULL", &chunks_read) == 0,
	   "what is not there none");
	ok(cost("SELECT * FROM rollup WHERE width_s = 11", &chunks_read) == 0 &&
		   cost("SELECT * FROM rollup WHERE width_s = 3600", &chunks_read) <
			   cost("SELECT * FROM rollup", &chunks_read),
	   "of rollups only those of the width");
	some = cost("SELECT * FROM sample_value WHERE boot = 1 AND kind = 'exits'",
		    &columns_decoded);
	ok(decoded > 100 && some > 0 && some <= 9, "one kind decodes %zu columns, not %zu", some,
	   decoded);
	some = cost("SELECT * FROM sample_value WHERE boot = 1 AND kind = 'reason_exits' AND id = 9",
		    &columns_decoded);
	ok(some <= 9, "one reason %zu", some);
}

/* Statements as somebody may write them who means no good, or knows no better. */
static void test_odd(void)
{
	static const char *const same[][2] = {
		{ "SELECT count(DISTINCT rowid) FROM sample", "SELECT count(*) FROM plain_sample" },
		{ "SELECT count(DISTINCT rowid) FROM sample_value",
		  "SELECT count(*) FROM plain_sample_value" },
		{ "SELECT count(DISTINCT rowid) FROM rollup", "SELECT count(*) FROM plain_rollup" },
		{ "SELECT count(*) FROM sample WHERE boot = 1 OR sequence = 3 OR t_ns < 0",
		  "SELECT count(*) FROM plain_sample WHERE boot = 1 OR sequence = 3 OR t_ns < 0" },
		{ "SELECT group_concat(sequence) FROM (SELECT sequence FROM sample WHERE boot = 2"
		  " ORDER BY t_ns DESC, sequence LIMIT 9 OFFSET 3)",
		  "SELECT group_concat(sequence) FROM (SELECT sequence FROM plain_sample WHERE"
		  " boot = 2 ORDER BY t_ns DESC, sequence LIMIT 9 OFFSET 3)" },
		{ "SELECT count(*), sum(a.sequence) FROM sample a JOIN sample b ON a.boot = b.boot"
		  " AND a.sequence = b.sequence + 1 AND a.source = b.source WHERE a.boot <> 2",
		  "SELECT count(*), sum(a.sequence) FROM plain_sample a JOIN plain_sample b ON"
		  " a.boot = b.boot AND a.sequence = b.sequence + 1 AND a.source = b.source"
		  " WHERE a.boot <> 2" },
		{ "SELECT count(*) FROM vm LEFT JOIN sample s ON s.boot = vm.id + 50 AND s.rowid > 0",
		  "SELECT count(*) FROM vm" },
		{ "SELECT max(sequence), (SELECT count(*) FROM sample t WHERE t.boot = s.boot AND"
		  " t.sequence < 5) FROM sample s GROUP BY boot, source",
		  "SELECT max(sequence), (SELECT count(*) FROM plain_sample t WHERE t.boot = s.boot"
		  " AND t.sequence < 5) FROM plain_sample s GROUP BY boot, source" },
		{ "SELECT * FROM sample WHERE boot IN (SELECT id FROM boot WHERE vm = 1) AND boot IN"
		  " (1, 3) AND sequence IN (1, 2, 3, 4, 5, 'x', NULL)",
		  "SELECT * FROM plain_sample WHERE boot IN (SELECT id FROM boot WHERE vm = 1) AND"
		  " boot IN (1, 3) AND sequence IN (1, 2, 3, 4, 5, 'x', NULL)" },
		{ "SELECT boot FROM sample UNION SELECT 9 EXCEPT SELECT boot FROM sample_value",
		  "SELECT 9" },
	};
	static const char *const refused[] = {
		"INSERT INTO sample (boot) VALUES (1)", "DELETE FROM sample", "DROP TABLE sample",
		"UPDATE rollup SET sum = 1", "CREATE INDEX i ON sample (boot)",
		"CREATE VIRTUAL TABLE temp.t USING sample", "SELECT nothing FROM sample",
	};
	size_t wrong = 0;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct answer got = ask(same[i][0]), want = ask(same[i][1]);

		if (want.rc != SQLITE_DONE || got.rc != want.rc || got.rows != want.rows ||
		    got.sum != want.sum) {
			printf("# %s\n", same[i][0]);
			wrong++;
		}
	}
	ok(wrong == 0, "rowids, joins, orders, subqueries");
	wrong = 0;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		wrong += ask(refused[i]).rc == SQLITE_DONE;
	ok(wrong == 0, "what cannot be is refused");
}

/* Two statements at a time, one left in its middle. */
static void test_half_read(void)
{
	sqlite3_stmt *one, *other;
	int rows = 0;

	if (sqlite3_prepare_v2(db, "SELECT * FROM sample", -1, &one, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, "SELECT * FROM sample_value", -1, &other, NULL) != SQLITE_OK)
		abort();
	for (int i = 0; i < 30; i++)
		rows += (sqlite3_step(one) == SQLITE_ROW) + (sqlite3_step(other) == SQLITE_ROW);
	sqlite3_reset(one);
	while (sqlite3_step(one) == SQLITE_ROW)
		rows++;
	ok(rows == 60 + (int)samples_added, "statements side by side, one of them begun anew");
	sqlite3_finalize(one);
	sqlite3_finalize(other);
}

static void test_views(void)
{
	static const char *const views[] = { "vms", "boots", "marks", "gaps", "samples", "rates",
					     "reasons", "vcpus", "processes", "units" };
	size_t wrong = 0;

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		char *sql = sqlite3_mprintf("SELECT * FROM %s", views[i]);
		struct answer got = ask(sql);

		wrong += got.rc != SQLITE_DONE || (got.rows == 0 && strcmp(views[i], "marks") != 0);
		sqlite3_free(sql);
	}
	ok(wrong == 0, "each view answers");
	ok(number("SELECT count(*) FROM samples") == (int64_t)samples_added &&
		   number("SELECT count(*) FROM reasons") == (int64_t)reasons_added,
	   "with the rows of its table");
	ok(number("SELECT count(*) FROM rates WHERE vm = 'b' AND exits_per_s = 100"
		  " AND seconds = 1") == HOUR - 1,
	   "rates are what they should be");
	ok(number("SELECT count(*) FROM rates r JOIN samples s ON s.vm = r.vm AND s.boot = r.boot"
		  " AND s.source = r.source AND s.time = r.time WHERE s.after_gap") == 0,
	   "and none is over a gap");
	ok(number("SELECT vmexit_reason(1, 10) IS NOT NULL AND vmexit_reason(1, -1) IS NULL AND"
		  " vmexit_reason('x', x'00') IS NULL AND vmexit_reason(NULL, 1e300) IS NULL") == 1,
	   "reasons have names, numbers that are none have not");
}

static void right_checksum_of(uint8_t *blob, size_t len)
{
	uint32_t crc = crc32(0, blob + 4, len - 4);

	for (int i = 0; i < 4; i++)
		blob[i] = crc >> 8 * i;
}

/* blob_spoil(BLOB): with its last byte gone wrong and the right checksum for that. */
static void spoil_column(sqlite3_context *out, int argc, sqlite3_value **argv)
{
	size_t len = sqlite3_value_bytes(argv[0]);
	uint8_t *blob = malloc(len);

	(void)argc;
	memcpy(blob, sqlite3_value_blob(argv[0]), len);
	/* The last column's runs of rows, or its bits, lead anywhere. */
	memset(blob + len - 12, 0xff, 12);
	right_checksum_of(blob, len);
	sqlite3_result_blob(out, blob, len, free);
}

static void spoil(const char *sql)
{
	sqlite3 *writer;

	sqlite3_close(db);
	if (sqlite3_open(path, &writer) != SQLITE_OK ||
	    sqlite3_create_function(writer, "spoil", 1, SQLITE_UTF8, NULL, spoil_column, NULL,
				    NULL) != SQLITE_OK ||
	    sqlite3_exec(writer, sql, NULL, NULL, NULL) != SQLITE_OK)
		abort();
	sqlite3_close(writer);
	open_tables();
}

static void test_damaged(void)
{
	int64_t lost = number("SELECT samples FROM chunk WHERE tier = 0 AND boot = 2 ORDER BY id LIMIT 1");
	int64_t buckets = number("SELECT count(*) FROM rollup WHERE width_s = 10");

	spoil("UPDATE chunk SET columns = substr(columns, 1, length(columns) - 1) WHERE id ="
	      " (SELECT min(id) FROM chunk WHERE tier = 0 AND boot = 2)");
	ok(lost > 500 && number("SELECT count(*) FROM sample") == (int64_t)samples_added - lost &&
		   number("SELECT count(*) FROM sample_value WHERE boot = 2 AND kind = 'exits'") ==
			   HOUR - lost,
	   "a damaged chunk is a hole");
	spoil("UPDATE chunk SET columns = zeroblob(100) WHERE id ="
	      " (SELECT min(id) FROM chunk WHERE tier = 1 AND boot = 2)");
	ok(number("SELECT count(*) FROM rollup WHERE width_s = 10") < buckets &&
		   number("SELECT count(*) FROM rollup WHERE width_s = 10 AND boot = 1") > 0,
	   "so is one of a rollup");
	spoil("UPDATE chunk SET columns = spoil(columns)");
	ok(ask("SELECT * FROM sample").rc == SQLITE_DONE &&
		   ask("SELECT * FROM sample_value").rc == SQLITE_DONE &&
		   ask("SELECT * FROM rollup").rc == SQLITE_DONE &&
		   number("SELECT count(*) FROM sample_value") > 0,
	   "a damaged column in each leaves the others");
	spoil("UPDATE journal SET sample = x'ff'; UPDATE stream SET last = x'ff'");
	ok(ask("SELECT * FROM sample WHERE boot = 3").rows == 0, "a damaged sample in the journal");
}

static void test_other_database(void)
{
	sqlite3 *other;

	if (sqlite3_open(":memory:", &other) != SQLITE_OK || tables_register(other, 1) != SQLITE_OK)
		abort();
	ok(sqlite3_exec(other, "SELECT * FROM sample", NULL, NULL, NULL) != SQLITE_OK &&
		   sqlite3_exec(other, "SELECT * FROM rates", NULL, NULL, NULL) != SQLITE_OK,
	   "a database without samples is said to have none");
	ok(sqlite3_close(other) == SQLITE_OK, "and nothing of it stays open");
}

int main(void)
{
	int statements = testrandom_is_long() ? 4000 : 80;

	log_init("tables_test", LOG_ERROR - 1);
	if (!testdb_make())
		return 1;
	testdb_path(path, sizeof(path), "tables.db");
	make_database();
	open_tables();
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		copy_table(tables[i]);
	test_rows();
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		test_constraints(tables[i], statements);
	test_cost();
	test_odd();
	test_half_read();
	test_views();
	test_damaged();
	test_other_database();
	ok(sqlite3_close(db) == SQLITE_OK, "nothing stays open");
	testdb_remove("");
	return done_testing();
}
