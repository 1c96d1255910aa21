/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtual tables: their rows are the samples, what a constraint leaves out is not
 * decoded, and what is damaged is a hole. conditions_test.c has more on constraints.
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

#include "daemon/sql/testtables.h"

static size_t chunks_read;

/* A statement that a table runs is traced like any other: one reads a chunk. */
static int trace(unsigned int what, void *ctx, void *stmt, void *text)
{
	(void)what;
	(void)ctx;
	(void)stmt;
	chunks_read += strstr(text, "SELECT columns FROM chunk") != NULL;
	return 0;
}

static void trace_chunks(void)
{
	sqlite3_trace_v2(db, SQLITE_TRACE_STMT, trace, NULL);
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
	ok(sqlite3_get_autocommit(db), "no transaction is left open where rows were copied");
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

/* As anybody has them: vmexit.so in the sqlite3 that is installed. */
static void test_loaded(const char *program)
{
	static const char command[] =
		"sqlite3 -readonly -cmd \".load $(dirname \"$PROGRAM\")/../../../vmexit\" \"$DATABASE\""
		" 'SELECT count(*), (SELECT count(*) FROM rates WHERE vm = \"b\") FROM samples'";
	char line[64] = "", want[64];
	FILE *pipe;

	setenv("PROGRAM", program, 1);
	setenv("DATABASE", path, 1);
	pipe = popen(command, "r");
	if (pipe && !fgets(line, sizeof(line), pipe))
		line[0] = '\0';
	snprintf(want, sizeof(want), "%zu|%d\n", samples_added, HOUR - 1);
	ok(pipe && pclose(pipe) == 0 && strcmp(line, want) == 0, "sqlite3 loads vmexit.so");
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

int main(int argc, char **argv)
{
	log_init("tables_test", LOG_ERROR - 1);
	if (!testdb_make())
		return 1;
	testdb_path(path, sizeof(path), "tables.db");
	make_database();
	open_tables();
	trace_chunks();
	copy_tables();
	test_rows();
	test_cost();
	test_odd();
	test_half_read();
	test_views();
	test_loaded(argc > 0 ? argv[0] : "");
	test_damaged();
	test_other_database();
	ok(sqlite3_close(db) == SQLITE_OK, "nothing stays open");
	testdb_remove("");
	return done_testing();
}
