/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/storewrite.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "daemon/store/db.h"

enum { PUT_VM, PUT_BOOT, ADD_SAMPLE, ADD_MARK, PUT_GAP, PUT_QUARANTINE, FIND_FALSE, DROP_FALSE, STMTS };

#define SAMPLE_FIXED_PARAMETERS 16

static const char *const sql[STMTS] = {
	[PUT_VM] = "INSERT INTO vm (id, key, name, state, agent, leaf, error)"
		   " VALUES (?1,?2,?3,?4,?5,?6,?7)"
		   " ON CONFLICT (id) DO UPDATE SET name=?3, state=?4, agent=?5, leaf=?6, error=?7",
	[PUT_BOOT] = "INSERT INTO boot (id, vm, number, life, cause, opened_ns, closed_ns,"
		     " guest_boot_id, kernel, agent, vcpus, tsc_khz, reason_namespace, created_ns,"
		     " generation) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)"
		     " ON CONFLICT (id) DO UPDATE SET life=?4, cause=?5, closed_ns=?7, guest_boot_id=?8, kernel=?9,"
		     " agent=?10, vcpus=?11, tsc_khz=?12, reason_namespace=?13, created_ns=?14,"
		     " generation=?15",
	[ADD_SAMPLE] = "INSERT OR IGNORE INTO sample (id, boot, source, sequence, t_ns, t_boot_ns,"
		       " exits, handling_cycles, away_cycles, idle_cycles, agent_exits,"
		       " interval_us, pace, clock_error_ns, detail, taken"
#define X(identifier, type, unit) ", " #identifier
		       WORKLOAD_MAP(X)
#undef X
		       ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?"
#define X(identifier, type, unit) ",?"
		       WORKLOAD_MAP(X)
#undef X
		       ")",
	[ADD_MARK] = "INSERT OR IGNORE INTO mark (boot, sequence, t_ns, t_boot_ns, kind,"
		     " begin_sequence, label, uid, status) VALUES (?,?,?,?,?,?,?,?,?)",
	[PUT_GAP] = "INSERT INTO gap (boot, source, from_sequence, to_sequence, from_ns, to_ns,"
		    " count, cause) VALUES (?1,?2,?3,?4,?5,?6,?7,?8)"
		    " ON CONFLICT (boot, source, from_sequence)"
		    " DO UPDATE SET to_sequence=?4, to_ns=?6, count=?7",
	[PUT_QUARANTINE] = "INSERT INTO quarantine (boot, from_sequence, to_sequence, from_ns,"
			   " to_ns, count, cause, generation, exits, handling_cycles, away_cycles,"
			   " idle_cycles) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)"
			   " ON CONFLICT (boot, from_sequence)"
			   " DO UPDATE SET to_sequence=?3, to_ns=?5, count=?6",
	/* What has a sequence of its own between two samples parts them. */
	[FIND_FALSE] = "SELECT 1, sequence, t_ns, exits, handling_cycles, away_cycles, idle_cycles"
		       " FROM sample WHERE boot=?1 AND source=0 AND sequence>?2 UNION ALL "
		       "SELECT 0, sequence, 0, 0, 0, 0, 0 FROM mark"
		       " WHERE boot=?1 AND sequence>?2 UNION ALL "
		       "SELECT 0, from_sequence, 0, 0, 0, 0, 0 FROM gap"
		       " WHERE boot=?1 AND source=0 AND to_sequence>?2 UNION ALL "
		       "SELECT 0, from_sequence, 0, 0, 0, 0, 0 FROM quarantine"
		       " WHERE boot=?1 AND to_sequence>?2 ORDER BY 2",
	[DROP_FALSE] = "DELETE FROM sample WHERE boot=?1 AND source=0 AND sequence>?2",
};

struct storewrite {
	sqlite3 *db;
	sqlite3_stmt *stmt[STMTS];
};

int storewrite_new(sqlite3 *db, struct storewrite **ret_writer)
{
	struct storewrite *w = calloc(1, sizeof(*w));
	int r = 0;

	if (!w)
		return -ENOMEM;
	w->db = db;
	for (int i = 0; i < STMTS && r == 0; i++) {
		int rc = sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &w->stmt[i],
					    NULL);

		if (rc != SQLITE_OK)
			r = db_error(db, "cannot prepare a statement", rc);
	}
	if (r < 0)
		storewrite_free(w);
	else
		*ret_writer = w;
	return r;
}

void storewrite_free(struct storewrite *writer)
{
	if (!writer)
		return;
	for (int i = 0; i < STMTS; i++)
		sqlite3_finalize(writer->stmt[i]);
	free(writer);
}

static int failed(struct storewrite *w, int rc, const char *what)
{
	return (rc & 0xff) == SQLITE_FULL ? -ENOSPC : db_error(w->db, what, rc);
}

static int run(struct storewrite *w, int which, int rc, const char *what)
{
	if (rc == SQLITE_OK)
		rc = sqlite3_step(w->stmt[which]);
	(void)sqlite3_reset(w->stmt[which]);
	return rc == SQLITE_DONE ? 0 : failed(w, rc, what);
}

/* Zero stands for "not known" in a record, NULL in the database. */
static int bind_known(sqlite3_stmt *stmt, int index, int64_t value)
{
	return value ? sqlite3_bind_int64(stmt, index, value) : sqlite3_bind_null(stmt, index);
}

static int bind_if(sqlite3_stmt *stmt, int index, bool present, uint64_t value)
{
	return present ? sqlite3_bind_int64(stmt, index, (int64_t)value)
		       : sqlite3_bind_null(stmt, index);
}

static int bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
	return sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC);
}

static int bind_blob_if(sqlite3_stmt *stmt, int index, const void *blob, size_t len)
{
	return len ? sqlite3_bind_blob(stmt, index, blob, len, SQLITE_STATIC)
		   : sqlite3_bind_null(stmt, index);
}

int storewrite_vm(struct storewrite *w, const struct vm *vm)
{
	sqlite3_stmt *s = w->stmt[PUT_VM];
	int rc = sqlite3_bind_int64(s, 1, vm->id);

	rc = rc ? rc : bind_text(s, 2, vm->key);
	rc = rc ? rc : bind_text(s, 3, vm->name);
	rc = rc ? rc : sqlite3_bind_int(s, 4, vm->state);
	rc = rc ? rc : sqlite3_bind_int(s, 5, vm->agent);
	rc = rc ? rc : sqlite3_bind_int(s, 6, vm->leaf);
	rc = rc ? rc : bind_text(s, 7, vm->error);
	return run(w, PUT_VM, rc, "cannot write a VM");
}

int storewrite_boot(struct storewrite *w, const struct boot *boot)
{
	sqlite3_stmt *s = w->stmt[PUT_BOOT];
	int rc = sqlite3_bind_int64(s, 1, boot->id);

	rc = rc ? rc : sqlite3_bind_int64(s, 2, boot->vm_id);
	rc = rc ? rc : sqlite3_bind_int64(s, 3, boot->number);
	rc = rc ? rc : bind_text(s, 4, boot->life);
	rc = rc ? rc : sqlite3_bind_int(s, 5, boot->cause);
	rc = rc ? rc : sqlite3_bind_int64(s, 6, boot->opened_ns);
	rc = rc ? rc : bind_known(s, 7, boot->closed_ns);
	rc = rc ? rc : bind_blob_if(s, 8, boot->guest_boot_id,
				    boot->has_guest_boot_id ? PROTO_BOOT_ID_SIZE : 0);
	rc = rc ? rc : bind_text(s, 9, boot->kernel[0] ? boot->kernel : NULL);
	rc = rc ? rc : bind_text(s, 10, boot->agent[0] ? boot->agent : NULL);
	rc = rc ? rc : bind_known(s, 11, boot->vcpus);
	rc = rc ? rc : bind_known(s, 12, boot->tsc_khz);
	rc = rc ? rc : bind_known(s, 13, boot->reason_namespace);
	rc = rc ? rc : bind_known(s, 14, boot->created_ns);
	rc = rc ? rc : bind_if(s, 15, boot->has_generation, boot->generation);
	return run(w, PUT_BOOT, rc, "cannot write a boot");
}

/* Parameters from @index on: exits, and the cycles. */
static int bind_counters(sqlite3_stmt *s, int index, const struct sample *sample)
{
	int rc = bind_if(s, index, sample->has & SAMPLE_HAS_EXITS, sample->exits);

	rc = rc ? rc : bind_if(s, index + 1, sample->has & SAMPLE_HAS_HANDLING,
			       sample->handling_cycles);
	rc = rc ? rc : bind_if(s, index + 2, sample->has & SAMPLE_HAS_AWAY, sample->away_cycles);
	return rc ? rc : bind_if(s, index + 3, sample->has & SAMPLE_HAS_AWAY, sample->idle_cycles);
}

int storewrite_sample(struct storewrite *w, int64_t id, const struct boot *boot,
		      enum sample_source source, const struct sample *sample)
{
	bool paced = sample->has & SAMPLE_HAS_PACE;
	sqlite3_stmt *s = w->stmt[ADD_SAMPLE];
	int rc = sqlite3_bind_int64(s, 1, id);

	rc = rc ? rc : sqlite3_bind_int64(s, 2, boot->id);
	rc = rc ? rc : sqlite3_bind_int(s, 3, source);
	rc = rc ? rc : sqlite3_bind_int64(s, 4, sample->sequence);
	rc = rc ? rc : sqlite3_bind_int64(s, 5, sample->t_wall_ns);
	rc = rc ? rc : bind_if(s, 6, source == SOURCE_GUEST, sample->t_boot_ns);
	rc = rc ? rc : bind_counters(s, 7, sample);
	rc = rc ? rc : bind_if(s, 11, sample->has & SAMPLE_HAS_AGENT, sample->agent_exits);
	rc = rc ? rc : bind_if(s, 12, paced, sample->interval_us);
	rc = rc ? rc : bind_if(s, 13, paced, sample->pace);
	rc = rc ? rc : sqlite3_bind_int64(s, 14, sample->clock_error_ns);
	rc = rc ? rc : bind_blob_if(s, 15, sample->detail, sample->detail_len);
	rc = rc ? rc : bind_if(s, 16, sample->has & SAMPLE_HAS_TAKEN, sample->taken);
	for (int i = 0; i < WORKLOAD_COUNT && rc == SQLITE_OK; i++)
		rc = bind_if(s, SAMPLE_FIXED_PARAMETERS + 1 + i, sample->workload.mask >> i & 1,
			     sample->workload.value[i]);
	return run(w, ADD_SAMPLE, rc, "cannot write a sample");
}

int storewrite_mark(struct storewrite *w, const struct boot *boot, const struct mark *mark)
{
	sqlite3_stmt *s = w->stmt[ADD_MARK];
	int rc = sqlite3_bind_int64(s, 1, boot->id);

	rc = rc ? rc : sqlite3_bind_int64(s, 2, mark->sequence);
	rc = rc ? rc : sqlite3_bind_int64(s, 3, mark->t_ns);
	rc = rc ? rc : sqlite3_bind_int64(s, 4, mark->t_boot_ns);
	rc = rc ? rc : sqlite3_bind_int(s, 5, mark->kind);
	rc = rc ? rc : bind_known(s, 6, mark->begin);
	rc = rc ? rc : bind_text(s, 7, mark->label);
	rc = rc ? rc : sqlite3_bind_int64(s, 8, mark->uid);
	rc = rc ? rc : bind_if(s, 9, mark->has_status, mark->status);
	return run(w, ADD_MARK, rc, "cannot write a mark");
}

int storewrite_gap(struct storewrite *w, const struct boot *boot, enum sample_source source,
		   const struct range *range)
{
	sqlite3_stmt *s = w->stmt[PUT_GAP];
	int rc = sqlite3_bind_int64(s, 1, boot->id);

	rc = rc ? rc : sqlite3_bind_int(s, 2, source);
	rc = rc ? rc : sqlite3_bind_int64(s, 3, range->from);
	rc = rc ? rc : sqlite3_bind_int64(s, 4, range->to);
	rc = rc ? rc : sqlite3_bind_int64(s, 5, range->from_ns);
	rc = rc ? rc : sqlite3_bind_int64(s, 6, range->to_ns);
	rc = rc ? rc : bind_if(s, 7, range->count >= 0, range->count);
	rc = rc ? rc : sqlite3_bind_int(s, 8, range->cause);
	return run(w, PUT_GAP, rc, "cannot write a gap");
}

int storewrite_quarantine(struct storewrite *w, const struct boot *boot,
			  const struct range *range, const struct sample *claim)
{
	sqlite3_stmt *s = w->stmt[PUT_QUARANTINE];
	int rc = sqlite3_bind_int64(s, 1, boot->id);

	rc = rc ? rc : sqlite3_bind_int64(s, 2, range->from);
	rc = rc ? rc : sqlite3_bind_int64(s, 3, range->to);
	rc = rc ? rc : sqlite3_bind_int64(s, 4, range->from_ns);
	rc = rc ? rc : sqlite3_bind_int64(s, 5, range->to_ns);
	rc = rc ? rc : sqlite3_bind_int64(s, 6, range->count);
	rc = rc ? rc : sqlite3_bind_int(s, 7, range->cause);
	rc = rc ? rc : bind_if(s, 8, claim->has & SAMPLE_HAS_GENERATION, claim->generation);
	rc = rc ? rc : bind_counters(s, 9, claim);
	return run(w, PUT_QUARANTINE, rc, "cannot write what is quarantined");
}

/* A range of successive samples, with the values of its first. */
struct found {
	struct range range;
	struct sample first;
};

static void get_claim(sqlite3_stmt *s, struct sample *claim)
{
	*claim = (struct sample){
		.exits = sqlite3_column_int64(s, 3),
		.handling_cycles = sqlite3_column_int64(s, 4),
		.away_cycles = sqlite3_column_int64(s, 5),
		.idle_cycles = sqlite3_column_int64(s, 6),
	};
	if (sqlite3_column_type(s, 3) != SQLITE_NULL)
		claim->has |= SAMPLE_HAS_EXITS;
	if (sqlite3_column_type(s, 4) != SQLITE_NULL)
		claim->has |= SAMPLE_HAS_HANDLING;
	if (sqlite3_column_type(s, 5) != SQLITE_NULL)
		claim->has |= SAMPLE_HAS_AWAY;
}

/* Take in one row of FIND_FALSE. Returns 0 or -ENOMEM. */
static int take_false(sqlite3_stmt *s, struct found **found, size_t *count, bool *parted)
{
	uint64_t sequence = sqlite3_column_int64(s, 1);
	int64_t t_ns = sqlite3_column_int64(s, 2);
	struct found *more, *last = *count ? &(*found)[*count - 1] : NULL;

	if (!sqlite3_column_int(s, 0)) {
		*parted = true;
		return 0;
	}
	if (!last || *parted) {
		more = realloc(*found, (*count + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		*found = more;
		last = &more[(*count)++];
		last->range = (struct range){ .from = sequence, .from_ns = t_ns };
		get_claim(s, &last->first);
	}
	last->range.to = sequence;
	last->range.to_ns = t_ns;
	last->range.count++;
	*parted = false;
	return 0;
}

static int find_false(struct storewrite *w, const struct boot *boot, uint64_t after,
		      struct found **found, size_t *count)
{
	sqlite3_stmt *s = w->stmt[FIND_FALSE];
	int rc = sqlite3_bind_int64(s, 1, boot->id);
	bool parted = false;
	int r = 0;

	rc = rc ? rc : sqlite3_bind_int64(s, 2, after);
	while (r == 0 && (rc == SQLITE_OK || rc == SQLITE_ROW)) {
		rc = sqlite3_step(s);
		if (rc == SQLITE_ROW)
			r = take_false(s, found, count, &parted);
	}
	(void)sqlite3_reset(s);
	return r < 0 || rc == SQLITE_DONE ? r : failed(w, rc, "cannot read the samples");
}

int storewrite_retract(struct storewrite *w, const struct boot *boot, uint64_t after, int cause,
		       uint64_t *ranges)
{
	struct found *found = NULL;
	size_t count = 0;
	int r = find_false(w, boot, after, &found, &count);
	int rc;

	for (size_t i = 0; i < count && r == 0; i++) {
		found[i].range.cause = cause;
		r = storewrite_quarantine(w, boot, &found[i].range, &found[i].first);
	}
	free(found);
	if (r < 0)
		return r;
	rc = sqlite3_bind_int64(w->stmt[DROP_FALSE], 1, boot->id);
	rc = rc ? rc : sqlite3_bind_int64(w->stmt[DROP_FALSE], 2, after);
	r = run(w, DROP_FALSE, rc, "cannot drop samples");
	if (r == 0)
		*ranges += count;
	return r;
}
