/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/journal.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/db.h"
#include "daemon/store/passed.h"
#include "daemon/store/journalend.h"
#include "daemon/store/tick.h"
#include "guest-agent/shared/frame.h"

enum {
	ADD, PUT_END, GET_END, GET_ENDS, DROP_END, NEXT, ROW, LINK, UNLINK, DROP_ROW, FIRST, LAST,
	TIME_BEFORE, TRIM, STMTS
};

#define END_COLUMNS "first_id, last_id, samples, bytes, to_sequence, from_ns, to_ns"
#define ROW_COLUMNS "id, boot, source, sequence, t_ns, sample, before"

static const char *const sql[STMTS] = {
	[ADD] = "INSERT INTO journal (id, boot, source, sequence, t_ns, before, sample)"
		" VALUES (?,?,?,?,?,?,?)",
	[PUT_END] = "INSERT OR REPLACE INTO journal_end (id, first_id, last_id, samples, bytes,"
		    " to_sequence, from_ns, to_ns) VALUES (?,?,?,?,?,?,?,?)",
	[GET_END] = "SELECT " END_COLUMNS " FROM journal_end WHERE id = ?",
	[GET_ENDS] = "SELECT " END_COLUMNS ", id FROM journal_end ORDER BY id",
	[DROP_END] = "DELETE FROM journal_end WHERE id = ?",
	[NEXT] = "SELECT " ROW_COLUMNS " FROM journal WHERE id > ? ORDER BY id LIMIT 1",
	[ROW] = "SELECT " ROW_COLUMNS " FROM journal WHERE id = ?",
	[LINK] = "SELECT before, sequence, length(sample), t_ns FROM journal WHERE id = ?",
	[UNLINK] = "UPDATE journal SET before = NULL WHERE id = ?",
	[DROP_ROW] = "DELETE FROM journal WHERE id = ?",
	[FIRST] = "SELECT id, t_ns FROM journal ORDER BY id LIMIT 1",
	[LAST] = "SELECT max(id) FROM journal",
	[TIME_BEFORE] = "SELECT t_ns FROM journal WHERE id < ? ORDER BY id DESC LIMIT 1",
	[TRIM] = "DELETE FROM journal WHERE id < ?",
};

struct journal {
	sqlite3 *db;
	sqlite3_stmt *stmt[STMTS];
	/* Of a writer: the ends, read once; and the first row, if it is known. */
	bool has_ends;
	struct journalends ends;
	struct journalend *last;	/* the last one that was added to, or NULL */
	int64_t first_id, first_ns;	/* 0: not known */
	struct passed passed;		/* of the last walk; its memory is for the next */
	uint8_t tick[TICK_FIXED_MAX + FRAME_PAYLOAD_MAX];	/* of the last row, read or written */
};

int journal_new(sqlite3 *db, struct journal **ret_journal)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (!j)
		return -ENOMEM;
	j->db = db;
	*ret_journal = j;
	return 0;
}

void journal_free(struct journal *journal)
{
	if (!journal)
		return;
	for (int i = 0; i < STMTS; i++)
		sqlite3_finalize(journal->stmt[i]);
	journalends_done(&journal->ends);
	passed_done(&journal->passed);
	free(journal);
}

/* A statement with integers bound; a reader never prepares those that write. */
static int begin(struct journal *j, int which, const int64_t *values, size_t count)
{
	int r = j->stmt[which] ? 0 : db_prepare(j->db, sql[which], &j->stmt[which]);

	return r < 0 ? r : db_bind(j->db, j->stmt[which], values, count);
}

#define BEGIN(j, which, ...) \
	begin(j, which, (const int64_t[]){ __VA_ARGS__ }, \
	      sizeof((const int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))

static int step(struct journal *j, int which)
{
	return db_step(j->db, j->stmt[which]);
}

static int run(struct journal *j, int which)
{
	return db_run(j->db, j->stmt[which]);
}

static int put_end(struct journal *j, int64_t key, const struct journal_end *end)
{
	int r;

	if (end->samples == 0) {
		r = BEGIN(j, DROP_END, key);
		return r < 0 ? r : run(j, DROP_END);
	}
	r = BEGIN(j, PUT_END, key, end->first_id, end->last_id, end->samples, end->bytes,
		  end->to_sequence, end->from_ns, end->to_ns);
	return r < 0 ? r : run(j, PUT_END);
}

static struct journal_end get_end(sqlite3_stmt *s)
{
	return (struct journal_end){
		.first_id = sqlite3_column_int64(s, 0),
		.last_id = sqlite3_column_int64(s, 1),
		.samples = sqlite3_column_int64(s, 2),
		.bytes = sqlite3_column_int64(s, 3),
		.to_sequence = sqlite3_column_int64(s, 4),
		.from_ns = sqlite3_column_int64(s, 5),
		.to_ns = sqlite3_column_int64(s, 6),
	};
}

int journal_end(struct journal *journal, int64_t boot, enum sample_source source,
		struct journal_end *ret_end)
{
	int64_t key = JOURNALEND_KEY(boot, source);
	int r;

	*ret_end = (struct journal_end){ 0 };
	if (journal->has_ends) {
		struct journalend *e = journalends_find(&journal->ends, key);

		if (e)
			*ret_end = e->end;
		return 0;
	}
	r = BEGIN(journal, GET_END, key);
	if (r == 0)
		r = step(journal, GET_END);
	if (r > 0) {
		*ret_end = get_end(journal->stmt[GET_END]);
		(void)sqlite3_reset(journal->stmt[GET_END]);
	}
	return r < 0 ? r : 0;
}

/* Read all ends, since this connection writes. Returns 0 or -errno. */
static int know_ends(struct journal *j)
{
	int r;

	if (j->has_ends)
		return 0;
	r = begin(j, GET_ENDS, NULL, 0);
	while (r == 0 && (r = step(j, GET_ENDS)) > 0) {
		struct journalend *e = journalends_get(&j->ends,
						       sqlite3_column_int64(j->stmt[GET_ENDS], 7));

		if (e)
			e->end = get_end(j->stmt[GET_ENDS]);
		r = e ? 0 : -ENOMEM;
	}
	(void)sqlite3_reset(j->stmt[GET_ENDS]);
	j->has_ends = r == 0;
	if (r < 0)
		journal_forget(j);
	return r;
}

int journal_finish(struct journal *journal)
{
	int r = 0;

	journal->last = NULL;
	for (size_t i = 0; i < journal->ends.count && r == 0; i++) {
		struct journalend *e = &journal->ends.ends[i];

		if (!e->dirty)
			continue;
		r = put_end(journal, e->key, &e->end);
		e->dirty = false;
	}
	return r;
}

void journal_forget(struct journal *journal)
{
	journalends_done(&journal->ends);
	journal->has_ends = false;
	journal->last = NULL;
	journal->first_id = 0;
}

/* The end of a boot and source, to be added to. Returns 0 or -errno. */
static int open_end(struct journal *j, int64_t boot, enum sample_source source,
		    struct journal_end **ret_end)
{
	int64_t key = JOURNALEND_KEY(boot, source);
	int r = know_ends(j);

	if (r < 0)
		return r;
	if (!j->last || j->last->key != key)
		j->last = journalends_get(&j->ends, key);
	if (!j->last)
		return -ENOMEM;
	*ret_end = &j->last->end;
	return 0;
}

int journal_add(struct journal *journal, int64_t id, int64_t boot, enum sample_source source,
		const struct sample *sample)
{
	struct journal *j = journal;
	struct journal_end *end = NULL;
	size_t len;
	int r = sample->detail_len > FRAME_PAYLOAD_MAX ? -EMSGSIZE
						       : open_end(j, boot, source, &end);

	if (r == 0)
		r = BEGIN(j, ADD, id, boot, source, sample->sequence, sample->t_wall_ns,
			  end->last_id);
	if (r < 0)
		return r;
	len = tick_encode(sample, j->tick);
	if ((end->samples == 0 && sqlite3_bind_null(j->stmt[ADD], 6) != SQLITE_OK) ||
	    sqlite3_bind_blob(j->stmt[ADD], 7, j->tick, len, SQLITE_STATIC) != SQLITE_OK)
		return db_error(j->db, "cannot bind", SQLITE_ERROR);
	r = run(j, ADD);
	if (r < 0)
		return r;
	if (end->samples++ == 0) {
		end->first_id = id;
		end->from_ns = sample->t_wall_ns;
	}
	end->last_id = id;
	end->to_sequence = sample->sequence;
	end->bytes += len;
	end->to_ns = sample->t_wall_ns;
	j->last->dirty = true;
	return 0;
}

int journal_due(struct journal *journal, uint64_t samples, uint64_t bytes, int64_t before_ns,
		int64_t *ret_boot, enum sample_source *ret_source)
{
	const struct journalend *e;
	int r = know_ends(journal);

	if (r < 0)
		return r;
	e = journalends_due(&journal->ends, samples, bytes, before_ns);
	if (!e)
		return -ENOENT;
	*ret_boot = e->key / SOURCES;
	*ret_source = e->key % SOURCES;
	return 0;
}

/* What stands beside a row's sample. */
struct link {
	int64_t id, before;		/* before 0: none */
	uint64_t sequence, bytes;
	int64_t t_ns;
};

/* 1 with row @id, 0 without, or -errno. */
static int get_link(struct journal *j, int64_t id, struct link *ret_link)
{
	sqlite3_stmt *s;
	int r = BEGIN(j, LINK, id);

	if (r == 0)
		r = step(j, LINK);
	if (r <= 0)
		return r;
	s = j->stmt[LINK];
	*ret_link = (struct link){
		.id = id,
		.before = sqlite3_column_int64(s, 0),
		.sequence = sqlite3_column_int64(s, 1),
		.bytes = sqlite3_column_int64(s, 2),
		.t_ns = sqlite3_column_int64(s, 3),
	};
	(void)sqlite3_reset(s);
	return 1;
}

/* The rows above @sequence, the last one first. The caller frees them. Returns 0 or -errno. */
static int get_links(struct journal *j, int64_t boot, enum sample_source source,
		     uint64_t sequence, struct link **ret_links, size_t *ret_count)
{
	struct link *links = NULL, link;
	struct journal_end end;
	size_t count = 0, room = 0;
	int r = journal_end(j, boot, source, &end);

	link.before = end.samples ? end.last_id : 0;
	while (r == 0 && link.before && (r = get_link(j, link.before, &link)) > 0 &&
	       link.sequence > sequence) {
		if (count == room) {
			struct link *more;

			room = room ? 2 * room : 256;
			more = realloc(links, room * sizeof(*links));
			if (!more) {
				r = -ENOMEM;
				break;
			}
			links = more;
		}
		links[count++] = link;
		r = 0;
	}
	if (r < 0) {
		free(links);
		return r;
	}
	*ret_links = links;
	*ret_count = count;
	return 0;
}

/* The end that @count rows have, the last one first. */
static int put_links(struct journal *j, int64_t boot, enum sample_source source,
		     const struct link *links, size_t count)
{
	int64_t key = JOURNALEND_KEY(boot, source);
	struct journal_end end = { .samples = count };
	int r;

	for (size_t i = 0; i < count; i++)
		end.bytes += links[i].bytes;
	if (count > 0) {
		end.last_id = links[0].id;
		end.to_sequence = links[0].sequence;
		end.to_ns = links[0].t_ns;
		end.first_id = links[count - 1].id;
		end.from_ns = links[count - 1].t_ns;
	}
	r = put_end(j, key, &end);
	if (r < 0)
		return r;
	j->last = NULL;
	return j->has_ends ? journalends_put(&j->ends, key, &end) : 0;
}

int journal_keep_above(struct journal *journal, int64_t boot, enum sample_source source,
		       uint64_t sequence)
{
	struct link *links;
	size_t count;
	int r = get_links(journal, boot, source, sequence, &links, &count);

	if (r < 0)
		return r;
	r = put_links(journal, boot, source, links, count);
	if (r == 0 && count > 0 && (r = BEGIN(journal, UNLINK, links[count - 1].id)) == 0)
		r = run(journal, UNLINK);
	free(links);
	return r;
}

int journal_keep_to(struct journal *journal, int64_t boot, enum sample_source source,
		    uint64_t sequence)
{
	struct link *links;
	size_t count, cut = 0;
	int r = get_links(journal, boot, source, 0, &links, &count);

	if (r < 0)
		return r;
	for (; cut < count && links[cut].sequence > sequence && r == 0; cut++) {
		r = BEGIN(journal, DROP_ROW, links[cut].id);
		if (r == 0)
			r = run(journal, DROP_ROW);
	}
	if (r == 0)
		r = put_links(journal, boot, source, links + cut, count - cut);
	free(links);
	return r;
}

/* The one number that a statement, begun with @r, answers: 1, 0 for none, or -errno. */
static int number(struct journal *j, int which, int r, int64_t *ret_number)
{
	if (r < 0 || (r = step(j, which)) <= 0)
		return r;
	*ret_number = sqlite3_column_int64(j->stmt[which], 0);
	(void)sqlite3_reset(j->stmt[which]);
	return 1;
}

/* 1 with the first row's id and time known, 0 for an empty journal, or -errno. */
static int know_first(struct journal *j)
{
	int r;

	if (j->first_id)
		return 1;
	r = begin(j, FIRST, NULL, 0);
	if (r == 0)
		r = step(j, FIRST);
	if (r <= 0)
		return r;
	j->first_id = sqlite3_column_int64(j->stmt[FIRST], 0);
	j->first_ns = sqlite3_column_int64(j->stmt[FIRST], 1);
	(void)sqlite3_reset(j->stmt[FIRST]);
	return 1;
}

int journal_trim_due(struct journal *journal, int64_t before_ns, bool *ret_due)
{
	int r = know_ends(journal);

	if (r == 0)
		r = know_first(journal);
	*ret_due = r > 0 && journal->first_ns < before_ns &&
		   journal->first_id < journalends_first_id(&journal->ends);
	return r < 0 ? r : 0;
}

int journal_trim(struct journal *journal, int64_t before_ns, int max, bool *ret_more)
{
	int64_t to = 0, t_ns = 0, unsealed;
	bool due;
	int r = journal_trim_due(journal, before_ns, &due);

	*ret_more = false;
	if (r < 0 || !due)
		return r;
	r = number(journal, LAST, begin(journal, LAST, NULL, 0), &to);
	if (r <= 0 || to == journal->first_id)
		return r < 0 ? r : 0;
	unsealed = journalends_first_id(&journal->ends);
	to = unsealed < to ? unsealed : to;
	to = journal->first_id + max < to ? journal->first_id + max : to;
	r = number(journal, TIME_BEFORE, BEGIN(journal, TIME_BEFORE, to), &t_ns);
	if (r <= 0 || t_ns >= before_ns)
		return r < 0 ? r : 0;
	r = BEGIN(journal, TRIM, to);
	if (r == 0)
		r = run(journal, TRIM);
	journal->first_id = 0;
	*ret_more = r == 0;
	return r;
}

/* A row's columns beside the sample's own. */
static void get_place(sqlite3_stmt *s, struct journal_row *row)
{
	row->id = sqlite3_column_int64(s, 0);
	row->boot = sqlite3_column_int64(s, 1);
	row->source = sqlite3_column_int(s, 2);
	row->sample.sequence = sqlite3_column_int64(s, 3);
	row->sample.t_wall_ns = sqlite3_column_int64(s, 4);
	row->before = sqlite3_column_int64(s, 6);
}

/* Fill in the sample of a row whose place is known. */
static int set_sample(struct journal *j, struct journal_row *row, const uint8_t *tick, size_t len)
{
	uint64_t sequence = row->sample.sequence, t_ns = row->sample.t_wall_ns;

	if (tick_decode(tick, len, &row->sample) < 0)
		return db_error(j->db, "a sample in the journal is damaged", SQLITE_CORRUPT);
	row->sample.sequence = sequence;
	row->sample.t_wall_ns = t_ns;
	return 0;
}

static int get_row(struct journal *j, int which, struct journal_row *ret_row)
{
	sqlite3_stmt *s = j->stmt[which];
	size_t len;
	int r = step(j, which);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	len = sqlite3_column_bytes(s, 5);
	get_place(s, ret_row);
	/* A copy: a statement that is not reset would hold its view of the database. */
	if (len <= sizeof(j->tick) && len > 0)
		memcpy(j->tick, sqlite3_column_blob(s, 5), len);
	(void)sqlite3_reset(s);
	return set_sample(j, ret_row, j->tick, len <= sizeof(j->tick) ? len : 0);
}

int journal_next(struct journal *journal, int64_t id, struct journal_row *ret_row)
{
	int r;

	do {
		r = BEGIN(journal, NEXT, id);
		if (r == 0)
			r = get_row(journal, NEXT, ret_row);
		id = ret_row->id;
	} while (r == -EBADMSG);
	return r;
}

int journal_row(struct journal *journal, int64_t id, struct journal_row *ret_row)
{
	int r = BEGIN(journal, ROW, id);

	return r < 0 ? r : get_row(journal, ROW, ret_row);
}

static int pass(struct passed *p, sqlite3_stmt *s)
{
	const struct passed_row row = {
		.id = sqlite3_column_int64(s, 0),
		.before = sqlite3_column_int64(s, 6),
		.sequence = sqlite3_column_int64(s, 3),
		.t_ns = sqlite3_column_int64(s, 4),
	};

	return passed_add(p, &row, sqlite3_column_blob(s, 5), sqlite3_column_bytes(s, 5));
}

/* Back from the last row to the first, or to the one that is not above @sequence. */
static int pass_all(struct journal *j, int64_t last_id, uint64_t sequence, struct passed *p)
{
	sqlite3_stmt *s;
	int r = 0;

	passed_clear(p);
	for (int64_t id = last_id; id; id = sqlite3_column_int64(s, 6)) {
		r = BEGIN(j, ROW, id);
		s = j->stmt[ROW];
		if (r == 0)
			r = step(j, ROW);
		if (r <= 0 || (uint64_t)sqlite3_column_int64(s, 3) <= sequence)
			break;
		r = pass(p, s);
		if (r < 0)
			break;
	}
	(void)sqlite3_reset(j->stmt[ROW]);
	return r < 0 ? r : 0;
}

int journal_walk(struct journal *journal, int64_t boot, enum sample_source source,
		 uint64_t sequence, journal_row_fn fn, void *ctx)
{
	struct passed *p = &journal->passed;
	struct journal_row row = { .boot = boot, .source = source };
	struct journal_end end;
	bool damaged = false;
	int r = journal_end(journal, boot, source, &end);

	if (r < 0 || end.samples == 0)
		return r;
	r = pass_all(journal, end.last_id, sequence, p);
	for (size_t i = p->count, end_of = p->len; i > 0 && r == 0; i--) {
		const struct passed_row *passed = &p->rows[i - 1];

		row.id = passed->id;
		row.before = passed->before;
		row.sample.sequence = passed->sequence;
		row.sample.t_wall_ns = passed->t_ns;
		r = set_sample(journal, &row, p->bytes + passed->at, end_of - passed->at);
		if (r == 0 && damaged)
			row.sample.has |= SAMPLE_AFTER_GAP;
		damaged = r == -EBADMSG;
		r = damaged ? 0 : fn(ctx, &row);
		end_of = passed->at;
	}
	return r;
}
