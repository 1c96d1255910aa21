/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/storewrite.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "daemon/store/db.h"
#include "daemon/store/samplechunk.h"
#include "daemon/store/seal.h"

enum { PUT_VM, PUT_BOOT, ADD_MARK, PUT_GAP, PUT_QUARANTINE, PARTED, STMTS };

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
	[PARTED] = "SELECT EXISTS (SELECT 1 FROM mark WHERE boot=?1 AND sequence>?2 AND sequence<?3)"
		   " OR EXISTS (SELECT 1 FROM gap WHERE boot=?1 AND source=0 AND from_sequence>?2"
		   " AND from_sequence<?3) OR EXISTS (SELECT 1 FROM quarantine WHERE boot=?1"
		   " AND from_sequence>?2 AND from_sequence<?3)",
};

struct storewrite {
	sqlite3 *db;
	struct blocks *blocks;
	sqlite3_stmt *stmt[STMTS];
};

int storewrite_new(sqlite3 *db, struct blocks *blocks, struct storewrite **ret_writer)
{
	struct storewrite *w = calloc(1, sizeof(*w));
	int r = 0;

	if (!w)
		return -ENOMEM;
	w->db = db;
	w->blocks = blocks;
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

static int run(struct storewrite *w, int which, int rc, const char *what)
{
	if (rc == SQLITE_OK)
		rc = sqlite3_step(w->stmt[which]);
	(void)sqlite3_reset(w->stmt[which]);
	return rc == SQLITE_DONE ? 0 : db_write_error(w->db, what, rc);
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

int storewrite_sample(struct storewrite *w, int64_t id, struct boot *boot,
		      enum sample_source source, const struct sample *sample)
{
	int r = 0;

	if (!boot->has_base[source] && sample->has & SAMPLE_HAS_EXITS)
		r = stream_set_base(w->blocks->streams, boot->id, source, sample);
	return r < 0 ? r : journal_add(w->blocks->journal, id, boot->id, source, sample);
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

/* What is found of a boot's samples that are not true. */
struct search {
	struct storewrite *w;
	const struct boot *boot;
	struct found *found;
	size_t count;
};

/* Whether something stands between two sequences. Returns 0 or -errno. */
static int is_parted(struct search *s, uint64_t from, uint64_t to, bool *ret_parted)
{
	sqlite3_stmt *stmt = s->w->stmt[PARTED];
	int r = DB_BIND(s->w->db, stmt, s->boot->id, from, to);

	if (r == 0)
		r = db_step(s->w->db, stmt);
	*ret_parted = r > 0 && sqlite3_column_int(stmt, 0);
	(void)sqlite3_reset(stmt);
	return r < 0 ? r : 0;
}

static int take_false(struct search *s, const struct sample *sample)
{
	struct found *more, *last = s->count ? &s->found[s->count - 1] : NULL;
	bool parted = true;
	int r = last ? is_parted(s, last->range.to, sample->sequence, &parted) : 0;

	if (r < 0)
		return r;
	if (parted) {
		more = realloc(s->found, (s->count + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->found = more;
		last = &more[s->count++];
		last->range = (struct range){
			.from = sample->sequence,
			.from_ns = sample->t_wall_ns,
		};
		last->first = *sample;
		last->first.detail = NULL;
	}
	last->range.to = sample->sequence;
	last->range.to_ns = sample->t_wall_ns;
	last->range.count++;
	return 0;
}

/* A block's samples above @after. */
static int search_block(struct search *s, struct chunk *chunk, uint64_t after)
{
	struct samplechunk_reader *reader;
	struct sample sample;
	int r = samplechunk_open(chunk, false, &reader);

	if (r < 0)
		return r;
	while (r == 0 && samplechunk_next(reader, &sample)) {
		if (sample.sequence > after)
			r = take_false(s, &sample);
	}
	samplechunk_close(reader);
	return r;
}

static int find_false(struct search *s, uint64_t after)
{
	struct block block;
	int r;

	/* Nothing can be said of what is in a damaged one; it will not be there any more. */
	while ((r = blocks_next(s->w->blocks, s->boot->id, SOURCE_GUEST, after, INT64_MIN,
				INT64_MAX, &block)) == 0 || r == -EBADMSG) {
		if (r == 0)
			r = search_block(s, block.chunk, after);
		chunk_free(block.chunk);
		if (r < 0 && r != -EBADMSG)
			break;
		after = block.to_sequence;
	}
	return r == -ENOENT ? 0 : r;
}

/* The samples above @after are no more, in the journal and in chunks. */
static int drop_false(struct storewrite *w, const struct boot *boot, uint64_t after)
{
	struct stream stream;
	int r = journal_finish(w->blocks->journal);

	if (r == 0)
		r = journal_keep_to(w->blocks->journal, boot->id, SOURCE_GUEST, after);
	if (r == 0)
		r = stream_get(w->blocks->streams, boot->id, SOURCE_GUEST, &stream);
	if (r < 0)
		return r;
	if (stream.sealed[0] > after)
		r = seal_cut(w->blocks, &stream, after);
	if (stream.base_sequence > after)
		stream.has_base = false;
	if (r == 0)
		r = stream_put(w->blocks->streams, &stream);
	stream_done(&stream);
	return r;
}

int storewrite_retract(struct storewrite *w, const struct boot *boot, uint64_t after, int cause,
		       uint64_t *ranges)
{
	struct search s = { .w = w, .boot = boot };
	int r = journal_finish(w->blocks->journal);

	if (r == 0)
		r = find_false(&s, after);
	for (size_t i = 0; i < s.count && r == 0; i++) {
		s.found[i].range.cause = cause;
		r = storewrite_quarantine(w, boot, &s.found[i].range, &s.found[i].first);
	}
	free(s.found);
	if (r == 0)
		r = drop_false(w, boot, after);
	if (r == 0)
		*ranges += s.count;
	return r;
}
