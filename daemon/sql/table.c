/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/sql/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/db.h"
#include "daemon/store/rollup.h"

static const char sql_streams[] =
	"SELECT boot, source FROM stream WHERE boot BETWEEN ?1 AND ?2 AND source BETWEEN ?3 AND ?4"
	" UNION SELECT id / 2, id % 2 FROM journal_end"
	" WHERE id / 2 BETWEEN ?1 AND ?2 AND id % 2 BETWEEN ?3 AND ?4 ORDER BY 1, 2";

struct vtab {
	sqlite3_vtab base;
	sqlite3 *db;
	const struct table *table;
};

/* How a constraint limits a table; in idxStr one letter for each argument. */
enum limit { LIMIT_KIND = 'k', LIMIT_ID = 'i', LIMIT_NAME = 'n', LIMIT_TIER = 'w' };

static int connect_table(sqlite3 *db, void *aux, int argc, const char *const *argv,
			 sqlite3_vtab **ret_vtab, char **ret_error)
{
	const struct table *table = aux;
	struct vtab *vtab;
	int rc;

	(void)argc;
	(void)argv;
	(void)ret_error;
	rc = sqlite3_declare_vtab(db, table->schema);
	if (rc != SQLITE_OK)
		return rc;
	vtab = sqlite3_malloc(sizeof(*vtab));
	if (!vtab)
		return SQLITE_NOMEM;
	memset(vtab, 0, sizeof(*vtab));
	vtab->db = db;
	vtab->table = table;
	*ret_vtab = &vtab->base;
	return SQLITE_OK;
}

static int disconnect_table(sqlite3_vtab *vtab)
{
	sqlite3_free(vtab);
	return SQLITE_OK;
}

/* The letter for a constraint that narrows what is read, or 0. Upper case: a lower limit. */
static char letter_of(const struct table *t, int column, int op)
{
	bool equal = op == SQLITE_INDEX_CONSTRAINT_EQ;

	if (column >= 0 && column < TABLE_COLUMNS) {
		switch (op) {
		case SQLITE_INDEX_CONSTRAINT_EQ:
			return '0' + column;
		case SQLITE_INDEX_CONSTRAINT_GT:
		case SQLITE_INDEX_CONSTRAINT_GE:
			return 'A' + column;
		case SQLITE_INDEX_CONSTRAINT_LT:
		case SQLITE_INDEX_CONSTRAINT_LE:
			return 'a' + column;
		default:
			return 0;
		}
	}
	if (!equal)
		return 0;
	return column == t->kind       ? LIMIT_KIND
	       : column == t->id       ? LIMIT_ID
	       : column == t->key_name ? LIMIT_NAME
	       : column == t->width    ? LIMIT_TIER
				       : 0;
}

/* Whether two texts that SQLite takes for equal are it here. */
static bool is_exact(const struct table *t, sqlite3_index_info *info, int i)
{
	int column = info->aConstraint[i].iColumn;

	return (column != t->kind && column != t->key_name) ||
	       sqlite3_stricmp(sqlite3_vtab_collation(info, i), "BINARY") == 0;
}

/* Nothing is left out here that SQLite would not check again: no limit is exact. */
static int best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
	const struct table *t = ((struct vtab *)vtab)->table;
	char letters[64];
	int count = 0;
	double rows = 1e9;

	for (int i = 0; i < info->nConstraint && count < (int)sizeof(letters) - 1; i++) {
		char letter = info->aConstraint[i].usable
				      ? letter_of(t, info->aConstraint[i].iColumn,
						  info->aConstraint[i].op)
				      : 0;

		if (!letter || !is_exact(t, info, i))
			continue;
		info->aConstraintUsage[i].argvIndex = count + 1;
		letters[count++] = letter;
		rows /= letter >= '0' && letter <= '9' ? 100 : 10;
	}
	letters[count] = '\0';
	info->idxStr = sqlite3_mprintf("%s", letters);
	info->needToFreeIdxStr = 1;
	info->estimatedCost = rows;
	info->estimatedRows = rows < 1 ? 1 : (sqlite3_int64)rows;
	return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **ret_cursor)
{
	struct vtab *vtab = (struct vtab *)base;
	struct table_cursor *c = sqlite3_malloc(sizeof(*c));

	if (!c)
		return SQLITE_NOMEM;
	memset(c, 0, sizeof(*c));
	c->table = vtab->table;
	c->blocks = calloc(1, sizeof(*c->blocks));
	if (!c->blocks || blocks_open(vtab->db, c->blocks) < 0) {
		free(c->blocks);
		sqlite3_free(c);
		return SQLITE_ERROR;
	}
	/* That of the statement, which may write elsewhere: it is not to be committed here. */
	c->blocks->within = true;
	*ret_cursor = &c->base;
	return SQLITE_OK;
}

static void leave_block(struct table_cursor *c)
{
	if (c->rows)
		c->table->leave(c);
	c->rows = NULL;
	chunk_free(c->chunk);
	c->chunk = NULL;
}

static void reset_cursor(struct table_cursor *c)
{
	leave_block(c);
	sqlite3_finalize(c->streams);
	c->streams = NULL;
	for (size_t i = 0; i < sizeof(c->texts) / sizeof(c->texts[0]); i++) {
		free(c->texts[i]);
		c->texts[i] = NULL;
	}
	c->in_stream = false;
	c->eof = false;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
	struct table_cursor *c = (struct table_cursor *)base;

	reset_cursor(c);
	blocks_close(c->blocks);
	free(c->blocks);
	sqlite3_free(c);
	return SQLITE_OK;
}

static int to_sqlite(int r)
{
	return r == -ENOMEM ? SQLITE_NOMEM : r == -EBADMSG ? SQLITE_CORRUPT : SQLITE_ERROR;
}

/* The next block of the current boot and source: 1, 0 behind the last, or -errno. */
static int next_block(struct table_cursor *c)
{
	struct archive_of of = { c->boot, c->source, c->tier };
	struct archive_entry entry;
	struct block block;
	int r;

	if (c->tier == 0) {
		r = blocks_next(c->blocks, c->boot, c->source, c->after,
				c->bounds.from[TABLE_T_NS], c->bounds.to[TABLE_T_NS], &block);
		c->chunk = r == 0 ? block.chunk : NULL;
		c->from_sequence = block.from_sequence;
		c->block_id = block.id ? block.id : -(c->boot * SOURCES + c->source + 1);
		if (r == 0 || r == -EBADMSG)
			c->after = block.to_sequence;
	} else {
		r = archive_next(c->blocks->archive, &of, c->after, c->bounds.from[TABLE_T_NS],
				 c->bounds.to[TABLE_T_NS], &entry);
		if (r == 0)
			r = archive_load(c->blocks->archive, entry.id, &c->chunk);
		if (r == 0 || r == -EBADMSG)
			c->after = entry.to_sequence;
		c->block_id = entry.id;
		c->from_sequence = entry.from_sequence;
	}
	/* What follows is behind the last that is asked for. */
	if (r == 0 && c->bounds.to[TABLE_SEQUENCE] >= 0 &&
	    c->from_sequence > (uint64_t)c->bounds.to[TABLE_SEQUENCE])
		r = -ENOENT;
	if (r == 0)
		r = c->table->enter(c);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

/* The next boot and source, or rollup tier of the same. 1, 0 behind the last, or -errno. */
static int next_stream(struct table_cursor *c)
{
	bool rollups = c->table->width >= 0;
	int r;

	c->after = c->bounds.from[TABLE_SEQUENCE] > 0 ? c->bounds.from[TABLE_SEQUENCE] - 1 : 0;
	if (rollups && c->in_stream && !c->bounds.has_tier && ++c->tier < ROLLUP_TIERS)
		return 1;
	r = db_step(c->blocks->db, c->streams);
	if (r <= 0)
		return r;
	c->boot = sqlite3_column_int64(c->streams, 0);
	c->source = sqlite3_column_int(c->streams, 1);
	c->tier = !rollups ? 0 : c->bounds.has_tier ? (int)c->bounds.tier : 1;
	c->in_stream = true;
	return 1;
}

static int next_row(sqlite3_vtab_cursor *base)
{
	struct table_cursor *c = (struct table_cursor *)base;
	int r = 1;

	while (r > 0) {
		if (c->rows && c->table->next(c))
			return SQLITE_OK;
		leave_block(c);
		r = c->in_stream ? next_block(c) : 0;
		/* What is damaged is a hole. */
		if (r == -EBADMSG)
			r = 1;
		else if (r == 0)
			r = next_stream(c);
	}
	c->eof = true;
	return r < 0 ? to_sqlite(r) : SQLITE_OK;
}

/* What a number's limit may say beside a column of integers. */
static void narrow(struct table_cursor *c, char letter, sqlite3_value *value, int type)
{
	struct table_bounds *b = &c->bounds;
	int64_t v = sqlite3_value_int64(value);
	int column = letter >= 'a' ? letter - 'a' : letter >= 'A' ? letter - 'A' : letter - '0';

	/* A fraction is left to SQLite, a little further out. */
	if (letter < 'a' && v > b->from[column])
		b->from[column] = v;
	if (type == SQLITE_FLOAT && v < INT64_MAX)
		v++;
	if ((letter < 'A' || letter >= 'a') && v < b->to[column])
		b->to[column] = v;
}

static int tier_of(int64_t width_s)
{
	for (int tier = 1; tier < ROLLUP_TIERS; tier++) {
		if (rollup_width_ns[tier] / 1000000000 == width_s)
			return tier;
	}
	return -1;
}

/* One constraint. False: nothing fulfils it. */
static bool limit(struct table_cursor *c, char letter, sqlite3_value *value)
{
	const unsigned char *text;
	int type;

	if (sqlite3_value_type(value) == SQLITE_NULL)
		return false;
	/* As SQLite does for a column of integers: '1' is 1, and 'x' is above all of them. */
	type = letter == LIMIT_KIND || letter == LIMIT_NAME ? SQLITE_TEXT
							    : sqlite3_value_numeric_type(value);
	switch (letter) {
	case LIMIT_KIND:
	case LIMIT_NAME:
		text = sqlite3_value_text(value);
		free(c->texts[letter == LIMIT_NAME]);
		c->texts[letter == LIMIT_NAME] = strdup(text ? (const char *)text : "");
		*(letter == LIMIT_NAME ? &c->bounds.name : &c->bounds.kind) =
			c->texts[letter == LIMIT_NAME];
		return c->texts[letter == LIMIT_NAME] != NULL;
	case LIMIT_ID:
		if (type != SQLITE_INTEGER && type != SQLITE_FLOAT)
			return false;
		c->bounds.has_id = true;
		c->bounds.id = sqlite3_value_int64(value);
		return true;
	case LIMIT_TIER:
		c->bounds.has_tier = true;
		c->bounds.tier = tier_of(sqlite3_value_int64(value));
		return c->bounds.tier > 0;
	default:
		if (type == SQLITE_INTEGER || type == SQLITE_FLOAT)
			narrow(c, letter, value, type);
		return true;
	}
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *letters, int argc,
		  sqlite3_value **argv)
{
	struct table_cursor *c = (struct table_cursor *)base;
	struct table_bounds *b = &c->bounds;
	int r;

	(void)number;
	reset_cursor(c);
	memset(b, 0, sizeof(*b));
	for (int i = 0; i < TABLE_COLUMNS; i++) {
		b->from[i] = INT64_MIN;
		b->to[i] = INT64_MAX;
	}
	for (int i = 0; i < argc; i++) {
		if (!limit(c, letters[i], argv[i])) {
			c->eof = true;
			return SQLITE_OK;
		}
	}
	r = db_prepare(c->blocks->db, sql_streams, &c->streams);
	if (r == 0)
		r = DB_BIND(c->blocks->db, c->streams, b->from[TABLE_BOOT], b->to[TABLE_BOOT],
			    b->from[TABLE_SOURCE], b->to[TABLE_SOURCE]);
	return r < 0 ? to_sqlite(r) : next_row(base);
}

static int at_end(sqlite3_vtab_cursor *base)
{
	return ((struct table_cursor *)base)->eof;
}

static int get_column(sqlite3_vtab_cursor *base, sqlite3_context *out, int column)
{
	struct table_cursor *c = (struct table_cursor *)base;

	c->table->column(c, out, column);
	return SQLITE_OK;
}

static int get_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret_rowid)
{
	struct table_cursor *c = (struct table_cursor *)base;

	/* SQLite takes rows with the same for the same row, whichever way it came to them. */
	*ret_rowid = (int64_t)((uint64_t)c->block_id << 32 | c->row);
	return SQLITE_OK;
}

/* Without xCreate: the table is there by its name, in any database. */
static const sqlite3_module module = {
	.iVersion = 1,
	.xConnect = connect_table,
	.xBestIndex = best_index,
	.xDisconnect = disconnect_table,
	.xOpen = open_cursor,
	.xClose = close_cursor,
	.xFilter = filter,
	.xNext = next_row,
	.xEof = at_end,
	.xColumn = get_column,
	.xRowid = get_rowid,
};

int table_register(sqlite3 *db, const struct table *table)
{
	return sqlite3_create_module_v2(db, table->name, &module, (void *)table, NULL);
}

bool table_admits(const struct table_cursor *c, uint64_t sequence, int64_t t_ns)
{
	const struct table_bounds *b = &c->bounds;

	return sequence >= c->from_sequence && (int64_t)sequence >= b->from[TABLE_SEQUENCE] &&
	       (int64_t)sequence <= b->to[TABLE_SEQUENCE] && t_ns >= b->from[TABLE_T_NS] &&
	       t_ns <= b->to[TABLE_T_NS];
}
