/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/storeload.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/blocks.h"
#include "daemon/store/db.h"

static const char sql_vms[] = "SELECT id, key, name, leaf FROM vm ORDER BY name DESC";

static const char sql_boots[] =
	"SELECT id, number, life, cause, opened_ns, closed_ns, created_ns, generation,"
	" guest_boot_id, kernel, agent, vcpus, tsc_khz, reason_namespace"
	" FROM boot WHERE vm = ?1 ORDER BY number DESC LIMIT ?2";

/* What has a sequence beside samples: how many, and the highest. */
static const char sql_marks[] =
	"SELECT count(*), max(sequence) FROM mark WHERE boot = ?1 AND ?2 = 0";
static const char sql_gaps[] =
	"SELECT count(*), max(to_sequence) FROM gap WHERE boot = ?1 AND source = ?2";
static const char sql_quarantines[] =
	"SELECT count(*), max(to_sequence) FROM quarantine WHERE boot = ?1 AND ?2 = 0";

/* Where another agent began, in a VM's boots from a number on. */
static const char sql_restart[] =
	"SELECT max(to_sequence) FROM gap WHERE boot IN (SELECT id FROM boot WHERE vm = ?1"
	" AND number >= ?2) AND source = 0 AND from_sequence > ?3 AND cause = 64";	/* GAP_RESTART */

/* Of the agent's samples, those behind a sample that are in ranges; and ranges that do not say. */
static const char sql_taken_beside[] =
	"SELECT coalesce(sum(count), 0), coalesce(sum(count IS NULL), 0) FROM ("
	"SELECT count FROM gap WHERE boot IN (SELECT id FROM boot WHERE vm = ?1 AND number >= ?2)"
	" AND source = 0 AND from_sequence > ?3 AND cause <> 2 UNION ALL "	/* GAP_MISSED: not taken */
	"SELECT count FROM quarantine WHERE boot IN (SELECT id FROM boot WHERE vm = ?1"
	" AND number >= ?2) AND from_sequence > ?3)";

static const char sql_open_range[] =
	"SELECT 0, from_sequence, to_sequence, from_ns, to_ns, count, cause"
	" FROM gap WHERE boot = ?1 AND source = 0 AND to_sequence = ?2 UNION ALL "
	"SELECT 1, from_sequence, to_sequence, from_ns, to_ns, count, cause"
	" FROM quarantine WHERE boot = ?1 AND to_sequence = ?2";

/* A statement with one or two integers, about to be stepped. Returns 0 or -errno. */
static int ask(sqlite3 *db, const char *sql, int64_t a, int64_t b, sqlite3_stmt **ret_stmt)
{
	int rc = sqlite3_prepare_v2(db, sql, -1, ret_stmt, NULL);

	if (rc != SQLITE_OK)
		return db_error(db, "cannot prepare a statement", rc);
	rc = sqlite3_bind_int64(*ret_stmt, 1, a);
	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(*ret_stmt) > 1)
		rc = sqlite3_bind_int64(*ret_stmt, 2, b);
	if (rc == SQLITE_OK)
		return 0;
	sqlite3_finalize(*ret_stmt);
	return db_error(db, "cannot bind", rc);
}

/* 1 with a row, 0 without; the caller finalizes in either case. */
static int step(sqlite3 *db, sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : db_error(db, "cannot read what is stored", rc);
}

static void take_last(struct boot *boot, enum sample_source source, const struct sample *sample)
{
	boot->last_sequence[source] = sample->sequence;
	boot->last_t_ns[source] = sample->t_wall_ns;
	if (source == SOURCE_GUEST) {
		boot->has_taken = sample->has & SAMPLE_HAS_TAKEN;
		boot->taken = sample->taken;
	}
	if (sample->has & SAMPLE_HAS_EXITS)
		counters_set(&boot->last[source], sample);
}

struct walk {
	struct boot *boot;
	enum sample_source source;
};

static int take_row(void *ctx, const struct journal_row *row)
{
	struct walk *walk = ctx;

	take_last(walk->boot, walk->source, &row->sample);
	return 0;
}

/* The last sample, and the last one that had counters. */
static int load_last(struct blocks *b, struct boot *boot, enum sample_source source)
{
	struct walk walk = { boot, source };
	struct journal_end end;
	struct journal_row row;
	struct stream stream;
	int r = stream_get(b->streams, boot->id, source, &stream);

	if (r < 0)
		return r;
	boot->has_base[source] = stream.has_base;
	if (stream.has_last)
		take_last(boot, source, &stream.last);
	stream_done(&stream);
	r = journal_end(b->journal, boot->id, source, &end);
	if (r < 0 || end.samples == 0)
		return r;
	r = journal_row(b->journal, end.last_id, &row);
	if (r < 0)
		return r;
	if (row.sample.has & SAMPLE_HAS_EXITS)
		take_last(boot, source, &row.sample);
	else
		r = journal_walk(b->journal, boot->id, source, 0, take_row, &walk);
	return r;
}

/* Take in the highest sequence of another table. */
static int load_beside(sqlite3 *db, const char *sql, struct boot *boot, enum sample_source source,
		       uint64_t *ret_count)
{
	sqlite3_stmt *stmt;
	int r = ask(db, sql, boot->id, source, &stmt);

	if (r < 0)
		return r;
	r = step(db, stmt);
	if (r > 0) {
		uint64_t sequence = sqlite3_column_int64(stmt, 1);

		*ret_count = sqlite3_column_int64(stmt, 0);
		if (sequence > boot->last_sequence[source])
			boot->last_sequence[source] = sequence;
	}
	sqlite3_finalize(stmt);
	return r < 0 ? r : 0;
}

static int load_open_range(sqlite3 *db, struct boot *boot)
{
	sqlite3_stmt *stmt;
	int r = ask(db, sql_open_range, boot->id, boot->last_sequence[SOURCE_GUEST], &stmt);

	if (r < 0)
		return r;
	r = step(db, stmt);
	if (r > 0) {
		boot->open.kind = sqlite3_column_int(stmt, 0);
		boot->open.range = (struct range){
			.from = sqlite3_column_int64(stmt, 1),
			.to = sqlite3_column_int64(stmt, 2),
			.from_ns = sqlite3_column_int64(stmt, 3),
			.to_ns = sqlite3_column_int64(stmt, 4),
			.count = sqlite3_column_type(stmt, 5) == SQLITE_NULL
					 ? -1
					 : sqlite3_column_int64(stmt, 5),
			.cause = sqlite3_column_int(stmt, 6),
		};
	}
	sqlite3_finalize(stmt);
	return r < 0 ? r : 0;
}

/* Where @boot goes on; its guest's last sample is *ret_sample. */
static int load_ends(sqlite3 *db, struct blocks *blocks, struct boot *boot, uint64_t *ret_sample)
{
	uint64_t gaps;
	int r = 0;

	for (int source = 0; source < SOURCES && r == 0; source++) {
		r = load_last(blocks, boot, source);
		if (source == SOURCE_GUEST)
			*ret_sample = boot->last_sequence[source];
		if (r == 0)
			r = load_beside(db, sql_gaps, boot, source, &gaps);
	}
	if (r == 0)
		r = load_beside(db, sql_quarantines, boot, SOURCE_GUEST, &boot->quarantines);
	/* Behind the others: a mark parts no samples. */
	if (r == 0)
		r = load_beside(db, sql_marks, boot, SOURCE_GUEST, &boot->marks);
	if (r == 0)
		r = load_open_range(db, boot);
	for (int source = 0; source < SOURCES; source++)
		boot->committed[source] = boot->last_sequence[source];
	return r;
}

static struct boot *read_boot(sqlite3_stmt *stmt, int64_t vm_id)
{
	struct boot *boot = calloc(1, sizeof(*boot));

	if (!boot)
		return NULL;
	boot->id = sqlite3_column_int64(stmt, 0);
	boot->vm_id = vm_id;
	boot->number = sqlite3_column_int64(stmt, 1);
	db_text(stmt, 2, boot->life, sizeof(boot->life));
	boot->cause = sqlite3_column_int(stmt, 3);
	boot->opened_ns = sqlite3_column_int64(stmt, 4);
	boot->closed_ns = sqlite3_column_int64(stmt, 5);
	boot->created_ns = sqlite3_column_int64(stmt, 6);
	boot->has_generation = sqlite3_column_type(stmt, 7) != SQLITE_NULL;
	boot->generation = sqlite3_column_int64(stmt, 7);
	if (sqlite3_column_bytes(stmt, 8) == PROTO_BOOT_ID_SIZE) {
		memcpy(boot->guest_boot_id, sqlite3_column_blob(stmt, 8), PROTO_BOOT_ID_SIZE);
		boot->has_guest_boot_id = true;
	}
	db_text(stmt, 9, boot->kernel, sizeof(boot->kernel));
	db_text(stmt, 10, boot->agent, sizeof(boot->agent));
	boot->vcpus = sqlite3_column_int64(stmt, 11);
	boot->tsc_khz = sqlite3_column_int64(stmt, 12);
	boot->reason_namespace = sqlite3_column_int64(stmt, 13);
	boot->users = 1;
	return boot;
}

static void free_boot(struct boot *boot)
{
	for (int source = 0; source < SOURCES; source++)
		counters_done(&boot->last[source]);
	free(boot);
}

/* A statement with two numbers of ranges of @vm's boots from @first on, behind the sequence @from. */
static int sum_ranges(sqlite3 *db, const char *sql, const struct boot *first, int64_t from,
		      sqlite3_stmt **ret_stmt)
{
	int r = db_prepare(db, sql, ret_stmt);

	if (r == 0)
		r = DB_BIND(db, *ret_stmt, first->vm_id, first->number, from);
	return r == 0 ? step(db, *ret_stmt) : r;
}

/*
 * What the agent had taken up to the last sequence of @boot: since its last sample, that is
 * @from in @first, or since its start.
 */
static int load_taken(sqlite3 *db, struct boot *boot, const struct boot *first, int64_t from)
{
	sqlite3_stmt *stmt = NULL;
	int r = sum_ranges(db, sql_restart, first, from, &stmt);

	boot->has_taken = first->has_taken;
	boot->taken = first->taken;
	if (r > 0 && sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
		from = sqlite3_column_int64(stmt, 0);
		boot->has_taken = true;
		boot->taken = 0;
	}
	sqlite3_finalize(stmt);
	if (r < 0 || !boot->has_taken)
		return r < 0 ? r : 0;
	stmt = NULL;
	r = sum_ranges(db, sql_taken_beside, first, from, &stmt);
	if (r > 0) {
		boot->taken += sqlite3_column_int64(stmt, 0);
		boot->has_taken = sqlite3_column_int64(stmt, 1) == 0;
	}
	sqlite3_finalize(stmt);
	return r < 0 ? r : 0;
}

/* @boot is one further back: whether that is where the guest was, or there may be another. */
static bool take_boot(struct vm *vm, struct boot *boot)
{
	if (!vm->boot) {
		vm->boot = boot;
		return false;
	}
	if (vm->earlier && record_other_guest(vm->earlier, boot)) {
		free_boot(boot);
		return true;
	}
	if (vm->earlier) {
		record_pass(&vm->silent, vm->earlier);
		free_boot(vm->earlier);
	}
	vm->earlier = boot;
	return !record_is_silent(boot);
}

/* The latest boot, then the one where its guest may have been before. */
static int load_boots(sqlite3 *db, struct blocks *blocks, struct vm *vm)
{
	uint64_t sample, last = 0, earlier = 0;
	struct boot *boot, *first;
	sqlite3_stmt *stmt;
	int r = ask(db, sql_boots, vm->id, RECORD_BOOTS_SILENT + 1, &stmt);

	if (r < 0)
		return r;
	while ((r = step(db, stmt)) > 0) {
		boot = read_boot(stmt, vm->id);
		r = boot ? load_ends(db, blocks, boot, &sample) : -ENOMEM;
		if (r < 0) {
			if (boot)
				free_boot(boot);
			break;
		}
		*(vm->boot ? &earlier : &last) = sample;
		if (take_boot(vm, boot))
			break;
	}
	sqlite3_finalize(stmt);
	if (r < 0 || !vm->boot)
		return r < 0 ? r : 0;
	first = vm->earlier && record_is_silent(vm->boot) &&
				!record_other_guest(vm->boot, vm->earlier)
			? vm->earlier
			: vm->boot;
	return load_taken(db, vm->boot, first, first == vm->boot ? last : earlier);
}

static int read_vm(sqlite3 *db, struct blocks *blocks, sqlite3_stmt *stmt, struct vm **vms)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return -ENOMEM;
	vm->id = sqlite3_column_int64(stmt, 0);
	db_text(stmt, 1, vm->key, sizeof(vm->key));
	db_text(stmt, 2, vm->name, sizeof(vm->name));
	/* What a VM does now is for its sources to say; nobody has yet. */
	vm->state = VM_UNKNOWN;
	vm->agent = AGENT_NO_CHANNEL;
	vm->leaf = sqlite3_column_int(stmt, 3);
	vm->dirty = true;
	vm->next = *vms;
	*vms = vm;
	return load_boots(db, blocks, vm);
}

int storeload_vms(sqlite3 *db, struct blocks *blocks, struct vm **vms)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(db, sql_vms, -1, &stmt, NULL);
	int r = 0;

	if (rc != SQLITE_OK)
		return db_error(db, "cannot read the VMs", rc);
	while (r == 0 && (r = step(db, stmt)) > 0)
		r = read_vm(db, blocks, stmt, vms);
	sqlite3_finalize(stmt);
	return r;
}

int storeload_ids(sqlite3 *db, struct storeload_ids *ret_ids)
{
	struct storeload_ids ids;
	int r = db_number(db, "SELECT coalesce(max(id), 0) FROM vm", &ids.vm);

	if (r == 0)
		r = db_number(db, "SELECT coalesce(max(id), 0) FROM boot", &ids.boot);
	if (r == 0)
		r = db_number(db, "SELECT coalesce(max(id), 0) FROM journal", &ids.sample);
	if (r == 0)
		*ret_ids = ids;
	return r;
}
