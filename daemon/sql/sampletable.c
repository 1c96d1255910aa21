/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/sql/sampletable.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/store/samplechunk.h"

enum {
	T_BOOT_NS = TABLE_COLUMNS, EXITS, HANDLING, AWAY, IDLE, AGENT_EXITS, TAKEN, INTERVAL_US,
	PACE, CLOCK_ERROR_NS, AFTER_GAP, DETAIL, WORKLOAD
};

static const char schema[] =
	"CREATE TABLE sample (" TABLE_SCHEMA ", t_boot_ns INTEGER, exits INTEGER,"
	" handling_cycles INTEGER, away_cycles INTEGER, idle_cycles INTEGER, agent_exits INTEGER,"
	" taken INTEGER, interval_us INTEGER, pace INTEGER, clock_error_ns INTEGER,"
	" after_gap INTEGER, detail BLOB"
#define X(identifier, type, unit) ", " #identifier " INTEGER"
	WORKLOAD_MAP(X)
#undef X
	")";

struct rows {
	struct samplechunk_reader *reader;
	struct sample sample;
	uint32_t next;
};

static int enter(struct table_cursor *c)
{
	struct rows *rows = calloc(1, sizeof(*rows));
	int r = rows ? samplechunk_open(c->chunk, true, &rows->reader) : -ENOMEM;

	if (r < 0)
		free(rows);
	else
		c->rows = rows;
	return r;
}

static bool next(struct table_cursor *c)
{
	struct rows *rows = c->rows;

	while (samplechunk_next(rows->reader, &rows->sample)) {
		c->row = rows->next++;
		if (table_admits(c, rows->sample.sequence, rows->sample.t_wall_ns))
			return true;
	}
	return false;
}

static void leave(struct table_cursor *c)
{
	struct rows *rows = c->rows;

	samplechunk_close(rows->reader);
	free(rows);
}

static void known(sqlite3_context *out, bool is_known, uint64_t value)
{
	if (is_known)
		sqlite3_result_int64(out, (sqlite3_int64)value);
}

static void column(struct table_cursor *c, sqlite3_context *out, int column)
{
	const struct sample *s = &((struct rows *)c->rows)->sample;

	switch (column) {
	case TABLE_BOOT:
		return known(out, true, c->boot);
	case TABLE_SOURCE:
		return known(out, true, c->source);
	case TABLE_SEQUENCE:
		return known(out, true, s->sequence);
	case TABLE_T_NS:
		return known(out, true, s->t_wall_ns);
	case T_BOOT_NS:
		return known(out, c->source == SOURCE_GUEST, s->t_boot_ns);
	case EXITS:
		return known(out, s->has & SAMPLE_HAS_EXITS, s->exits);
	case HANDLING:
		return known(out, s->has & SAMPLE_HAS_HANDLING, s->handling_cycles);
	case AWAY:
		return known(out, s->has & SAMPLE_HAS_AWAY, s->away_cycles);
	case IDLE:
		return known(out, s->has & SAMPLE_HAS_AWAY, s->idle_cycles);
	case AGENT_EXITS:
		return known(out, s->has & SAMPLE_HAS_AGENT, s->agent_exits);
	case TAKEN:
		return known(out, s->has & SAMPLE_HAS_TAKEN, s->taken);
	case INTERVAL_US:
		return known(out, s->has & SAMPLE_HAS_PACE, s->interval_us);
	case PACE:
		return known(out, s->has & SAMPLE_HAS_PACE, s->pace);
	case CLOCK_ERROR_NS:
		return known(out, s->has & SAMPLE_HAS_CLOCK_ERROR, s->clock_error_ns);
	case AFTER_GAP:
		return known(out, true, !!(s->has & SAMPLE_AFTER_GAP));
	case DETAIL:
		if (s->detail_len)
			sqlite3_result_blob(out, s->detail, s->detail_len, SQLITE_TRANSIENT);
		return;
	default:
		known(out, s->workload.mask >> (column - WORKLOAD) & 1,
		      s->workload.value[column - WORKLOAD]);
	}
}

const struct table sampletable = {
	.name = "sample",
	.schema = schema,
	.kind = -1,
	.id = -1,
	.key_name = -1,
	.width = -1,
	.enter = enter,
	.next = next,
	.column = column,
	.leave = leave,
};
