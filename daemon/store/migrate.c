/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/migrate.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/store/chunk.h"
#include "daemon/store/db.h"
#include "daemon/store/samplechunk.h"
#include "daemon/store/seal.h"
#include "guest-agent/shared/log.h"

#define PROGRESS_S 2

struct column {
	const char *table;
	const char *name;
};

/* Columns that version 1, or an early version 2, may not have; all are integers but one. */
static const struct column columns[] = {
	{ "boot", "created_ns" },
	{ "boot", "generation" },
	{ "sample", "away_cycles" },
	{ "sample", "idle_cycles" },
	{ "sample", "agent_exits" },
	{ "sample", "taken" },
	{ "sample", "interval_us" },
	{ "sample", "pace" },
	{ "sample", "clock_error_ns" },
	{ "sample", "detail" },
#define X(identifier, type, unit) { "sample", #identifier },
	WORKLOAD_MAP(X)
#undef X
};

static const char sql_samples[] =
	"SELECT boot, source, sequence, t_ns, t_boot_ns, exits, handling_cycles, away_cycles,"
	" idle_cycles, agent_exits, taken, interval_us, pace, clock_error_ns, detail"
#define X(identifier, type, unit) ", " #identifier
	WORKLOAD_MAP(X)
#undef X
	" FROM sample ORDER BY boot, source, sequence";

#define FIRST_WORKLOAD 15

static int add_column(sqlite3 *db, const struct column *column)
{
	char sql[160];
	int64_t there;
	int r;

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM pragma_table_info('%s') WHERE name = '%s'",
		 column->table, column->name);
	r = db_number(db, sql, &there);
	if (r < 0 || there)
		return r;
	snprintf(sql, sizeof(sql), "ALTER TABLE %s ADD COLUMN %s %s", column->table, column->name,
		 strcmp(column->name, "detail") == 0 ? "BLOB" : "INTEGER");
	return db_exec(db, sql, "cannot add a column");
}

static uint64_t get(sqlite3_stmt *s, int column, uint32_t has, struct sample *sample)
{
	if (sqlite3_column_type(s, column) != SQLITE_NULL)
		sample->has |= has;
	return (uint64_t)sqlite3_column_int64(s, column);
}

static struct sample get_sample(sqlite3_stmt *s)
{
	struct sample sample = {
		.sequence = sqlite3_column_int64(s, 2),
		.t_wall_ns = sqlite3_column_int64(s, 3),
		.t_boot_ns = sqlite3_column_int64(s, 4),
	};

	sample.exits = get(s, 5, SAMPLE_HAS_EXITS, &sample);
	sample.handling_cycles = get(s, 6, SAMPLE_HAS_HANDLING, &sample);
	sample.away_cycles = get(s, 7, SAMPLE_HAS_AWAY, &sample);
	sample.idle_cycles = get(s, 8, 0, &sample);
	sample.agent_exits = get(s, 9, SAMPLE_HAS_AGENT, &sample);
	sample.taken = get(s, 10, SAMPLE_HAS_TAKEN, &sample);
	sample.interval_us = get(s, 11, SAMPLE_HAS_PACE, &sample);
	sample.pace = get(s, 12, 0, &sample);
	sample.clock_error_ns = get(s, 13, SAMPLE_HAS_CLOCK_ERROR, &sample);
	sample.detail = sqlite3_column_blob(s, 14);
	sample.detail_len = sqlite3_column_bytes(s, 14);
	for (int i = 0; i < WORKLOAD_COUNT; i++) {
		if (sqlite3_column_type(s, FIRST_WORKLOAD + i) == SQLITE_NULL)
			continue;
		sample.workload.mask |= 1ULL << i;
		sample.workload.value[i] = sqlite3_column_int64(s, FIRST_WORKLOAD + i);
	}
	if (sample.detail_len && !detail_is_valid(sample.detail, sample.detail_len))
		sample.detail_len = 0;
	return sample;
}

/*
 * Through the journal, as samples come from a VM: it is what knows how they are sealed,
 * and the gaps between them. Ids begin where a page that is open may have ended.
 */
struct migration {
	sqlite3 *db;
	struct blocks blocks;
	int64_t id, rows;
	time_t said;
};

static int seal_all(struct migration *m)
{
	int r;

	do {
		r = seal_due(&m->blocks, INT64_MAX);
	} while (r > 0);
	return r < 0 ? r : db_exec(m->db, "DELETE FROM journal", "cannot empty the journal");
}

static void say(struct migration *m)
{
	time_t now = time(NULL);

	if (now - m->said < PROGRESS_S)
		return;
	m->said = now;
	log_notice("changing the database: %lld of %lld samples", (long long)m->id,
		   (long long)m->rows);
}

static int take_sample(struct migration *m, sqlite3_stmt *s)
{
	int64_t boot = sqlite3_column_int64(s, 0);
	enum sample_source source = sqlite3_column_int(s, 1);
	struct sample sample = get_sample(s);
	int r = 0;

	if (sample.has & SAMPLE_HAS_EXITS)
		r = stream_set_base(m->blocks.streams, boot, source, &sample);
	if (r == 0)
		r = journal_add(m->blocks.journal, ++m->id, boot, source, &sample);
	if (r < 0 || m->id % SEAL_SAMPLES != 0)
		return r;
	r = journal_finish(m->blocks.journal);
	say(m);
	return r < 0 ? r : seal_all(m);
}

static int take_samples(struct migration *m)
{
	sqlite3_stmt *s = NULL;
	int r = db_prepare(m->db, sql_samples, &s);

	while (r == 0 && (r = db_step(m->db, s)) > 0)
		r = take_sample(m, s);
	sqlite3_finalize(s);
	if (r == 0)
		r = journal_finish(m->blocks.journal);
	return r < 0 ? r : seal_all(m);
}

int migrate_samples(sqlite3 *db)
{
	struct migration m = { .db = db, .said = time(NULL) };
	int r = db_number(db, "SELECT count(*) FROM sample", &m.rows);

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]) && r == 0; i++)
		r = add_column(db, &columns[i]);
	if (r == 0)
		r = blocks_open(db, &m.blocks);
	if (r == 0)
		r = take_samples(&m);
	blocks_close(&m.blocks);
	return r < 0 ? r : db_exec(db, "DROP TABLE sample", "cannot drop a table");
}
