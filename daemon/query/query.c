/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/query.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/db.h"
#include "daemon/query/querypart.h"

enum {
	STMT_VMS,
	STMT_VM_BY_KEY,
	STMT_VM_BY_NAME,
	STMT_VM_BY_ID,
	STMT_BOOTS,
	STMT_BOOT,
	STMT_BOOT_BY_ID,
	STMT_SPAN,
	STMT_FIRST,
	STMT_BEFORE,
	STMT_SINCE,
	STMT_LAST_ID,
	STMT_AFTER,
	STMTS
};

#define VM_COLUMNS "id, key, name, state, agent, leaf, error"
#define BOOT_COLUMNS \
	"id, vm, number, life, cause, opened_ns, closed_ns, guest_boot_id, kernel, agent," \
	" vcpus, tsc_khz, reason_namespace"
/* Without the lists, which are long and seldom asked for. */
#define SAMPLE_FIXED_COLUMNS \
	"id, boot, source, sequence, t_ns, t_boot_ns, exits, handling_cycles, away_cycles," \
	" idle_cycles, agent_exits, interval_us, pace, clock_error_ns, taken"
#define SAMPLE_FIXED_COUNT 15
#define X(identifier, type, unit) ", " #identifier
#define SAMPLE_COLUMNS SAMPLE_FIXED_COLUMNS WORKLOAD_MAP(X)

static const char *const sql[STMTS] = {
	[STMT_VMS] = "SELECT " VM_COLUMNS " FROM vm ORDER BY name, key",
	[STMT_VM_BY_KEY] = "SELECT " VM_COLUMNS " FROM vm WHERE key = ?",
	/* A name that was given to another VM since belongs to the one used last. */
	[STMT_VM_BY_NAME] = "SELECT " VM_COLUMNS " FROM vm WHERE name = ?"
			    " ORDER BY (SELECT max(opened_ns) FROM boot WHERE boot.vm = vm.id) DESC",
	[STMT_VM_BY_ID] = "SELECT " VM_COLUMNS " FROM vm WHERE id = ?",
	[STMT_BOOTS] = "SELECT " BOOT_COLUMNS " FROM boot WHERE vm = ? ORDER BY number DESC",
	[STMT_BOOT] = "SELECT " BOOT_COLUMNS " FROM boot WHERE vm = ?1 AND (number = ?2 OR ?2 = 0)"
		      " ORDER BY number DESC LIMIT 1",
	[STMT_BOOT_BY_ID] = "SELECT " BOOT_COLUMNS " FROM boot WHERE id = ?",
	[STMT_SPAN] = "SELECT count(*), min(t_ns), max(t_ns) FROM sample"
		      " WHERE boot = ? AND source = ? AND t_ns >= ? AND t_ns <= ?",
	[STMT_FIRST] = "SELECT " SAMPLE_COLUMNS " FROM sample"
		       " WHERE boot = ? AND source = ? AND exits IS NOT NULL ORDER BY t_ns LIMIT 1",
	[STMT_BEFORE] = "SELECT " SAMPLE_COLUMNS " FROM sample"
			" WHERE boot = ? AND source = ? AND t_ns < ? ORDER BY t_ns DESC LIMIT 1",
	[STMT_SINCE] = "SELECT " SAMPLE_COLUMNS " FROM sample WHERE id > ? ORDER BY id LIMIT ?",
	[STMT_LAST_ID] = "SELECT coalesce(max(id), 0) FROM sample",
	[STMT_AFTER] = "SELECT " SAMPLE_COLUMNS " FROM sample"
		       " WHERE boot = ? AND source = ? AND t_ns > ? AND t_ns <= ?"
		       " ORDER BY t_ns LIMIT ?",
};
#undef X

struct query {
	sqlite3 *db;
	sqlite3_stmt *stmt[STMTS];
	/* The boot that rows of query_since() refer to; successive rows share it. */
	struct boot boot;
	struct query_vm vm;
};

int query_open(const char *path, struct query **ret_query)
{
	struct query *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return -ENOMEM;
	r = db_open_reader(path, &q->db);
	for (int i = 0; i < STMTS && r == 0; i++) {
		int rc = sqlite3_prepare_v3(q->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
					    &q->stmt[i], NULL);

		if (rc != SQLITE_OK)
			r = db_error(q->db, "cannot prepare a query", rc);
	}
	if (r < 0) {
		query_free(q);
		return r;
	}
	*ret_query = q;
	return 0;
}

void query_free(struct query *query)
{
	if (!query)
		return;
	for (int i = 0; i < STMTS; i++)
		sqlite3_finalize(query->stmt[i]);
	if (query->db)
		(void)sqlite3_close(query->db);
	free(query);
}

/* Bind integers to a statement's first parameters. */
static int bind(struct query *q, int which, size_t n, const int64_t *values)
{
	sqlite3_stmt *stmt = q->stmt[which];

	(void)sqlite3_reset(stmt);
	for (size_t i = 0; i < n; i++) {
		int rc = sqlite3_bind_int64(stmt, i + 1, values[i]);

		if (rc != SQLITE_OK)
			return db_error(q->db, "cannot bind", rc);
	}
	return 0;
}

#define BIND(q, which, ...) \
	bind(q, which, sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t), \
	     (int64_t[]){ __VA_ARGS__ })

/* 1: a row, 0: none left (the statement is reset then), or -errno. */
static int step(struct query *q, int which)
{
	int rc = sqlite3_step(q->stmt[which]);

	if (rc == SQLITE_ROW)
		return 1;
	(void)sqlite3_reset(q->stmt[which]);
	return rc == SQLITE_DONE ? 0 : db_error(q->db, "cannot read", rc);
}

static void get_text(sqlite3_stmt *stmt, int column, char *to, size_t size)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	snprintf(to, size, "%s", text ? (const char *)text : "");
}

static void get_vm(sqlite3_stmt *stmt, struct query_vm *vm)
{
	vm->id = sqlite3_column_int64(stmt, 0);
	get_text(stmt, 1, vm->key, sizeof(vm->key));
	get_text(stmt, 2, vm->name, sizeof(vm->name));
	vm->state = sqlite3_column_int(stmt, 3);
	vm->agent = sqlite3_column_int(stmt, 4);
	vm->leaf = sqlite3_column_int(stmt, 5);
	get_text(stmt, 6, vm->error, sizeof(vm->error));
}

static void get_boot(sqlite3_stmt *stmt, struct boot *boot)
{
	memset(boot, 0, sizeof(*boot));
	boot->id = sqlite3_column_int64(stmt, 0);
	boot->vm_id = sqlite3_column_int64(stmt, 1);
	boot->number = sqlite3_column_int64(stmt, 2);
	get_text(stmt, 3, boot->life, sizeof(boot->life));
	boot->cause = sqlite3_column_int(stmt, 4);
	boot->opened_ns = sqlite3_column_int64(stmt, 5);
	boot->closed_ns = sqlite3_column_int64(stmt, 6);
	if (sqlite3_column_bytes(stmt, 7) == PROTO_BOOT_ID_SIZE) {
		memcpy(boot->guest_boot_id, sqlite3_column_blob(stmt, 7), PROTO_BOOT_ID_SIZE);
		boot->has_guest_boot_id = true;
	}
	get_text(stmt, 8, boot->kernel, sizeof(boot->kernel));
	get_text(stmt, 9, boot->agent, sizeof(boot->agent));
	boot->vcpus = sqlite3_column_int64(stmt, 10);
	boot->tsc_khz = sqlite3_column_int64(stmt, 11);
	boot->reason_namespace = sqlite3_column_int64(stmt, 12);
}

static bool get_known(sqlite3_stmt *stmt, int column, uint64_t *to)
{
	if (sqlite3_column_type(stmt, column) == SQLITE_NULL)
		return false;
	*to = (uint64_t)sqlite3_column_int64(stmt, column);
	return true;
}

static void get_has(sqlite3_stmt *stmt, int column, enum sample_has flag, struct sample *sample,
		    uint64_t *to)
{
	if (get_known(stmt, column, to))
		sample->has |= flag;
}

static void get_row(sqlite3_stmt *stmt, struct row *row, int64_t *ret_boot_id)
{
	struct sample *sample = &row->sample;
	uint64_t interval_us = 0;

	memset(row, 0, sizeof(*row));
	row->id = sqlite3_column_int64(stmt, 0);
	*ret_boot_id = sqlite3_column_int64(stmt, 1);
	row->source = sqlite3_column_int(stmt, 2);
	sample->sequence = sqlite3_column_int64(stmt, 3);
	sample->t_wall_ns = sqlite3_column_int64(stmt, 4);
	sample->t_boot_ns = sqlite3_column_int64(stmt, 5);
	get_has(stmt, 6, SAMPLE_HAS_EXITS, sample, &sample->exits);
	get_has(stmt, 7, SAMPLE_HAS_HANDLING, sample, &sample->handling_cycles);
	get_has(stmt, 8, SAMPLE_HAS_AWAY, sample, &sample->away_cycles);
	sample->idle_cycles = sqlite3_column_int64(stmt, 9);
	get_has(stmt, 10, SAMPLE_HAS_AGENT, sample, &sample->agent_exits);
	get_has(stmt, 11, SAMPLE_HAS_PACE, sample, &interval_us);
	sample->interval_us = interval_us;
	sample->pace = sqlite3_column_int(stmt, 12);
	row->has_clock_error = sqlite3_column_type(stmt, 13) != SQLITE_NULL;
	sample->clock_error_ns = sqlite3_column_int64(stmt, 13);
	get_has(stmt, 14, SAMPLE_HAS_TAKEN, sample, &sample->taken);
	for (int i = 0; i < WORKLOAD_COUNT; i++) {
		if (get_known(stmt, SAMPLE_FIXED_COUNT + i, &sample->workload.value[i]))
			sample->workload.mask |= 1ULL << i;
	}
}

int query_vms(struct query *query, query_vm_fn fn, void *ctx)
{
	struct query_vm vm;
	int r;

	(void)sqlite3_reset(query->stmt[STMT_VMS]);
	while ((r = step(query, STMT_VMS)) > 0) {
		get_vm(query->stmt[STMT_VMS], &vm);
		r = fn(ctx, &vm);
		if (r != 0) {
			(void)sqlite3_reset(query->stmt[STMT_VMS]);
			break;
		}
	}
	return r;
}

static int vm_by(struct query *q, int which, const char *text, struct query_vm *ret_vm)
{
	int r, rc;

	(void)sqlite3_reset(q->stmt[which]);
	rc = sqlite3_bind_text(q->stmt[which], 1, text, -1, SQLITE_TRANSIENT);
	if (rc != SQLITE_OK)
		return db_error(q->db, "cannot bind", rc);
	r = step(q, which);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	get_vm(q->stmt[which], ret_vm);
	(void)sqlite3_reset(q->stmt[which]);
	return 0;
}

int query_vm(struct query *query, const char *text, struct query_vm *ret_vm)
{
	int r = vm_by(query, STMT_VM_BY_KEY, text, ret_vm);

	return r == -ENOENT ? vm_by(query, STMT_VM_BY_NAME, text, ret_vm) : r;
}

int query_boots(struct query *query, int64_t vm_id, query_boot_fn fn, void *ctx)
{
	struct boot boot;
	int r = BIND(query, STMT_BOOTS, vm_id);

	while (r == 0 && (r = step(query, STMT_BOOTS)) > 0) {
		get_boot(query->stmt[STMT_BOOTS], &boot);
		r = fn(ctx, &boot);
		if (r != 0) {
			(void)sqlite3_reset(query->stmt[STMT_BOOTS]);
			break;
		}
	}
	return r;
}

static int one_boot(struct query *q, int which, struct boot *ret_boot)
{
	int r = step(q, which);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	get_boot(q->stmt[which], ret_boot);
	(void)sqlite3_reset(q->stmt[which]);
	return 0;
}

int query_boot(struct query *query, int64_t vm_id, uint32_t number, struct boot *ret_boot)
{
	int r = BIND(query, STMT_BOOT, vm_id, number);

	return r < 0 ? r : one_boot(query, STMT_BOOT, ret_boot);
}

static int one_row(struct query *q, int which, struct row *ret_row)
{
	int64_t boot_id;
	int r = step(q, which);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	get_row(q->stmt[which], ret_row, &boot_id);
	(void)sqlite3_reset(q->stmt[which]);
	return 0;
}

struct sqlite3 *query_part_db(struct query *query)
{
	return query->db;
}

int query_part_before(struct query *query, const struct boot *boot, enum sample_source source,
		      int64_t t_ns, struct row *ret_row)
{
	int r = BIND(query, STMT_BEFORE, boot->id, source, t_ns);

	return r < 0 ? r : one_row(query, STMT_BEFORE, ret_row);
}

int query_part_base(struct query *query, const struct boot *boot, enum sample_source source,
		    uint64_t *ret_base)
{
	struct row first;
	int r;

	*ret_base = 0;
	if (boot->cause == BOOT_CREATED)
		return 0;
	r = BIND(query, STMT_FIRST, boot->id, source);
	if (r == 0)
		r = one_row(query, STMT_FIRST, &first);
	if (r == 0)
		*ret_base = first.sample.exits;
	return r == -ENOENT ? 0 : r;
}

int query_part_rows(struct query *query, const struct boot *boot, enum sample_source source,
		    int64_t after_ns, int64_t to_ns, struct row *ret_rows, size_t max,
		    size_t *ret_count)
{
	int r = BIND(query, STMT_AFTER, boot->id, source, after_ns, to_ns, max);
	size_t count = 0;

	while (r == 0 && (r = step(query, STMT_AFTER)) > 0) {
		int64_t boot_id;

		get_row(query->stmt[STMT_AFTER], &ret_rows[count++], &boot_id);
		r = 0;
	}
	if (r == 0)
		*ret_count = count;
	return r;
}

int query_part_span(struct query *query, const struct boot *boot, enum sample_source source,
		    int64_t from_ns, int64_t to_ns, struct query_span *ret_span)
{
	sqlite3_stmt *stmt = query->stmt[STMT_SPAN];
	int r = BIND(query, STMT_SPAN, boot->id, source, from_ns, to_ns);

	if (r == 0)
		r = step(query, STMT_SPAN);
	if (r < 0)
		return r;
	*ret_span = (struct query_span){
		.samples = sqlite3_column_int64(stmt, 0),
		.from_ns = sqlite3_column_int64(stmt, 1),
		.to_ns = sqlite3_column_int64(stmt, 2),
	};
	(void)sqlite3_reset(stmt);
	return 0;
}

static int complete_pair(struct query *q, const struct boot *boot, struct row_pair *pair)
{
	struct row before;
	uint64_t base;
	int r = query_part_before(q, boot, pair->row.source, pair->row.sample.t_wall_ns, &before);

	if (r < 0 && r != -ENOENT)
		return r;
	pair->has_before = r == 0;
	if (pair->has_before)
		pair->before = before.sample;
	r = query_part_base(q, boot, pair->row.source, &base);
	pair->row.boot = boot;
	pair->exits = pair->row.sample.has & SAMPLE_HAS_EXITS ? pair->row.sample.exits - base : 0;
	return r;
}

int query_latest(struct query *query, const struct boot *boot, enum sample_source source,
		 struct row_pair *ret_pair)
{
	struct row_pair pair;
	int r = query_part_before(query, boot, source, INT64_MAX, &pair.row);

	if (r == 0)
		r = complete_pair(query, boot, &pair);
	if (r == 0)
		*ret_pair = pair;
	return r;
}

int query_span(struct query *query, const struct boot *boot, enum sample_source source,
	       struct query_span *ret_span)
{
	struct query_span span;
	struct row_pair pair;
	int r = query_part_span(query, boot, source, 0, INT64_MAX, &span);

	if (r < 0)
		return r;
	if (span.samples == 0)
		return -ENOENT;
	r = query_latest(query, boot, source, &pair);
	if (r < 0)
		return r;
	span.has_exits = pair.row.sample.has & SAMPLE_HAS_EXITS;
	span.exits = pair.exits;
	*ret_span = span;
	return 0;
}

/* Fill the query's own boot and VM, unless they are the ones asked for already. */
static int recall_boot(struct query *q, int64_t boot_id)
{
	int r;

	/* An open boot may have learned something since. */
	if (q->boot.id == boot_id && q->boot.closed_ns != 0)
		return 0;
	r = BIND(q, STMT_BOOT_BY_ID, boot_id);
	if (r == 0)
		r = one_boot(q, STMT_BOOT_BY_ID, &q->boot);
	if (r == 0)
		r = BIND(q, STMT_VM_BY_ID, q->boot.vm_id);
	if (r == 0)
		r = step(q, STMT_VM_BY_ID);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	get_vm(q->stmt[STMT_VM_BY_ID], &q->vm);
	(void)sqlite3_reset(q->stmt[STMT_VM_BY_ID]);
	return 0;
}

int query_since(struct query *query, int64_t after, int limit, query_pair_fn fn, void *ctx)
{
	int r = BIND(query, STMT_SINCE, after, limit);

	while (r == 0 && (r = step(query, STMT_SINCE)) > 0) {
		struct row_pair pair;
		int64_t boot_id;

		get_row(query->stmt[STMT_SINCE], &pair.row, &boot_id);
		r = recall_boot(query, boot_id);
		if (r == 0)
			r = complete_pair(query, &query->boot, &pair);
		if (r == 0)
			r = fn(ctx, &query->vm, &pair);
	}
	(void)sqlite3_reset(query->stmt[STMT_SINCE]);
	return r;
}

int query_last_id(struct query *query, int64_t *ret_id)
{
	int r;

	(void)sqlite3_reset(query->stmt[STMT_LAST_ID]);
	r = step(query, STMT_LAST_ID);
	if (r <= 0)
		return r < 0 ? r : -EIO;
	*ret_id = sqlite3_column_int64(query->stmt[STMT_LAST_ID], 0);
	(void)sqlite3_reset(query->stmt[STMT_LAST_ID]);
	return 0;
}
