/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/exportevents.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/query/querypart.h"
#include "daemon/store/db.h"

/* Read at a time. */
#define PAGE 64

/* Columns: kind, sequence, t_ns; then a mark's six; or a range's four and a claim's five. */
static const char sql_events[] =
	"SELECT 0, sequence AS s, t_ns, t_boot_ns, kind, begin_sequence, label, uid, status,"
	" NULL, NULL, NULL FROM mark WHERE boot = ?1 AND ?2 = 0 AND sequence > ?3 UNION ALL "
	"SELECT 1, from_sequence, from_ns, to_sequence, to_ns, count, cause, NULL, NULL, NULL,"
	" NULL, NULL FROM gap WHERE boot = ?1 AND source = ?2 AND from_sequence > ?3 UNION ALL "
	"SELECT 2, from_sequence, from_ns, to_sequence, to_ns, count, cause, generation, exits,"
	" handling_cycles, away_cycles, idle_cycles FROM quarantine"
	" WHERE boot = ?1 AND ?2 = 0 AND from_sequence > ?3 ORDER BY s LIMIT ?4";

/* The end of one begin is looked for, not of all that a guest has labelled so. */
static const char sql_interval[] =
	"SELECT number, t_ns, (SELECT e.t_ns FROM mark e WHERE e.boot = m.boot"
	" AND e.sequence > m.sequence AND e.begin_sequence = m.sequence AND e.kind = 3)"
	" FROM (SELECT b.number, m.boot, m.sequence, m.t_ns"
	" FROM boot b JOIN mark m ON m.boot = b.id WHERE b.vm = ?1"
	" AND (?2 = 0 OR b.number = ?2) AND m.kind = 2 AND (m.sequence = ?3 OR m.label = ?4)"
	" ORDER BY m.sequence = ?3 DESC, b.number DESC, m.sequence DESC LIMIT 1) m";

struct exportevents {
	struct query *query;
	sqlite3 *db;
	sqlite3_stmt *stmt;
	int64_t boot;
	enum sample_source source;
	uint64_t after;			/* sequence of the last one read */
	size_t count, next;
	bool complete;			/* nothing is behind the page */
	struct exportevent page[PAGE];
};

int exportevents_new(struct query *query, struct exportevents **ret_events)
{
	struct exportevents *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->query = query;
	e->db = query_part_db(query);
	r = db_prepare(e->db, sql_events, &e->stmt);
	if (r < 0)
		exportevents_free(e);
	else
		*ret_events = e;
	return r;
}

void exportevents_free(struct exportevents *events)
{
	if (!events)
		return;
	sqlite3_finalize(events->stmt);
	free(events);
}

int exportevents_freeze(struct exportevents *events)
{
	return query_part_begin(events->query);
}

void exportevents_thaw(struct exportevents *events)
{
	query_part_end(events->query);
}

void exportevents_begin(struct exportevents *events, const struct boot *boot,
			enum sample_source source, uint64_t after)
{
	events->boot = boot->id;
	events->source = source;
	events->after = after;
	events->count = events->next = 0;
	events->complete = false;
}

void exportevents_again(struct exportevents *events)
{
	events->complete = false;
}

static bool is_there(sqlite3_stmt *s, int column)
{
	return sqlite3_column_type(s, column) != SQLITE_NULL;
}

static void get_mark(sqlite3_stmt *s, struct exportevent *e)
{
	const unsigned char *label = sqlite3_column_text(s, 6);

	e->mark = (struct mark){
		.sequence = e->sequence,
		.t_ns = e->t_ns,
		.t_boot_ns = sqlite3_column_int64(s, 3),
		.kind = sqlite3_column_int(s, 4),
		.begin = sqlite3_column_int64(s, 5),
		.uid = sqlite3_column_int64(s, 7),
		.has_status = is_there(s, 8),
		.status = sqlite3_column_int64(s, 8),
	};
	snprintf(e->mark.label, sizeof(e->mark.label), "%s", label ? (const char *)label : "");
}

static void get_range(sqlite3_stmt *s, struct exportevent *e)
{
	e->range = (struct range){
		.from = e->sequence,
		.from_ns = e->t_ns,
		.to = sqlite3_column_int64(s, 3),
		.to_ns = sqlite3_column_int64(s, 4),
		.count = is_there(s, 5) ? sqlite3_column_int64(s, 5) : -1,
		.cause = sqlite3_column_int(s, 6),
	};
	e->claim = (struct sample){
		.has = (is_there(s, 7) ? SAMPLE_HAS_GENERATION : 0) |
		       (is_there(s, 8) ? SAMPLE_HAS_EXITS : 0) |
		       (is_there(s, 9) ? SAMPLE_HAS_HANDLING : 0) |
		       (is_there(s, 10) ? SAMPLE_HAS_AWAY : 0),
		.generation = sqlite3_column_int64(s, 7),
		.exits = sqlite3_column_int64(s, 8),
		.handling_cycles = sqlite3_column_int64(s, 9),
		.away_cycles = sqlite3_column_int64(s, 10),
		.idle_cycles = sqlite3_column_int64(s, 11),
	};
}

static int read_page(struct exportevents *events)
{
	sqlite3_stmt *s = events->stmt;
	int r = DB_BIND(events->db, s, events->boot, events->source, events->after, PAGE);

	events->count = events->next = 0;
	while (r == 0 && events->count < PAGE && (r = db_step(events->db, s)) > 0) {
		struct exportevent *e = &events->page[events->count++];

		e->kind = sqlite3_column_int(s, 0);
		e->sequence = events->after = sqlite3_column_int64(s, 1);
		e->t_ns = sqlite3_column_int64(s, 2);
		if (e->kind == EXPORTEVENT_MARK)
			get_mark(s, e);
		else
			get_range(s, e);
		r = 0;
	}
	(void)sqlite3_reset(s);
	events->complete = events->count < PAGE;
	return r;
}

int exportevents_next(struct exportevents *events, uint64_t sequence,
		      const struct exportevent **ret_event)
{
	if (events->next == events->count && !events->complete) {
		int r = read_page(events);

		if (r < 0)
			return r;
	}
	if (events->next == events->count || events->page[events->next].sequence >= sequence)
		return 0;
	*ret_event = &events->page[events->next++];
	return 1;
}

/* The whole of @text as a sequence; 0: it is none. */
static int64_t sequence_of(const char *text)
{
	char *end;
	long long v;

	if (*text < '0' || *text > '9')
		return 0;
	errno = 0;
	v = strtoll(text, &end, 10);
	return errno || *end ? 0 : v;
}

int exportevents_interval(struct query *query, const char *text, struct query_filter *filter)
{
	sqlite3 *db = query_part_db(query);
	sqlite3_stmt *s;
	int r = db_prepare(db, sql_interval, &s);

	if (r < 0)
		return r;
	r = DB_BIND(db, s, filter->vm_id, filter->boot, sequence_of(text));
	if (r == 0) {
		int rc = sqlite3_bind_text(s, 4, text, -1, SQLITE_STATIC);

		r = rc == SQLITE_OK ? db_step(db, s) : db_error(db, "cannot bind", rc);
	}
	if (r > 0) {
		filter->boot = sqlite3_column_int64(s, 0);
		filter->from_ns = sqlite3_column_int64(s, 1);
		filter->to_ns = sqlite3_column_int64(s, 2);
	}
	sqlite3_finalize(s);
	return r < 0 ? r : r > 0 ? 0 : -ENOENT;
}
