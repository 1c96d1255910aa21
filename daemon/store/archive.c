/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/archive.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "daemon/store/chunk.h"
#include "daemon/store/db.h"

enum { NEXT, LAST, SUM, LOAD, PUT, DROP, OLDEST, OLDEST_OF, SHARES, STMTS };

#define ENTRY_COLUMNS "id, from_sequence, to_sequence, from_ns, to_ns, samples, rows, bytes"
#define OF "boot = ?1 AND source = ?2 AND tier = ?3"

static const char *const sql[STMTS] = {
	[NEXT] = "SELECT " ENTRY_COLUMNS " FROM chunk INDEXED BY chunk_order WHERE " OF
		 " AND to_sequence > ?4 AND to_ns >= ?5 AND from_ns <= ?6 ORDER BY to_sequence LIMIT 1",
	[LAST] = "SELECT " ENTRY_COLUMNS " FROM chunk INDEXED BY chunk_order WHERE " OF
		 " ORDER BY to_sequence DESC LIMIT 1",
	[SUM] = "SELECT 0, coalesce(min(from_sequence), 0), coalesce(max(to_sequence), 0),"
		" coalesce(min(from_ns), 0), coalesce(max(to_ns), 0), coalesce(sum(samples), 0),"
		" coalesce(sum(rows), 0), coalesce(sum(bytes), 0) FROM chunk INDEXED BY chunk_order WHERE " OF,
	[LOAD] = "SELECT columns FROM chunk WHERE id = ?",
	[PUT] = "INSERT OR REPLACE INTO chunk (boot, source, tier, id, from_sequence, to_sequence,"
		" from_ns, to_ns, samples, rows, bytes, columns, vm) VALUES (?1,?2,?3,?4,?5,?6,?7,"
		" ?8,?9,?10,?11,?12,(SELECT vm FROM boot WHERE id = ?1))",
	[DROP] = "DELETE FROM chunk WHERE id = ?",
	[OLDEST] = "SELECT " ENTRY_COLUMNS ", boot, source, tier FROM chunk INDEXED BY chunk_age"
		   " WHERE tier = ?1 ORDER BY to_ns LIMIT 1",
	[OLDEST_OF] = "SELECT " ENTRY_COLUMNS ", boot, source, tier FROM chunk"
		      " INDEXED BY chunk_of_vm WHERE vm = ?1 AND tier = ?2 ORDER BY to_ns LIMIT 1",
	[SHARES] = "SELECT vm, tier, count(*), sum(samples), sum(bytes), min(from_ns), max(to_ns)"
		 " FROM chunk INDEXED BY chunk_of_vm GROUP BY vm, tier",
};

struct archive {
	sqlite3 *db;
	sqlite3_stmt *stmt[STMTS];
	archive_change_fn changed;
	void *ctx;
};

int archive_new(sqlite3 *db, struct archive **ret_archive)
{
	struct archive *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->db = db;
	*ret_archive = a;
	return 0;
}

void archive_free(struct archive *archive)
{
	if (!archive)
		return;
	for (int i = 0; i < STMTS; i++)
		sqlite3_finalize(archive->stmt[i]);
	free(archive);
}

static int begin(struct archive *a, int which, const int64_t *values, size_t count)
{
	int r = a->stmt[which] ? 0 : db_prepare(a->db, sql[which], &a->stmt[which]);

	return r < 0 ? r : db_bind(a->db, a->stmt[which], values, count);
}

#define BEGIN(a, which, ...) \
	begin(a, which, (const int64_t[]){ __VA_ARGS__ }, \
	      sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

/* The one row of a statement that was begun with @r; and whose it is, unless @of is NULL. */
static int get_entry_of(struct archive *a, int which, int r, struct archive_of *of,
			struct archive_entry *ret_entry)
{
	sqlite3_stmt *s;

	if (r == 0)
		r = db_step(a->db, a->stmt[which]);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	s = a->stmt[which];
	*ret_entry = (struct archive_entry){
		.id = sqlite3_column_int64(s, 0),
		.from_sequence = sqlite3_column_int64(s, 1),
		.to_sequence = sqlite3_column_int64(s, 2),
		.from_ns = sqlite3_column_int64(s, 3),
		.to_ns = sqlite3_column_int64(s, 4),
		.samples = sqlite3_column_int64(s, 5),
		.rows = sqlite3_column_int64(s, 6),
		.bytes = sqlite3_column_int64(s, 7),
	};
	if (of) {
		of->boot = sqlite3_column_int64(s, 8);
		of->source = sqlite3_column_int(s, 9);
		of->tier = sqlite3_column_int(s, 10);
	}
	(void)sqlite3_reset(s);
	return 0;
}

static int get_entry(struct archive *a, int which, int r, struct archive_entry *ret_entry)
{
	return get_entry_of(a, which, r, NULL, ret_entry);
}

int archive_next(struct archive *archive, const struct archive_of *of, uint64_t after,
		 int64_t from_ns, int64_t to_ns, struct archive_entry *ret_entry)
{
	return get_entry(archive, NEXT,
			 BEGIN(archive, NEXT, of->boot, of->source, of->tier, after, from_ns,
			       to_ns),
			 ret_entry);
}

int archive_last(struct archive *archive, const struct archive_of *of,
		 struct archive_entry *ret_entry)
{
	return get_entry(archive, LAST, BEGIN(archive, LAST, of->boot, of->source, of->tier),
			 ret_entry);
}

int archive_sum(struct archive *archive, const struct archive_of *of,
		struct archive_entry *ret_sum)
{
	return get_entry(archive, SUM, BEGIN(archive, SUM, of->boot, of->source, of->tier),
			 ret_sum);
}

int archive_load(struct archive *archive, int64_t id, struct chunk **ret_chunk)
{
	sqlite3_stmt *s;
	int r = BEGIN(archive, LOAD, id);

	s = archive->stmt[LOAD];
	if (r == 0)
		r = db_step(archive->db, s);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	r = chunk_decode(sqlite3_column_blob(s, 0), sqlite3_column_bytes(s, 0), ret_chunk);
	(void)sqlite3_reset(s);
	return r;
}

static int tell(struct archive *a, const struct archive_of *of,
		const struct archive_entry *entry, int64_t bytes)
{
	return a->changed ? a->changed(a->ctx, of, entry, bytes) : 0;
}

int archive_put(struct archive *archive, const struct archive_of *of,
		struct archive_entry *entry, struct chunk *chunk)
{
	int64_t before = entry->id ? entry->bytes : 0;
	sqlite3_stmt *s;
	uint8_t *blob;
	size_t len;
	int r = chunk_encode(chunk, &blob, &len);

	if (r < 0)
		return r;
	entry->bytes = len;
	r = BEGIN(archive, PUT, of->boot, of->source, of->tier, entry->id, entry->from_sequence,
		  entry->to_sequence, entry->from_ns, entry->to_ns, entry->samples,
		  entry->rows, len);
	s = archive->stmt[PUT];
	if (r == 0 && ((entry->id == 0 && sqlite3_bind_null(s, 4) != SQLITE_OK) ||
		       sqlite3_bind_blob(s, 12, blob, len, SQLITE_STATIC) != SQLITE_OK))
		r = db_error(archive->db, "cannot bind", SQLITE_ERROR);
	if (r == 0)
		r = db_run(archive->db, s);
	if (r == 0 && entry->id == 0)
		entry->id = sqlite3_last_insert_rowid(archive->db);
	free(blob);
	return r < 0 ? r : tell(archive, of, entry, entry->bytes - before);
}

int archive_drop(struct archive *archive, const struct archive_of *of,
		 const struct archive_entry *entry)
{
	int r = BEGIN(archive, DROP, entry->id);

	if (r == 0)
		r = db_run(archive->db, archive->stmt[DROP]);
	return r < 0 ? r : tell(archive, of, entry, -(int64_t)entry->bytes);
}

void archive_watch(struct archive *archive, archive_change_fn fn, void *ctx)
{
	archive->changed = fn;
	archive->ctx = ctx;
}

int archive_oldest(struct archive *archive, int tier, struct archive_of *ret_of,
		   struct archive_entry *ret_entry)
{
	return get_entry_of(archive, OLDEST, BEGIN(archive, OLDEST, tier), ret_of, ret_entry);
}

int archive_oldest_of(struct archive *archive, int64_t vm, int tier, struct archive_of *ret_of,
		      struct archive_entry *ret_entry)
{
	return get_entry_of(archive, OLDEST_OF, BEGIN(archive, OLDEST_OF, vm, tier), ret_of,
			    ret_entry);
}

int archive_shares(struct archive *archive, archive_share_fn fn, void *ctx)
{
	int r = begin(archive, SHARES, NULL, 0);
	sqlite3_stmt *s = archive->stmt[SHARES];

	while (r == 0 && (r = db_step(archive->db, s)) > 0) {
		struct archive_share share = {
			.vm = sqlite3_column_int64(s, 0),
			.tier = sqlite3_column_int(s, 1),
			.chunks = sqlite3_column_int64(s, 2),
			.samples = sqlite3_column_int64(s, 3),
			.bytes = sqlite3_column_int64(s, 4),
			.from_ns = sqlite3_column_int64(s, 5),
			.to_ns = sqlite3_column_int64(s, 6),
		};

		r = fn(ctx, &share);
	}
	(void)sqlite3_reset(s);
	return r;
}
