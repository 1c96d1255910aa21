/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/storebench/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/query/series.h"
#include "daemon/store/db.h"
#include "daemon/store/samplechunk.h"

/*
 * A trace by series: one source's samples as chunks of columns, which the store's own
 * code makes, so that each of the others gets just the values that the store has.
 */
typedef int (*column_fn)(void *ctx, enum sample_source source, const struct key *key,
			 const struct chunk_column *column, const uint64_t *t_ns);

static int walk_chunk(struct chunk *chunk, enum sample_source source, column_fn fn, void *ctx)
{
	const struct key time_key = { .kind = KEY_FIELD, .id = FIELD_T_NS };
	const struct chunk_column *t = chunk_find(chunk, &time_key);
	int r = 0;

	for (size_t i = 0; i < chunk_columns(chunk) && r == 0; i++) {
		if (key_type(chunk_key(chunk, i)) != KEY_TYPE_NONE)
			r = fn(ctx, source, chunk_key(chunk, i), chunk_column(chunk, i), t->values);
	}
	return r;
}

/* All columns, from row @first on, of at most @max rows at a time. */
static int walk_columns(const struct trace *trace, size_t first, size_t last, column_fn fn,
			void *ctx)
{
	struct chunk *chunk = chunk_new();
	int r = chunk ? 0 : -ENOMEM;

	for (int source = 0; source < SOURCES && r == 0; source++) {
		chunk_clear(chunk);
		for (size_t i = first; i < last && r == 0; i++) {
			if ((int)trace->rows[i].source == source)
				samplechunk_add(chunk, &trace->rows[i].sample);
			if (chunk_rows(chunk) < CHUNK_ROWS_MAX)
				continue;
			r = walk_chunk(chunk, source, fn, ctx);
			chunk_clear(chunk);
		}
		if (chunk_rows(chunk) > 0 && r == 0)
			r = walk_chunk(chunk, source, fn, ctx);
	}
	chunk_free(chunk);
	return r;
}

static int json_column(void *ctx, enum sample_source source, const struct key *key,
		       const struct chunk_column *c, const uint64_t *t_ns)
{
	FILE *f = ctx;

	fprintf(f, "{\"metric\":{\"__name__\":\"%s\",\"vm\":\"guest\",\"source\":\"%s\"",
		key_kind_name(key), source == SOURCE_GUEST ? "guest" : "host");
	if (key->kind >= KEY_REASON_COUNT)
		fprintf(f, ",\"id\":\"%" PRIu32 "\"", key->id);
	if (key->name_len) {
		fputs(",\"name\":\"", f);
		for (size_t i = 0; i < key->name_len; i++)
			fputc(key->name[i] == '"' || key->name[i] == '\\' ? '_' : key->name[i], f);
		fputc('"', f);
	}
	fputs("},\"values\":[", f);
	for (size_t i = 0; i < c->count; i++)
		fprintf(f, "%s%" PRIu64, i ? "," : "", c->values[i]);
	fputs("],\"timestamps\":[", f);
	for (size_t i = 0; i < c->count; i++)
		fprintf(f, "%s%" PRIu64, i ? "," : "", t_ns[c->rows[i]] / 1000000);
	fputs("]}\n", f);
	return ferror(f) ? -EIO : 0;
}

int json_lines(const struct trace *trace, const char *path)
{
	FILE *f = fopen(path, "w");
	int r = f ? walk_columns(trace, 0, trace->count, json_column, f) : -errno;

	if (f && fclose(f) != 0 && r == 0)
		r = -EIO;
	return r;
}

/* One row a value. */
struct table {
	sqlite3 *db;
	sqlite3_stmt *insert, *series;
};

static const char table_sql[] =
	"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	"CREATE TABLE series (id INTEGER PRIMARY KEY, source INTEGER NOT NULL, kind TEXT NOT NULL,"
	" number INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (kind, number, name, source)) STRICT;"
	"CREATE TABLE value (series INTEGER NOT NULL, t_ms INTEGER NOT NULL, v INTEGER NOT NULL,"
	" PRIMARY KEY (series, t_ms)) STRICT, WITHOUT ROWID;";

static int series_of(struct table *t, enum sample_source source, const struct key *key,
		     int64_t *ret_id)
{
	int rc = sqlite3_bind_int(t->series, 1, source);

	rc = rc ? rc : sqlite3_bind_text(t->series, 2, key_kind_name(key), -1, SQLITE_STATIC);
	rc = rc ? rc : sqlite3_bind_int64(t->series, 3, key->id);
	rc = rc ? rc : sqlite3_bind_text(t->series, 4, key->name_len ? key->name : "",
					 key->name_len, SQLITE_STATIC);
	if (rc == SQLITE_OK && sqlite3_step(t->series) == SQLITE_ROW)
		*ret_id = sqlite3_column_int64(t->series, 0);
	else
		rc = rc ? rc : SQLITE_ERROR;
	(void)sqlite3_reset(t->series);
	return rc ? db_error(t->db, "cannot find a series", rc) : 0;
}

static int table_column(void *ctx, enum sample_source source, const struct key *key,
			const struct chunk_column *c, const uint64_t *t_ns)
{
	struct table *t = ctx;
	int64_t id = 0;
	int r = series_of(t, source, key, &id);

	for (size_t i = 0; i < c->count && r == 0; i++) {
		r = DB_BIND(t->db, t->insert, id, t_ns[c->rows[i]] / 1000000, c->values[i]);
		if (r == 0)
			r = db_run(t->db, t->insert);
	}
	return r;
}

/* Rows of the trace in one transaction. */
static int table_commit(struct table *t, const struct trace *trace, size_t first, size_t last)
{
	int r = db_exec(t->db, "BEGIN", "cannot begin");

	if (r == 0)
		r = walk_columns(trace, first, last, table_column, t);
	return r < 0 ? r : db_exec(t->db, "COMMIT", "cannot commit");
}

static int open_table(const char *path, struct table *t)
{
	int r = sqlite3_open(path, &t->db) == SQLITE_OK ? 0 : -EIO;

	if (r == 0)
		r = db_exec(t->db, table_sql, "cannot make the tables");
	if (r == 0)
		r = db_prepare(t->db, "INSERT OR IGNORE INTO value VALUES (?,?,?)", &t->insert);
	if (r == 0)
		r = db_prepare(t->db, "INSERT INTO series (source, kind, number, name)"
			       " VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET source = source"
			       " RETURNING id", &t->series);
	return r;
}

int plain(const struct trace *trace, const char *path, unsigned int seconds)
{
	struct table t = { 0 };
	unsigned int commits = 0;
	size_t next = 0;
	double cpu = 0;
	uint64_t rows = 0;
	int64_t bytes = 0;
	int r = open_table(path, &t);

	cpu = cpu_s();
	for (unsigned int i = 0; i < seconds && next < trace->count && r == 0; i++) {
		size_t first = next;
		uint64_t t_ns = trace->rows[0].sample.t_wall_ns + (i + 1) * 1000000000ULL;

		while (next < trace->count && trace->rows[next].sample.t_wall_ns < t_ns)
			next++;
		r = table_commit(&t, trace, first, next);
		commits++;
	}
	cpu = cpu_s() - cpu;
	rows = next;
	if (r == 0)
		r = table_commit(&t, trace, next, trace->count);
	if (r == 0)
		r = db_exec(t.db, "PRAGMA wal_checkpoint(TRUNCATE)", "cannot checkpoint");
	if (r == 0)
		r = db_number(t.db, "SELECT page_count * page_size FROM pragma_page_count,"
			      " pragma_page_size", &bytes);
	if (r == 0)
		printf("values=%" PRIu64 "\ncommits=%u\ncommitted_values=%.0f\ncpu_s=%.3f\n"
		       "file_bytes=%" PRId64 "\n",
		       trace->values, commits, (double)rows * trace->values / trace->count, cpu,
		       bytes);
	sqlite3_finalize(t.insert);
	sqlite3_finalize(t.series);
	sqlite3_close(t.db);
	return r;
}

static int first_vm(void *ctx, const struct query_vm *vm)
{
	*(int64_t *)ctx = vm->id;
	return 1;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

#define TIMES 21
#define POINTS 1000

/* The median time for @count curves, the first, cold one being left out. */
static int time_curves(struct query *query, const struct query_filter *filter,
		       const struct spans_want *wants, size_t count, const char *name)
{
	static const struct series_options options = { .points = POINTS };
	double ms[TIMES];
	size_t points = 0;

	for (int i = -1; i < TIMES; i++) {
		int64_t began = monotonic_ns();
		struct series *series;
		int r = series_read(query, filter, wants, count, &options, &series);

		if (r < 0)
			return r;
		if (i >= 0)
			ms[i] = (monotonic_ns() - began) / 1e6;
		points = series ? series->count : 0;
		series_free(series);
	}
	qsort(ms, TIMES, sizeof(ms[0]), by_size);
	printf("query_%s_ms=%.2f\nquery_%s_points=%zu\n", name, ms[TIMES / 2], name, points);
	return 0;
}

int query_curves(const char *path)
{
	static const struct spans_want wants[] = {
		{ .key = { .kind = KEY_FIELD, .id = FIELD_EXITS } },
		{ .key = { .kind = KEY_FIELD, .id = FIELD_HANDLING } },
		{ .key = { .kind = KEY_FIELD, .id = FIELD_AWAY } },
		{ .key = { .kind = KEY_WORKLOAD, .id = WORKLOAD_cpu_user_ms } },
		{ .key = { .kind = KEY_WORKLOAD, .id = WORKLOAD_context_switches } },
		{ .key = { .kind = KEY_WORKLOAD, .id = WORKLOAD_interrupts } },
		{ .key = { .kind = KEY_WORKLOAD, .id = WORKLOAD_disk_read_bytes } },
		{ .key = { .kind = KEY_WORKLOAD, .id = WORKLOAD_net_sent_bytes } },
	};
	struct query_filter filter = { .sources = 1 << SOURCE_GUEST };
	struct query *query = NULL;
	int r = query_open(path, &query);

	if (r == 0)
		r = query_vms(query, first_vm, &filter.vm_id);
	if (r > 0)
		r = time_curves(query, &filter, wants, 1, "one");
	if (r == 0)
		r = time_curves(query, &filter, wants, sizeof(wants) / sizeof(wants[0]), "eight");
	query_free(query);
	return r;
}
