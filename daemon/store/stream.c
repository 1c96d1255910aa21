/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/stream.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/db.h"
#include "daemon/store/tick.h"
#include "guest-agent/shared/log.h"

enum { GET, PUT, BASE, ORIGIN, STMTS };

static const char *const sql[STMTS] = {
	[GET] = "SELECT base_exits, sealed_0, sealed_1, sealed_2, sealed_3, sealed_4, last_ns,"
		" last, base_sequence FROM stream WHERE boot = ? AND source = ?",
	[PUT] = "INSERT OR REPLACE INTO stream (boot, source, base_exits, sealed_0, sealed_1,"
		" sealed_2, sealed_3, sealed_4, last_ns, base_sequence, last)"
		" VALUES (?,?,?,?,?,?,?,?,?,?,?)",
	[BASE] = "INSERT INTO stream (boot, source, base_exits, base_sequence, sealed_0, sealed_1,"
		 " sealed_2, sealed_3, sealed_4) VALUES (?1,?2,?3,?4,0,0,0,0,0)"
		 " ON CONFLICT (boot, source) DO UPDATE SET base_exits = ?3, base_sequence = ?4"
		 " WHERE base_exits IS NULL",
	[ORIGIN] = "SELECT cause, opened_ns FROM boot WHERE id = ?",
};

struct streams {
	sqlite3 *db;
	sqlite3_stmt *stmt[STMTS];
};

int streams_new(sqlite3 *db, struct streams **ret_streams)
{
	struct streams *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->db = db;
	*ret_streams = s;
	return 0;
}

void streams_free(struct streams *streams)
{
	if (!streams)
		return;
	for (int i = 0; i < STMTS; i++)
		sqlite3_finalize(streams->stmt[i]);
	free(streams);
}

static int prepare(struct streams *s, int which)
{
	return s->stmt[which] ? 0 : db_prepare(s->db, sql[which], &s->stmt[which]);
}

static int get_last(sqlite3_stmt *stmt, struct stream *stream)
{
	size_t len = sqlite3_column_bytes(stmt, 7);
	int r;

	if (sqlite3_column_type(stmt, 7) == SQLITE_NULL)
		return 0;
	stream->tick = malloc(len ? len : 1);
	if (!stream->tick)
		return -ENOMEM;
	if (len)
		memcpy(stream->tick, sqlite3_column_blob(stmt, 7), len);
	r = tick_decode(stream->tick, len, &stream->last);
	stream->last.sequence = stream->sealed[0];
	stream->last.t_wall_ns = sqlite3_column_int64(stmt, 6);
	stream->has_last = r == 0;
	return r;
}

int stream_get(struct streams *streams, int64_t boot, enum sample_source source,
	       struct stream *ret_stream)
{
	struct stream stream = { .boot = boot, .source = source };
	sqlite3_stmt *stmt;
	int r = prepare(streams, GET);

	stmt = streams->stmt[GET];
	if (r == 0)
		r = DB_BIND(streams->db, stmt, boot, source);
	if (r == 0)
		r = db_step(streams->db, stmt);
	if (r > 0) {
		stream.has_base = sqlite3_column_type(stmt, 0) != SQLITE_NULL;
		stream.base_exits = sqlite3_column_int64(stmt, 0);
		stream.base_sequence = sqlite3_column_int64(stmt, 8);
		for (int i = 0; i < ROLLUP_TIERS; i++)
			stream.sealed[i] = sqlite3_column_int64(stmt, 1 + i);
		r = get_last(stmt, &stream);
		(void)sqlite3_reset(stmt);
	}
	if (r == -EBADMSG) {
		log_error("database: the last sample sealed of boot %lld is damaged; what follows "
			  "begins anew", (long long)boot);
		stream_done(&stream);
		r = 0;
	}
	if (r < 0) {
		stream_done(&stream);
		return r;
	}
	*ret_stream = stream;
	return 0;
}

void stream_done(struct stream *stream)
{
	free(stream->tick);
	stream->tick = NULL;
	stream->has_last = false;
}

int stream_origin(struct streams *streams, int64_t boot, bool *ret_from_zero,
		  int64_t *ret_opened_ns)
{
	sqlite3_stmt *stmt;
	int r = prepare(streams, ORIGIN);

	stmt = streams->stmt[ORIGIN];
	if (r == 0)
		r = DB_BIND(streams->db, stmt, boot);
	if (r == 0)
		r = db_step(streams->db, stmt);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_from_zero = sqlite3_column_int(stmt, 0) == BOOT_CREATED;
	*ret_opened_ns = sqlite3_column_int64(stmt, 1);
	(void)sqlite3_reset(stmt);
	return 0;
}

int stream_set_last(struct stream *stream, const struct sample *last)
{
	uint8_t *tick = malloc(TICK_FIXED_MAX + last->detail_len);
	struct sample copy;
	size_t len;

	if (!tick)
		return -ENOMEM;
	len = tick_encode(last, tick);
	if (tick_decode(tick, len, &copy) < 0) {
		free(tick);
		return -EBADMSG;
	}
	copy.sequence = last->sequence;
	copy.t_wall_ns = last->t_wall_ns;
	stream_done(stream);
	stream->tick = tick;
	stream->last = copy;
	stream->has_last = true;
	return 0;
}

int stream_put(struct streams *streams, const struct stream *stream)
{
	sqlite3_stmt *stmt;
	int rc = SQLITE_OK;
	int r = prepare(streams, PUT);

	stmt = streams->stmt[PUT];
	if (r == 0)
		r = DB_BIND(streams->db, stmt, stream->boot, stream->source, stream->base_exits,
			    stream->sealed[0], stream->sealed[1], stream->sealed[2],
			    stream->sealed[3], stream->sealed[4], stream->last.t_wall_ns,
			    stream->base_sequence);
	if (r < 0)
		return r;
	if (!stream->has_base) {
		rc = sqlite3_bind_null(stmt, 3);
		rc = rc ? rc : sqlite3_bind_null(stmt, 10);
	}
	if (!stream->has_last) {
		rc = rc ? rc : sqlite3_bind_null(stmt, 9);
		rc = rc ? rc : sqlite3_bind_null(stmt, 11);
	} else {
		size_t len = stream->last.detail + stream->last.detail_len - stream->tick;

		rc = rc ? rc : sqlite3_bind_blob(stmt, 11, stream->tick, len, SQLITE_STATIC);
	}
	return rc ? db_error(streams->db, "cannot bind", rc) : db_run(streams->db, stmt);
}

int stream_set_base(struct streams *streams, int64_t boot, enum sample_source source,
		    const struct sample *sample)
{
	int r = prepare(streams, BASE);

	if (r == 0)
		r = DB_BIND(streams->db, streams->stmt[BASE], boot, source, sample->exits,
			    sample->sequence);
	return r < 0 ? r : db_run(streams->db, streams->stmt[BASE]);
}
