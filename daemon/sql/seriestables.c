/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/sql/seriestables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/rollup.h"

enum { KIND = TABLE_COLUMNS, ID, NAME, VALUE };
enum {
	R_KIND = TABLE_COLUMNS, R_ID, R_NAME, R_WIDTH, R_START_NS, R_FROM_NS, R_SAMPLES,
	R_COVERED_NS, R_GAP_NS, R_FIRST, R_LAST, R_SUM, R_WEIGHT, R_MIN, R_MAX
};

struct rows {
	size_t column;			/* the next series */
	struct key key;			/* of the current one, without aspect */
	size_t i;			/* the next of its values */
	/* sample_value */
	const struct chunk_column *values, *sequence, *t;
	/* rollup */
	struct rollup_bucket *buckets;
	struct rollup_point *points;
};

static bool admits_key(const struct table_cursor *c, const struct key *key)
{
	const struct table_bounds *b = &c->bounds;
	const char *kind = key_kind_name(key);

	return kind && (!b->kind || strcmp(b->kind, kind) == 0) &&
	       (!b->has_id || (key->kind != KEY_FIELD && key->kind != KEY_WORKLOAD &&
			       b->id == key->id)) &&
	       (!b->name || (strlen(b->name) == key->name_len &&
			     memcmp(b->name, key->name, key->name_len) == 0));
}

static const struct chunk_column *field(struct chunk *chunk, enum key_field id)
{
	struct key key = { .kind = KEY_FIELD, .id = id };

	return chunk_find(chunk, &key);
}

static int enter_values(struct table_cursor *c)
{
	struct rows *rows = calloc(1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	rows->sequence = field(c->chunk, FIELD_SEQUENCE);
	rows->t = field(c->chunk, FIELD_T_NS);
	if (!rows->sequence || !rows->t || rows->sequence->count != chunk_rows(c->chunk) ||
	    rows->t->count != chunk_rows(c->chunk)) {
		free(rows);
		return -EBADMSG;
	}
	c->rows = rows;
	return 0;
}

static void leave_rows(struct table_cursor *c)
{
	struct rows *rows = c->rows;

	free(rows->buckets);
	free(rows->points);
	free(rows);
}

/* The next column that the bounds admit; false behind the last. */
static bool next_values(struct table_cursor *c, struct rows *rows)
{
	rows->values = NULL;
	rows->i = 0;
	while (rows->column < chunk_columns(c->chunk) && !rows->values) {
		rows->key = *chunk_key(c->chunk, rows->column);
		if (admits_key(c, &rows->key))
			rows->values = chunk_column(c->chunk, rows->column);
		rows->column++;
	}
	return rows->values;
}

/* Row @row of the series before the next column. */
static void set_row(struct table_cursor *c, const struct rows *rows, uint32_t row)
{
	c->row = (rows->column - 1) * chunk_rows(c->chunk) + row;
}

static bool next_value(struct table_cursor *c)
{
	struct rows *rows = c->rows;

	do {
		while (rows->values && rows->i < rows->values->count) {
			uint32_t row = rows->values->rows[rows->i++];

			set_row(c, rows, row);
			if (table_admits(c, rows->sequence->values[row], rows->t->values[row]))
				return true;
		}
	} while (next_values(c, rows));
	return false;
}

static void put_id(sqlite3_context *out, const struct key *key)
{
	if (key->kind != KEY_FIELD && key->kind != KEY_WORKLOAD && key->kind != KEY_INTERRUPT &&
	    key->kind != KEY_UNIT)
		sqlite3_result_int64(out, key->id);
}

static void put_name(sqlite3_context *out, const struct key *key)
{
	if (key->name_len)
		sqlite3_result_text(out, key->name, key->name_len, SQLITE_TRANSIENT);
}

/* The columns that both tables have. False: it is another. */
static bool put_common(struct table_cursor *c, const struct rows *rows, sqlite3_context *out,
		       int column)
{
	switch (column) {
	case TABLE_BOOT:
		sqlite3_result_int64(out, c->boot);
		return true;
	case TABLE_SOURCE:
		sqlite3_result_int64(out, c->source);
		return true;
	case KIND:
		sqlite3_result_text(out, key_kind_name(&rows->key), -1, SQLITE_STATIC);
		return true;
	case ID:
		put_id(out, &rows->key);
		return true;
	case NAME:
		put_name(out, &rows->key);
		return true;
	default:
		return false;
	}
}

static void put_value(struct table_cursor *c, sqlite3_context *out, int column)
{
	const struct rows *rows = c->rows;
	uint32_t row = rows->values->rows[rows->i - 1];

	if (put_common(c, rows, out, column))
		return;
	sqlite3_result_int64(out, column == TABLE_SEQUENCE ? rows->sequence->values[row]
				  : column == TABLE_T_NS   ? rows->t->values[row]
							   : rows->values->values[rows->i - 1]);
}

static int enter_rollup(struct table_cursor *c)
{
	struct rows *rows = calloc(1, sizeof(*rows));
	int r = rows ? rollup_read_buckets(c->chunk, &rows->buckets) : -ENOMEM;

	if (r == 0) {
		rows->points = malloc(chunk_rows(c->chunk) * sizeof(*rows->points));
		r = rows->points ? 0 : -ENOMEM;
	}
	c->rows = rows;
	if (r < 0 && rows)
		leave_rows(c);
	if (r < 0)
		c->rows = NULL;
	else
		rows->i = chunk_rows(c->chunk);
	c->from_sequence = 0;
	return r;
}

static bool next_points(struct table_cursor *c, struct rows *rows)
{
	while (rows->column < chunk_columns(c->chunk)) {
		rows->key = *chunk_key(c->chunk, rows->column++);
		if (rows->key.aspect != ASPECT_LAST)
			continue;
		rows->key.aspect = ASPECT_VALUE;
		if (!admits_key(c, &rows->key) ||
		    rollup_read(c->chunk, &rows->key, rows->buckets, rows->points) < 0)
			continue;
		rows->i = 0;
		return true;
	}
	return false;
}

static bool next_point(struct table_cursor *c)
{
	struct rows *rows = c->rows;

	do {
		while (rows->i < chunk_rows(c->chunk)) {
			const uint64_t *bucket = rows->buckets[rows->i].value;

			set_row(c, rows, rows->i);
			if (rows->points[rows->i++].present &&
			    table_admits(c, bucket[BUCKET_TO_SEQUENCE], bucket[BUCKET_TO_NS]))
				return true;
		}
	} while (next_points(c, rows));
	return false;
}

/* A rate of a counter in thousandths a second, else a value. */
static void put_extreme(sqlite3_context *out, const struct rows *rows, bool known, uint64_t value)
{
	if (!known)
		return;
	if (key_type(&rows->key) == KEY_TYPE_COUNTER)
		sqlite3_result_double(out, value / 1000.0);
	else
		sqlite3_result_int64(out, value);
}

static void put_point(struct table_cursor *c, sqlite3_context *out, int column)
{
	const struct rows *rows = c->rows;
	const uint64_t *bucket = rows->buckets[rows->i - 1].value;
	const struct rollup_point *p = &rows->points[rows->i - 1];
	const uint64_t values[] = {
		[TABLE_SEQUENCE] = bucket[BUCKET_TO_SEQUENCE],
		[TABLE_T_NS] = bucket[BUCKET_TO_NS],
		[R_WIDTH] = rollup_width_ns[c->tier] / 1000000000,
		[R_START_NS] = bucket[BUCKET_START_NS],
		[R_FROM_NS] = bucket[BUCKET_FROM_NS],
		[R_SAMPLES] = bucket[BUCKET_SAMPLES],
		[R_COVERED_NS] = bucket[BUCKET_COVERED_NS],
		[R_GAP_NS] = bucket[BUCKET_GAP_NS],
		[R_FIRST] = p->first,
		[R_LAST] = p->last,
		[R_SUM] = p->sum,
		[R_WEIGHT] = p->weight,
	};

	if (put_common(c, rows, out, column))
		return;
	if (column == R_MIN)
		put_extreme(out, rows, p->has_rate, p->min);
	else if (column == R_MAX)
		put_extreme(out, rows, p->has_rate, p->max);
	else
		sqlite3_result_int64(out, values[column]);
}

const struct table valuetable = {
	.name = "sample_value",
	.schema = "CREATE TABLE sample_value (" TABLE_SCHEMA
		  ", kind TEXT, id INTEGER, name TEXT, value INTEGER)",
	.kind = KIND,
	.id = ID,
	.key_name = NAME,
	.width = -1,
	.enter = enter_values,
	.next = next_value,
	.column = put_value,
	.leave = leave_rows,
};

const struct table rolluptable = {
	.name = "rollup",
	.schema = "CREATE TABLE rollup (" TABLE_SCHEMA ", kind TEXT, id INTEGER, name TEXT,"
		  " width_s INTEGER, start_ns INTEGER, from_ns INTEGER, samples INTEGER,"
		  " covered_ns INTEGER, gap_ns INTEGER, first INTEGER, last INTEGER, sum INTEGER,"
		  " weight INTEGER, min NUMERIC, max NUMERIC)",
	.kind = R_KIND,
	.id = R_ID,
	.key_name = R_NAME,
	.width = R_WIDTH,
	.enter = enter_rollup,
	.next = next_point,
	.column = put_point,
	.leave = leave_rows,
};
