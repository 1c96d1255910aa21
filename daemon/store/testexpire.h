/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A store whose days pass at once, and what is left in it. For x_test.c only. */
#ifndef DAEMON_TESTEXPIRE_H
#define DAEMON_TESTEXPIRE_H

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/query/cursor.h"
#include "daemon/store/samplechunk.h"
#include "daemon/store/expire.c"
#include "daemon/store/store.c"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define HOUR (3600 * S)
#define T0 (1763874000 * S)
#define STEP_S 20

static char dir[] = "/tmp/vmexit-expire-XXXXXX";
static char path[64];
static struct store *store;
static struct query *query;

/* What a boot's counter shows at its sample @i, and when that is taken. */
static inline uint64_t exits_at(uint64_t i)
{
	return 5000 + 100 * i + i * i % 37;
}

static inline int64_t time_of(uint64_t i)
{
	return T0 + (int64_t)i * STEP_S * S;
}

/* The samples that a time has. */
static inline uint64_t samples_in(int64_t ns)
{
	return ns / (STEP_S * S);
}

static inline void begin(void)
{
	if (store_open(path, &store) < 0 || query_open(path, &query) < 0)
		exit(1);
	/* No power is cut here. */
	(void)db_exec(store->db, "PRAGMA synchronous = OFF", "synchronous");
}

static inline void end(void)
{
	query_free(query);
	store_free(store);
	query = NULL;
	store = NULL;
}

static inline void remove_files(void)
{
	static const char *const names[] = { "", "-wal", "-shm", ".lock" };
	char file[96];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(file, sizeof(file), "%s%s", path, names[i]);
		unlink(file);
	}
}

/* An empty database, and nothing is kept less than forever but what the caller says. */
static inline void begin_anew(const struct expire_limits *limits)
{
	remove_files();
	begin();
	if (store_set_limits(store, limits, T0) < 0)
		exit(1);
}

/* How many steps there were to do. */
static inline int work_all(int64_t now_ns)
{
	int steps = 0;

	while (store_work(store, now_ns) > 0)
		steps++;
	return steps;
}

/* Samples (@from, @to] of a boot; what is due is done as time goes by, if @works. */
static inline void add(struct boot *boot, enum sample_source source, uint64_t from, uint64_t to, bool works)
{
	for (uint64_t i = from + 1; i <= to; i++) {
		struct sample sample = {
			.sequence = i,
			.t_wall_ns = time_of(i),
			.has = SAMPLE_HAS_EXITS,
			.exits = exits_at(i),
		};

		store_add(store, boot, source, &sample);
		if (i % 2048 != 0 && i != to)
			continue;
		store_flush(store, time_of(i));
		if (works)
			work_all(time_of(i));
	}
}

static inline struct boot *new_boot(const char *name, enum boot_cause cause, int64_t opened_ns)
{
	return store_boot(store, store_vm(store, name, name), cause, "life", opened_ns);
}

static inline int64_t number(const char *sql)
{
	int64_t n = -1;

	(void)db_number(store->db, sql, &n);
	return n;
}

/* Likewise, with integers as its parameters. */
static inline int64_t number_of(const char *sql, const int64_t *values, size_t count)
{
	sqlite3_stmt *stmt = NULL;
	int64_t n = -1;

	if (db_prepare(store->db, sql, &stmt) == 0 && db_bind(store->db, stmt, values, count) == 0 &&
	    db_step(store->db, stmt) > 0)
		n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

#define NUMBER(sql, ...) \
	number_of(sql, (const int64_t[]){ __VA_ARGS__ }, \
		  sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

static inline void begin_tests(const char *name)
{
	log_init(name, LOG_ERROR - 1);
	if (!mkdtemp(dir))
		exit(1);
	snprintf(path, sizeof(path), "%s/vmexit.db", dir);
}

static inline int end_tests(void)
{
	remove_files();
	rmdir(dir);
	return done_testing();
}

#endif
