/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A database whose samples are read through the virtual tables. For x_test.c of this folder only. */
#ifndef DAEMON_TESTTABLES_H
#define DAEMON_TESTTABLES_H

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
static size_t samples_added, reasons_added;

static inline void add(struct store *store, struct boot *boot, enum sample_source source, int64_t t_ns,
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

static inline void seal(struct store *store)
{
	if (store_flush(store, 0) < 0)
		abort();
	while (store_work(store, INT64_MAX / 2) > 0)
		;
}

/* A boot with everything, one of an hour and more, and one that is in the journal. */
static inline void make_database(void)
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

static inline void open_tables(void)
{
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    tables_register(db, 1) != SQLITE_OK)
		abort();
}

static inline void run(const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, error);
		abort();
	}
}

/* A number; -1 if the statement fails. */
static inline int64_t number(const char *sql)
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

static inline uint64_t hash_of(sqlite3_stmt *stmt)
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

static inline struct answer ask(const char *sql)
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
static inline void copy_table(const char *table)
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

static inline void copy_tables(void)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		copy_table(tables[i]);
}

#endif
