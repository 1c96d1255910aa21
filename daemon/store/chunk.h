/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows of numbers by column, in memory and as the blob that the database keeps. What
 * the columns mean is key.h's. Non-logging.
 *
 * A blob: the CRC of what follows; a version; rows and columns as varints; one entry a
 * column; the columns. An entry begins with a byte: kind * 16 + aspect * 2, and 1 more if
 * id and name are those of the entry before, which else follow: id as varint, length of the
 * name, name. Then, as varints, how many rows have no value, and the column's bytes.
 * These begin with chunkpart.h's relation as varint; where not all rows have a value, runs of rows
 * without and with one follow, in turn, as varints; then column.h's form. So a column
 * is decoded alone, or with those that it is told from.
 */
#ifndef DAEMON_CHUNK_H
#define DAEMON_CHUNK_H

#include "daemon/store/key.h"

/* More rows are in no chunk. */
#define CHUNK_ROWS_MAX 16384

struct chunk;

struct chunk_column {
	struct key key;
	size_t count;			/* of values */
	const uint64_t *values;
	const uint32_t *rows;		/* of each value, ascending */
};

/* An empty one to fill. NULL for want of memory. */
struct chunk *chunk_new(void);
void chunk_free(struct chunk *chunk);

/* Forget all rows and columns, but not the memory. */
void chunk_clear(struct chunk *chunk);

/* One row more; its number. */
uint32_t chunk_add_row(struct chunk *chunk);

/*
 * Value of @key (copied) in the last row, or in one not before the last that has a value
 * of @key; the first one given counts. Without memory for it the chunk is not to be used:
 * chunk_encode() says so.
 */
void chunk_set(struct chunk *chunk, const struct key *key, uint64_t value);
void chunk_set_at(struct chunk *chunk, const struct key *key, uint32_t row, uint64_t value);

size_t chunk_rows(const struct chunk *chunk);
size_t chunk_columns(const struct chunk *chunk);

/*
 * Column @i, or that of @key, with its values; NULL when it is not there, or damaged,
 * which chunk_is_damaged() tells then. Valid until the chunk changes.
 */
const struct chunk_column *chunk_column(struct chunk *chunk, size_t i);
const struct chunk_column *chunk_find(struct chunk *chunk, const struct key *key);
bool chunk_is_damaged(const struct chunk *chunk);

/* The key of column @i alone; its values stay bits. */
const struct key *chunk_key(const struct chunk *chunk, size_t i);

/* As a blob, which the caller frees. Returns 0 or -ENOMEM. */
int chunk_encode(struct chunk *chunk, uint8_t **ret_blob, size_t *ret_len);

/* A blob (copied) as a chunk to read. Returns 0, -ENOMEM, or -EBADMSG if it is none. */
int chunk_decode(const uint8_t *untrusted, size_t len, struct chunk **ret_chunk);

#endif
