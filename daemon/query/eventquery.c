/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/eventquery.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "daemon/store/db.h"
#include "daemon/query/querypart.h"
#include "daemon/store/samplechunk.h"
#include "guest-agent/shared/detail.h"

static const char sql_marks[] =
	"SELECT sequence, t_ns, t_boot_ns, kind, begin_sequence, label, uid, status FROM mark"
	" WHERE boot = ?1 AND t_ns >= ?2 AND t_ns <= ?3 ORDER BY t_ns, sequence LIMIT ?4";

static const char sql_marks_before[] =
	"SELECT * FROM (SELECT sequence, t_ns, t_boot_ns, kind, begin_sequence, label, uid, status"
	" FROM mark WHERE boot = ?1 AND t_ns < ?2 ORDER BY t_ns DESC, sequence DESC LIMIT ?3)"
	" ORDER BY t_ns, sequence";

/* Beside min() SQLite takes the other columns from the row that has it. */
static const char sql_phases[] =
	"SELECT sequence, min(t_ns), t_boot_ns, kind, begin_sequence, label, uid, status FROM mark"
	" WHERE boot = ?1 AND kind = ?2 AND label IN ('kernel', 'initramfs', 'userspace', 'finished')"
	" GROUP BY label ORDER BY 2, 1";

/* ?5: sources, as a mask. */
static const char sql_gaps[] =
	"SELECT from_sequence, to_sequence, from_ns, to_ns, count, cause, source FROM gap"
	" WHERE boot = ?1 AND to_ns >= ?2 AND from_ns <= ?3 AND (?5 >> source & 1)"
	" ORDER BY from_ns, from_sequence LIMIT ?4";

/* Their times are what a liar made of them. */
static const char sql_quarantines[] =
	"SELECT from_sequence, to_sequence, from_ns, to_ns, count, cause, 0 FROM quarantine"
	" WHERE boot = ?1 AND to_ns >= ?2 AND from_ns <= ?3 AND (?5 & 1)"
	" ORDER BY from_sequence LIMIT ?4";

/* A statement with its integers bound. Returns 0 or -errno. */
static int ask(sqlite3 *db, const char *sql, const int64_t *values, size_t n,
	       sqlite3_stmt **ret_stmt)
{
	int rc = sqlite3_prepare_v2(db, sql, -1, ret_stmt, NULL);

	if (rc != SQLITE_OK)
		return db_error(db, "cannot prepare a query", rc);
	for (size_t i = 0; i < n && rc == SQLITE_OK; i++)
		rc = sqlite3_bind_int64(*ret_stmt, i + 1, values[i]);
	if (rc == SQLITE_OK)
		return 0;
	sqlite3_finalize(*ret_stmt);
	return db_error(db, "cannot bind", rc);
}

#define ASK(db, sql, stmt, ...) \
	ask(db, sql, (int64_t[]){ __VA_ARGS__ }, sizeof((int64_t[]){ __VA_ARGS__ }) / 8, stmt)

/* 1: a row, 0: none left, or -errno. */
static int step(sqlite3 *db, sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : db_error(db, "cannot read", rc);
}

static int64_t end_of(const struct query_filter *filter)
{
	return filter->to_ns ? filter->to_ns : INT64_MAX;
}

/* All rows of a statement of marks, which it ends; *ret_rows: how many. */
static int walk_marks(sqlite3 *db, sqlite3_stmt *stmt, eventquery_mark_fn fn, void *ctx,
		      size_t *ret_rows)
{
	int r = 0;

	for (*ret_rows = 0; r == 0 && (r = step(db, stmt)) > 0; ++*ret_rows) {
		const unsigned char *label = sqlite3_column_text(stmt, 5);
		struct mark mark = {
			.sequence = sqlite3_column_int64(stmt, 0),
			.t_ns = sqlite3_column_int64(stmt, 1),
			.t_boot_ns = sqlite3_column_int64(stmt, 2),
			.kind = sqlite3_column_int(stmt, 3),
			.begin = sqlite3_column_int64(stmt, 4),
			.uid = sqlite3_column_int64(stmt, 6),
			.has_status = sqlite3_column_type(stmt, 7) != SQLITE_NULL,
			.status = sqlite3_column_int64(stmt, 7),
		};

		snprintf(mark.label, sizeof(mark.label), "%s", label ? (const char *)label : "");
		r = fn(ctx, &mark);
	}
	sqlite3_finalize(stmt);
	return r;
}

static int read_marks(struct query *query, const struct boot *boot,
		      const struct query_filter *filter, eventquery_mark_fn fn, void *ctx,
		      size_t *ret_rows)
{
	sqlite3 *db = query_part_db(query);
	sqlite3_stmt *stmt;
	int r = query_part_check(query);

	if (r == 0)
		r = ASK(db, sql_marks, &stmt, boot->id, filter->from_ns, end_of(filter), EVENTQUERY_MAX);
	return r < 0 ? r : walk_marks(db, stmt, fn, ctx, ret_rows);
}

int eventquery_marks(struct query *query, const struct boot *boot,
		     const struct query_filter *filter, eventquery_mark_fn fn, void *ctx)
{
	size_t rows;

	return read_marks(query, boot, filter, fn, ctx, &rows);
}

int eventquery_intervals(struct query *query, const struct boot *boot,
			 const struct query_filter *filter, eventquery_mark_fn fn, void *ctx,
			 bool *ret_all)
{
	sqlite3 *db = query_part_db(query);
	sqlite3_stmt *stmt;
	size_t rows = 0;
	int r = 0;

	if (filter->from_ns) {
		r = ASK(db, sql_marks_before, &stmt, boot->id, filter->from_ns, EVENTQUERY_MAX);
		if (r == 0)
			r = walk_marks(db, stmt, fn, ctx, &rows);
	}
	if (r == 0)
		r = read_marks(query, boot, filter, fn, ctx, &rows);
	*ret_all = rows < EVENTQUERY_MAX;
	return r;
}

int eventquery_phases(struct query *query, const struct boot *boot, eventquery_mark_fn fn,
		      void *ctx)
{
	sqlite3 *db = query_part_db(query);
	sqlite3_stmt *stmt;
	size_t rows;
	int r = ASK(db, sql_phases, &stmt, boot->id, PROTO_MARK_PHASE);

	return r < 0 ? r : walk_marks(db, stmt, fn, ctx, &rows);
}

int eventquery_ranges(struct query *query, const struct boot *boot, enum range_kind kind,
		      const struct query_filter *filter, eventquery_range_fn fn, void *ctx)
{
	sqlite3 *db = query_part_db(query);
	sqlite3_stmt *stmt;
	int r = query_part_check(query);

	if (r == 0)
		r = ASK(db, kind == RANGE_GAP ? sql_gaps : sql_quarantines, &stmt, boot->id,
			filter->from_ns, end_of(filter), EVENTQUERY_MAX,
			filter->sources ? filter->sources : ~0U);
	if (r < 0)
		return r;
	while (r == 0 && (r = step(db, stmt)) > 0) {
		struct range range = query_part_get_range(stmt);

		r = fn(ctx, sqlite3_column_int(stmt, 6), &range);
	}
	sqlite3_finalize(stmt);
	return r;
}

int eventquery_quarantined(struct query *query, const struct boot *boot, struct range *ret_all)
{
	int r = query_part_range(query, QUERY_PART_QUARANTINED, boot, ret_all);

	return r == -ENOENT ? -EIO : r;
}

int eventquery_last_gap(struct query *query, const struct boot *boot, struct range *ret_gap)
{
	return query_part_range(query, QUERY_PART_LAST_GAP, boot, ret_gap);
}

/* Fill @detail from a sample; false if it has no reasons. */
static bool get_detail(const struct sample *sample, struct eventquery_detail *detail)
{
	struct detail_iter iter;

	if (sample->detail_len > sizeof(detail->detail) ||
	    !detail_find(sample->detail, sample->detail_len, DETAIL_REASONS, &iter))
		return false;
	detail->t_ns = sample->t_wall_ns;
	detail->len = sample->detail_len;
	memcpy(detail->detail, sample->detail, sample->detail_len);
	return true;
}

static bool has_reasons(const struct chunk *chunk)
{
	for (size_t i = 0; i < chunk_columns(chunk); i++) {
		if (chunk_key(chunk, i)->kind == KEY_REASON_COUNT)
			return true;
	}
	return false;
}

/* The first or @last one of a chunk: 1, or 0 if it has none. */
static int find_in(struct chunk *chunk, bool last, struct eventquery_detail *ret_detail)
{
	struct samplechunk_reader *reader;
	struct sample sample;
	int found = 0;
	int r;

	if (!has_reasons(chunk))
		return 0;
	r = samplechunk_open(chunk, true, &reader);
	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	while (!(found && !last) && samplechunk_next(reader, &sample))
		found |= get_detail(&sample, ret_detail);
	samplechunk_close(reader);
	return found;
}

/* The journal's last sample is the one that is asked for, nearly always. */
static int find_newest(struct blocks *b, const struct boot *boot, enum sample_source source,
		       struct eventquery_detail *ret_detail)
{
	struct journal_end end;
	struct journal_row row;
	int r = journal_end(b->journal, boot->id, source, &end);

	if (r < 0 || end.samples == 0)
		return r;
	r = journal_row(b->journal, end.last_id, &row);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return get_detail(&row.sample, ret_detail);
}

/* As find_in(), of what is above @after. */
static int find_behind(struct query *query, const struct boot *boot, enum sample_source source,
		       uint64_t after, bool last, struct eventquery_detail *ret_detail)
{
	bool found = false;

	while (!(found && !last)) {
		struct block block;
		int r = query_part_check(query);

		if (r == 0)
			r = blocks_next(query_part_blocks(query), boot->id, source, after, INT64_MIN,
					INT64_MAX, &block);
		if (r == -ENOENT)
			break;
		if (r < 0 && r != -EBADMSG)
			return r;
		after = block.to_sequence;
		if (r == -EBADMSG)
			continue;
		r = find_in(block.chunk, last, ret_detail);
		chunk_free(block.chunk);
		if (r < 0)
			return r;
		found |= r;
	}
	return found;
}

int eventquery_detail(struct query *query, const struct boot *boot, enum sample_source source,
		      bool last, struct eventquery_detail *ret_detail)
{
	const struct archive_of of = { .boot = boot->id, .source = source };
	struct blocks *b = query_part_blocks(query);
	struct archive_entry newest;
	int r = last ? find_newest(b, boot, source, ret_detail) : 0;

	/* A long boot has thousands of chunks, and the last one mostly what is asked for. */
	if (r == 0 && last) {
		r = archive_last(b->archive, &of, &newest);
		if (r == 0)
			r = find_behind(query, boot, source, newest.from_sequence - 1, true, ret_detail);
		r = r == -ENOENT ? 0 : r;
	}
	if (r == 0)
		r = find_behind(query, boot, source, 0, last, ret_detail);
	return r < 0 ? r : r ? 0 : -ENOENT;
}
