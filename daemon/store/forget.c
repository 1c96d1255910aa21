/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/forget.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "daemon/base/record.h"
#include "daemon/store/db.h"

/* Rows of one table that one step drops. */
#define ROWS 500

enum {
	OLD_MARKS, OLD_GAPS, VM_BEYOND, GAPS_BEYOND, MARKS_BEYOND, QUARANTINES_BEYOND, OLD_BOOT,
	BOOT_OF, IS_LEFT, MARKS_OF, GAPS_OF, QUARANTINES_OF, STREAMS_OF,
	BOOT, VM, STMTS
};

/* The journal's last row may be of a boot that is sealed: whoever reads it looks its boot up. */
#define IS_EMPTY \
	" NOT EXISTS (SELECT 1 FROM chunk WHERE chunk.boot = b.id)" \
	" AND NOT EXISTS (SELECT 1 FROM journal_end e WHERE e.id IN (b.id * 2, b.id * 2 + 1))" \
	" AND b.id IS NOT (SELECT boot FROM journal ORDER BY id DESC LIMIT 1)"

/*
 * The latest two, or behind a VM's restores only: a guest that was silent in all of these may
 * have been there.
 */
#define IS_WHERE_GUEST_WAS \
	"(SELECT l.number - b.number < 2 OR (l.number - b.number <= " SILENT " AND NOT EXISTS" \
	" (SELECT 1 FROM boot x WHERE x.vm = b.vm AND x.number > b.number AND x.number < l.number" \
	" AND x.cause <> 4)) FROM boot l WHERE l.vm = b.vm ORDER BY l.number DESC LIMIT 1)"
#define SILENT "16"
static_assert(RECORD_BOOTS_SILENT == 16 && BOOT_RESUMED == 4, "numbers in SQL");

/* Samples behind @to wait in the journal: whoever seals them asks what is missing. */
#define IS_SEALED(source, to) \
	" (NOT EXISTS (SELECT 1 FROM journal_end e WHERE e.id = x.boot * 2 + " source ")" \
	" OR x." to " < (SELECT sealed_0 FROM stream s WHERE s.boot = x.boot AND s.source = " source "))"

static const char *const sql[STMTS] = {
	[OLD_MARKS] = "DELETE FROM mark WHERE id IN (SELECT m.id FROM mark m INDEXED BY mark_age"
		      " CROSS JOIN stream s ON s.boot = m.boot AND s.source = 0"
		      " WHERE m.t_ns < ?1 AND m.sequence < s.sealed_0 LIMIT ?2)",
	[OLD_GAPS] = "DELETE FROM gap WHERE id IN (SELECT g.id FROM gap g INDEXED BY gap_age"
		     " CROSS JOIN stream s ON s.boot = g.boot AND s.source = g.source"
		     " WHERE g.to_ns < ?1 AND g.to_sequence < s.sealed_0 LIMIT ?2)",
	[VM_BEYOND] = "SELECT id FROM vm WHERE beside > ? ORDER BY beside DESC LIMIT 1",
	/* The newest of a boot tells where it ended. */
	[MARKS_BEYOND] = "DELETE FROM mark WHERE id IN (SELECT x.id FROM boot b CROSS JOIN mark x"
			 " ON x.boot = b.id WHERE b.vm = ?1 AND x.sequence <"
			 " (SELECT max(sequence) FROM mark WHERE boot = b.id) AND"
			 IS_SEALED("0", "sequence") " ORDER BY b.number LIMIT ?2)",
	[GAPS_BEYOND] = "DELETE FROM gap WHERE id IN (SELECT x.id FROM boot b CROSS JOIN gap x"
			" ON x.boot = b.id WHERE b.vm = ?1 AND x.from_sequence < (SELECT"
			" max(from_sequence) FROM gap WHERE boot = b.id AND source = x.source) AND"
			IS_SEALED("x.source", "to_sequence") " ORDER BY b.number LIMIT ?2)",
	[QUARANTINES_BEYOND] = "DELETE FROM quarantine WHERE id IN (SELECT x.id FROM boot b"
			       " CROSS JOIN quarantine x ON x.boot = b.id WHERE b.vm = ?1"
			       " AND x.from_sequence < (SELECT max(from_sequence) FROM quarantine"
			       " WHERE boot = b.id) AND" IS_SEALED("0", "to_sequence")
			       " ORDER BY b.number LIMIT ?2)",
	[OLD_BOOT] = "SELECT b.id FROM boot b INDEXED BY boot_age WHERE b.closed_ns < ?1"
		     " AND NOT " IS_WHERE_GUEST_WAS " AND" IS_EMPTY " ORDER BY b.closed_ns LIMIT 1",
	[BOOT_OF] = "SELECT id FROM boot WHERE vm = ? ORDER BY number LIMIT 1",
	/* Of one that never ran nobody knows how old it is. */
	[IS_LEFT] = "SELECT NOT EXISTS (SELECT 1 FROM boot WHERE vm = ?1)"
		    " OR EXISTS (SELECT 1 FROM boot b WHERE b.vm = ?1"
		    " AND (coalesce(b.closed_ns, b.opened_ns) >= ?2 OR NOT (" IS_EMPTY ")))",
	[MARKS_OF] = "DELETE FROM mark WHERE id IN (SELECT id FROM mark WHERE boot = ?1 LIMIT ?2)",
	[GAPS_OF] = "DELETE FROM gap WHERE id IN (SELECT id FROM gap WHERE boot = ?1 LIMIT ?2)",
	[QUARANTINES_OF] = "DELETE FROM quarantine"
			   " WHERE id IN (SELECT id FROM quarantine WHERE boot = ?1 LIMIT ?2)",
	[STREAMS_OF] = "DELETE FROM stream WHERE boot = ?",
	[BOOT] = "DELETE FROM boot WHERE id = ?",
	[VM] = "DELETE FROM vm WHERE id = ?",
};

struct forget {
	sqlite3 *db;
	sqlite3_stmt *stmt[STMTS];
};

int forget_new(sqlite3 *db, struct forget **ret_forget)
{
	struct forget *f = calloc(1, sizeof(*f));
	int r = f ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	f->db = db;
	for (int i = 0; i < STMTS && r == 0; i++)
		r = db_prepare(db, sql[i], &f->stmt[i]);
	if (r < 0)
		forget_free(f);
	else
		*ret_forget = f;
	return r;
}

void forget_free(struct forget *forget)
{
	if (!forget)
		return;
	for (int i = 0; i < STMTS; i++)
		sqlite3_finalize(forget->stmt[i]);
	free(forget);
}

#define RUN(f, which, ...) \
	run(f, which, (const int64_t[]){ __VA_ARGS__ }, \
	    sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

/* The rows that it dropped, or -errno. */
static int run(struct forget *f, int which, const int64_t *values, size_t count)
{
	int r = db_bind(f->db, f->stmt[which], values, count);

	if (r == 0)
		r = db_run(f->db, f->stmt[which]);
	return r < 0 ? r : sqlite3_changes(f->db);
}

/* The number that a statement, begun with @r, answers: 1, 0 for none, or -errno. */
static int number(struct forget *f, int which, int r, int64_t *ret_number)
{
	sqlite3_stmt *s = f->stmt[which];

	if (r == 0)
		r = db_step(f->db, s);
	if (r <= 0)
		return r;
	*ret_number = sqlite3_column_int64(s, 0);
	(void)sqlite3_reset(s);
	return 1;
}

/* Drop a boot, or as many of its rows as one step may. 1 if it is no more, 0, or -errno. */
static int forget_boot(struct forget *f, int64_t boot)
{
	for (int which = MARKS_OF; which <= QUARANTINES_OF; which++) {
		int r = RUN(f, which, boot, ROWS);

		if (r < 0 || r == ROWS)
			return r < 0 ? r : 0;
	}
	for (int which = STREAMS_OF; which <= BOOT; which++) {
		int r = RUN(f, which, boot);

		if (r < 0)
			return r;
	}
	return 1;
}

int forget_before(struct forget *forget, int64_t horizon_ns)
{
	int64_t boot;
	int r = RUN(forget, OLD_MARKS, horizon_ns, ROWS);

	if (r == 0)
		r = RUN(forget, OLD_GAPS, horizon_ns, ROWS);
	if (r != 0)
		return r < 0 ? r : 1;
	r = number(forget, OLD_BOOT, DB_BIND(forget->db, forget->stmt[OLD_BOOT], horizon_ns),
		   &boot);
	if (r <= 0)
		return r;
	r = forget_boot(forget, boot);
	return r < 0 ? r : 1;
}

int forget_beyond(struct forget *forget, uint64_t max)
{
	struct forget *f = forget;
	int64_t vm;
	int r = number(f, VM_BEYOND, DB_BIND(f->db, f->stmt[VM_BEYOND], max), &vm);
	int rows = 0;

	if (r <= 0)
		return r;
	for (int which = GAPS_BEYOND; which <= QUARANTINES_BEYOND; which++) {
		r = RUN(f, which, vm, ROWS);
		if (r < 0)
			return r;
		rows += r;
	}
	return rows > 0;
}

int forget_vm(struct forget *forget, int64_t vm, int64_t horizon_ns)
{
	struct forget *f = forget;
	int64_t is_left = 0, boot;
	int r = number(f, IS_LEFT, DB_BIND(f->db, f->stmt[IS_LEFT], vm, horizon_ns), &is_left);

	if (r < 0 || is_left)
		return r < 0 ? r : 0;
	while ((r = number(f, BOOT_OF, DB_BIND(f->db, f->stmt[BOOT_OF], vm), &boot)) > 0) {
		r = forget_boot(f, boot);
		if (r < 0)
			return r;
	}
	r = r < 0 ? r : RUN(f, VM, vm);
	return r < 0 ? r : 1;
}
