/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/sent.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "daemon/base/room.h"
#include "daemon/store/db.h"

/* A VM may be forgotten while something of it is on its way; the next one may get its id. */
static const char sql_put[] =
	"INSERT INTO sent (vm, source, boot, sequence, t_ms) SELECT ?1,?2,?3,?4,?5"
	" WHERE ?1 = 0 OR EXISTS (SELECT 1 FROM vm WHERE id = ?1)"
	" ON CONFLICT (vm, source) DO UPDATE SET boot=?3, sequence=?4, t_ms=?5";

/*
 * Of a chunk that was sent in part it is the rest, about: sequences are a guest's words, whose
 * product with samples no integer holds.
 */
static const char sql_lose[] =
	"UPDATE sent SET lost = lost + CASE WHEN sent.boot < b.number OR sequence < ?3 THEN ?5"
	" ELSE CAST(?5 * ((?4 - sequence) / (?4 - ?3 + 1.0)) AS INTEGER) END"
	" FROM boot b WHERE b.id = ?1"
	" AND sent.vm = b.vm AND sent.source = ?2"
	" AND (sent.boot < b.number OR (sent.boot = b.number AND sequence < ?4))";

int sent_note(struct sent_list *list, const struct sent *sent)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->sent[i].vm == sent->vm && list->sent[i].source == sent->source) {
			list->sent[i] = *sent;
			return 0;
		}
	}
	if (!room_for_one(&list->sent, list->count, &list->room, sizeof(*sent)))
		return -ENOMEM;
	list->sent[list->count++] = *sent;
	return 0;
}

void sent_list_done(struct sent_list *list)
{
	free(list->sent);
	*list = (struct sent_list){ 0 };
}

int sent_put(sqlite3 *db, const struct sent_list *list)
{
	sqlite3_stmt *s = NULL;
	int r = list->count ? db_prepare(db, sql_put, &s) : 0;

	for (size_t i = 0; i < list->count && r == 0; i++) {
		const struct sent *sent = &list->sent[i];

		r = DB_BIND(db, s, sent->vm, sent->source, sent->at.boot,
			    (int64_t)sent->at.sequence, sent->at.t_ms);
		if (r == 0)
			r = db_run(db, s);
	}
	sqlite3_finalize(s);
	return r;
}

static struct sent get(sqlite3_stmt *s)
{
	return (struct sent){
		.vm = sqlite3_column_int64(s, 0),
		.source = sqlite3_column_int(s, 1),
		.at = {
			.boot = sqlite3_column_int64(s, 2),
			.sequence = sqlite3_column_int64(s, 3),
			.t_ms = sqlite3_column_int64(s, 4),
		},
	};
}

int sent_walk(sqlite3 *db, sent_fn fn, void *ctx)
{
	sqlite3_stmt *s = NULL;
	int r = db_prepare(db, "SELECT vm, source, boot, sequence, t_ms FROM sent", &s);

	while (r == 0 && (r = db_step(db, s)) > 0) {
		struct sent sent = get(s);

		r = fn(ctx, &sent);
	}
	sqlite3_finalize(s);
	return r;
}

int sent_lose(sqlite3 *db, int64_t boot, enum sample_source source, uint64_t from_sequence,
	      uint64_t to_sequence, uint64_t samples)
{
	sqlite3_stmt *s = NULL;
	int r = db_prepare(db, sql_lose, &s);

	if (r == 0)
		r = DB_BIND(db, s, boot, source, (int64_t)from_sequence, (int64_t)to_sequence,
			    (int64_t)samples);
	if (r == 0)
		r = db_run(db, s);
	sqlite3_finalize(s);
	return r;
}

int sent_lost(sqlite3 *db, uint64_t *ret_samples)
{
	int64_t samples;
	int r = db_number(db, "SELECT coalesce(sum(lost), 0) FROM sent", &samples);

	if (r == 0)
		*ret_samples = samples;
	return r;
}
