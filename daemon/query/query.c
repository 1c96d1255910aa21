/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/query.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/monotonic.h"
#include "daemon/store/db.h"
#include "daemon/query/querypart.h"

enum {
	STMT_VMS,
	STMT_VM_BY_KEY,
	STMT_VM_BY_NAME,
	STMT_VM_BY_ID,
	STMT_BOOTS,
	STMT_BOOT,
	STMT_BOOT_FROM,
	STMT_BOOT_BY_ID,
	STMT_LAST_ID,
	STMT_BEGIN,
	STMT_END,
	STMT_QUARANTINED,
	STMT_LAST_GAP,
	STMTS
};

#define VM_COLUMNS "id, key, name, state, agent, leaf, error"
#define BOOT_COLUMNS \
	"id, vm, number, life, cause, opened_ns, closed_ns, guest_boot_id, kernel, agent," \
	" vcpus, tsc_khz, reason_namespace, created_ns, generation"
#define LAST_GAP(source) \
	"SELECT * FROM (SELECT from_sequence, to_sequence, from_ns, to_ns, count, cause FROM gap" \
	" WHERE boot = ?1 AND source = " source " ORDER BY from_sequence DESC LIMIT 1)"
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
	[STMT_BOOT_FROM] = "SELECT " BOOT_COLUMNS " FROM boot WHERE vm = ?1 AND number >= ?2"
			   " ORDER BY number LIMIT 1",
	[STMT_BOOT_BY_ID] = "SELECT " BOOT_COLUMNS " FROM boot WHERE id = ?",
	[STMT_LAST_ID] = "SELECT coalesce(max(id), 0) FROM journal",
	[STMT_BEGIN] = "BEGIN",
	[STMT_END] = "COMMIT",
	[STMT_QUARANTINED] =
		"SELECT min(from_sequence), max(to_sequence), min(from_ns), max(to_ns), sum(count),"
		" (SELECT cause FROM quarantine WHERE boot = ?1 ORDER BY from_sequence DESC LIMIT 1)"
		" FROM quarantine WHERE boot = ?1",
	[STMT_LAST_GAP] = LAST_GAP("0") " UNION ALL " LAST_GAP("1") " ORDER BY to_ns DESC LIMIT 1",
};

struct query {
	sqlite3 *db;
	sqlite3_stmt *stmt[STMTS];
	struct blocks blocks;
	unsigned int depth;		/* of query_part_begin() */
	int64_t until_ms;		/* monotonic; 0: no limit */
	const atomic_bool *cancelled;	/* or NULL */
	/* The boot that rows of query_since() refer to; successive rows share it. */
	struct boot boot;
	struct query_vm vm;
	uint8_t lists[2][QUERY_PART_LISTS_MAX];	/* of the last pair */
};

int query_open(const char *path, struct query **ret_query)
{
	struct query *q = calloc(1, sizeof(*q));
	int r;

	if (!q)
		return -ENOMEM;
	r = db_open_reader(path, &q->db);
	if (r == 0)
		r = blocks_open(q->db, &q->blocks);
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
	blocks_close(&query->blocks);
	if (query->db)
		(void)sqlite3_close(query->db);
	free(query);
}

void query_limit(struct query *query, unsigned int ms, const atomic_bool *cancelled)
{
	query->until_ms = monotonic_ms() + ms;
	query->cancelled = cancelled;
}

void query_unlimit(struct query *query)
{
	query->until_ms = 0;
	query->cancelled = NULL;
}

int query_part_check(const struct query *query)
{
	if (query->cancelled && atomic_load(query->cancelled))
		return -ECANCELED;
	return query->until_ms && monotonic_ms() >= query->until_ms ? -ETIMEDOUT : 0;
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

static void get_vm(sqlite3_stmt *stmt, struct query_vm *vm)
{
	vm->id = sqlite3_column_int64(stmt, 0);
	db_text(stmt, 1, vm->key, sizeof(vm->key));
	db_text(stmt, 2, vm->name, sizeof(vm->name));
	vm->state = sqlite3_column_int(stmt, 3);
	vm->agent = sqlite3_column_int(stmt, 4);
	vm->leaf = sqlite3_column_int(stmt, 5);
	db_text(stmt, 6, vm->error, sizeof(vm->error));
}

static void get_boot(sqlite3_stmt *stmt, struct boot *boot)
{
	memset(boot, 0, sizeof(*boot));
	boot->id = sqlite3_column_int64(stmt, 0);
	boot->vm_id = sqlite3_column_int64(stmt, 1);
	boot->number = sqlite3_column_int64(stmt, 2);
	db_text(stmt, 3, boot->life, sizeof(boot->life));
	boot->cause = sqlite3_column_int(stmt, 4);
	boot->opened_ns = sqlite3_column_int64(stmt, 5);
	boot->closed_ns = sqlite3_column_int64(stmt, 6);
	if (sqlite3_column_bytes(stmt, 7) == PROTO_BOOT_ID_SIZE) {
		memcpy(boot->guest_boot_id, sqlite3_column_blob(stmt, 7), PROTO_BOOT_ID_SIZE);
		boot->has_guest_boot_id = true;
	}
	db_text(stmt, 8, boot->kernel, sizeof(boot->kernel));
	db_text(stmt, 9, boot->agent, sizeof(boot->agent));
	boot->vcpus = sqlite3_column_int64(stmt, 10);
	boot->tsc_khz = sqlite3_column_int64(stmt, 11);
	boot->reason_namespace = sqlite3_column_int64(stmt, 12);
	boot->created_ns = sqlite3_column_int64(stmt, 13);
	boot->has_generation = sqlite3_column_type(stmt, 14) != SQLITE_NULL;
	boot->generation = sqlite3_column_int64(stmt, 14);
}

static int walk_vms(struct query *query, query_vm_fn fn, void *ctx)
{
	struct query_vm vm;
	int r;

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

int query_vms(struct query *query, query_vm_fn fn, void *ctx)
{
	int r = query_part_begin(query);

	if (r < 0)
		return r;
	r = walk_vms(query, fn, ctx);
	query_part_end(query);
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

int query_boot_from(struct query *query, int64_t vm_id, uint32_t number, struct boot *ret_boot)
{
	int r = BIND(query, STMT_BOOT_FROM, vm_id, number);

	return r < 0 ? r : one_boot(query, STMT_BOOT_FROM, ret_boot);
}

struct sqlite3 *query_part_db(struct query *query)
{
	return query->db;
}

const char *query_part_file(struct query *query)
{
	const char *file = sqlite3_db_filename(query->db, "main");

	return file ? file : "";
}

struct blocks *query_part_blocks(struct query *query)
{
	return &query->blocks;
}

uint8_t *query_part_lists(struct query *query, bool before)
{
	return query->lists[before];
}

int query_part_begin(struct query *query)
{
	int r = query->depth > 0 ? 0 : step(query, STMT_BEGIN);

	query->depth += r == 0;
	return r;
}

void query_part_end(struct query *query)
{
	if (--query->depth == 0)
		(void)step(query, STMT_END);
}

int query_part_range(struct query *query, enum query_part_range which, const struct boot *boot,
		     struct range *ret_range)
{
	int stmt = which == QUERY_PART_LAST_GAP ? STMT_LAST_GAP : STMT_QUARANTINED;
	sqlite3_stmt *s = query->stmt[stmt];
	int r = BIND(query, stmt, boot->id);

	if (r == 0)
		r = step(query, stmt);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_range = query_part_get_range(s);
	(void)sqlite3_reset(s);
	return 0;
}

struct range query_part_get_range(sqlite3_stmt *stmt)
{
	return (struct range){
		.from = sqlite3_column_int64(stmt, 0),
		.to = sqlite3_column_int64(stmt, 1),
		.from_ns = sqlite3_column_int64(stmt, 2),
		.to_ns = sqlite3_column_int64(stmt, 3),
		.count = sqlite3_column_type(stmt, 4) == SQLITE_NULL ? -1 : sqlite3_column_int64(stmt, 4),
		.cause = sqlite3_column_int(stmt, 5),
	};
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

int query_part_boot(struct query *query, int64_t id, const struct boot **ret_boot,
		    const struct query_vm **ret_vm)
{
	int r = recall_boot(query, id);

	*ret_boot = &query->boot;
	*ret_vm = &query->vm;
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
