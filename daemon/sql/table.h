/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the virtual tables have in common: they walk the blocks of samples, or of rollups,
 * that a statement's constraints leave. Logging.
 */
#ifndef DAEMON_TABLE_H
#define DAEMON_TABLE_H

#include <sqlite3.h>

#include "daemon/store/blocks.h"
#include "daemon/store/chunk.h"

/* The first columns of every table. */
enum { TABLE_BOOT, TABLE_SOURCE, TABLE_SEQUENCE, TABLE_T_NS, TABLE_COLUMNS };
#define TABLE_SCHEMA "boot INTEGER, source INTEGER, sequence INTEGER, t_ns INTEGER"

/* What a statement asks for; every limit is inclusive. */
struct table_bounds {
	int64_t from[TABLE_COLUMNS], to[TABLE_COLUMNS];
	/* Of the tables of series. */
	const char *kind;		/* NULL: any */
	bool has_id;
	int64_t id;
	const char *name;		/* NULL: any */
	bool has_tier;
	int64_t tier;
};

struct table_cursor {
	sqlite3_vtab_cursor base;	/* SQLite's: first */
	const struct table *table;
	struct blocks *blocks;
	struct table_bounds bounds;
	char *texts[2];			/* that kind and name point to */
	sqlite3_stmt *streams;		/* boots and sources still to come */
	bool in_stream;
	int64_t boot;
	enum sample_source source;
	int tier;
	uint64_t after;
	struct chunk *chunk;		/* the block being read, or NULL */
	int64_t block_id;		/* its chunk's, or below 0: no other block has it */
	uint64_t from_sequence;		/* as in struct block */
	void *rows;			/* the table's own, of that block */
	uint32_t row;			/* of the table's rows in the block; next() sets it */
	bool eof;
};

/* Columns beyond the first that a table's constraints may be on; -1: it has none such. */
struct table {
	const char *name;
	const char *schema;
	int kind, id, key_name, width;
	/* A block was read: make c->rows. Returns 0 or -errno; -EBADMSG is a hole. */
	int (*enter)(struct table_cursor *c);
	/* The next row of the block within c->bounds; false behind the last. */
	bool (*next)(struct table_cursor *c);
	void (*column)(struct table_cursor *c, sqlite3_context *out, int column);
	void (*leave)(struct table_cursor *c);
};

int table_register(sqlite3 *db, const struct table *table);

/* Whether @sequence and @t_ns are within the bounds. */
bool table_admits(const struct table_cursor *c, uint64_t sequence, int64_t t_ns);

#endif
