/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/chunk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "daemon/store/column.h"
#include "daemon/store/chunkpart.h"
#include "guest-agent/shared/wire.h"

#define VERSION 1

/* Shortest entry of a column; longest one, without its name. */
#define ENTRY_MIN 3
#define ENTRY_MAX (2 + 3 * WIRE_VARINT_MAX)
#define HEAD_MAX (4 + 1 + 2 * WIRE_VARINT_MAX)

#define CRC_SIZE 4

static_assert(KEY_KINDS <= 16 && KEY_ASPECTS <= 8, "kind and aspect share a byte");

struct store_column {
	struct chunk_column column;
	uint64_t *values;		/* as column.values; NULL while they are bits */
	uint32_t *rows;
	size_t room;
	size_t index;			/* among the chunk's columns */
	char name[DETAIL_NAME_MAX];
	/* Of a blob. */
	const uint8_t *bits;
	size_t bits_len;
	bool loading;			/* its bits are being read */
};

struct chunk {
	struct store_column **columns;
	size_t count, room;
	size_t used;			/* columns that exist; above count they are empty */
	struct store_column *block;	/* the first ones of these, of a blob */
	size_t block_count;
	size_t rows;
	size_t next;			/* column asked for last; the one behind is likely next */
	uint32_t *table;		/* by hash of key: index + 1; 0: free */
	size_t table_size;
	uint8_t *blob;
	size_t blob_rows;		/* that it had */
	bool damaged;			/* or out of memory */
};

struct chunk *chunk_new(void)
{
	return calloc(1, sizeof(struct chunk));
}

void chunk_free(struct chunk *chunk)
{
	if (!chunk)
		return;
	for (size_t i = 0; i < chunk->used; i++) {
		free(chunk->columns[i]->values);
		free(chunk->columns[i]->rows);
		if (i >= chunk->block_count)
			free(chunk->columns[i]);
	}
	free(chunk->block);
	free(chunk->columns);
	free(chunk->table);
	free(chunk->blob);
	free(chunk);
}

void chunk_clear(struct chunk *chunk)
{
	chunk->count = chunk->rows = chunk->next = 0;
	chunk->damaged = false;
	if (chunk->table)
		memset(chunk->table, 0, chunk->table_size * sizeof(*chunk->table));
}

uint32_t chunk_add_row(struct chunk *chunk)
{
	chunk->next = 0;
	return chunk->rows++;
}

size_t chunk_rows(const struct chunk *chunk)
{
	return chunk->rows;
}

size_t chunk_columns(const struct chunk *chunk)
{
	return chunk->count;
}

bool chunk_is_damaged(const struct chunk *chunk)
{
	return chunk->damaged;
}

const struct key *chunk_key(const struct chunk *chunk, size_t i)
{
	return &chunk->columns[i]->column.key;
}

/* Where @key is in the table, or would be. */
static uint32_t *slot_of(const struct chunk *chunk, const struct key *key)
{
	size_t at = key_hash(key) & (chunk->table_size - 1);

	while (chunk->table[at] &&
	       !key_equal(key, &chunk->columns[chunk->table[at] - 1]->column.key))
		at = (at + 1) & (chunk->table_size - 1);
	return &chunk->table[at];
}

static bool grow_table(struct chunk *chunk)
{
	size_t size = chunk->table_size ? 2 * chunk->table_size : 256;
	uint32_t *table = calloc(size, sizeof(*table));

	if (!table)
		return false;
	free(chunk->table);
	chunk->table = table;
	chunk->table_size = size;
	for (size_t i = 0; i < chunk->count; i++)
		*slot_of(chunk, &chunk->columns[i]->column.key) = i + 1;
	return true;
}

static bool grow_columns(struct chunk *chunk)
{
	size_t room = chunk->room ? 2 * chunk->room : 64;
	struct store_column **columns = realloc(chunk->columns, room * sizeof(*columns));

	if (!columns)
		return false;
	chunk->columns = columns;
	chunk->room = room;
	return true;
}

/* An empty column for @key behind the others; NULL for want of memory. */
static struct store_column *add_column(struct chunk *chunk, const struct key *key)
{
	struct store_column *c;

	if ((chunk->count == chunk->room && !grow_columns(chunk)) ||
	    (chunk->count * 2 >= chunk->table_size && !grow_table(chunk)))
		return NULL;
	if (chunk->count == chunk->used) {
		chunk->columns[chunk->used] = calloc(1, sizeof(*c));
		if (!chunk->columns[chunk->used])
			return NULL;
		chunk->used++;
	}
	c = chunk->columns[chunk->count];
	c->column.key = *key;
	c->column.count = 0;
	if (key->name_len)
		memcpy(c->name, key->name, key->name_len);
	c->column.key.name = c->name;
	c->bits = NULL;
	c->index = chunk->count;
	*slot_of(chunk, key) = ++chunk->count;
	return c;
}

static struct store_column *find(const struct chunk *chunk, const struct key *key)
{
	uint32_t index = chunk->table ? *slot_of(chunk, key) : 0;

	return index ? chunk->columns[index - 1] : NULL;
}

static bool grow_values(struct store_column *c, size_t room)
{
	uint64_t *values = realloc(c->values, room * sizeof(*values));
	uint32_t *rows;

	if (!values)
		return false;
	c->values = values;
	rows = realloc(c->rows, room * sizeof(*rows));
	if (!rows)
		return false;
	c->rows = rows;
	c->column.values = values;
	c->column.rows = rows;
	c->room = room;
	return true;
}

/* Runs of rows without and with a value, in turn. */
static bool take_runs(struct wire_reader *r, struct store_column *c, size_t rows)
{
	uint64_t row = 0;

	for (size_t i = 0; i < c->column.count;) {
		uint64_t without = wire_take_varint(r), with = wire_take_varint(r);

		if (r->overflow || without > rows - row || with > rows - row - without ||
		    with == 0 || with > c->column.count - i)
			return false;
		row += without;
		while (with--)
			c->rows[i++] = row++;
	}
	return true;
}

/* Values that stand for what they differ from what was to be expected, as they were. */
static bool add_growth(struct chunk *chunk, struct store_column *c, uint64_t relation)
{
	uint64_t *growth = malloc(c->column.count * sizeof(*growth));
	bool known = growth && relate_predict(chunk, &c->column, relation, growth);

	for (size_t i = 0; i < c->column.count && known; i++)
		c->values[i] += growth[i];
	free(growth);
	return known;
}

/* A column's bits as values. */
static bool load(struct chunk *chunk, struct store_column *c)
{
	struct wire_reader r = { .buf = c->bits, .len = c->bits_len };
	uint64_t relation = wire_take_varint(&r);

	if (r.overflow || (c->room < c->column.count && !grow_values(c, c->column.count)))
		return false;
	if (c->column.count < chunk->blob_rows) {
		if (!take_runs(&r, c, chunk->blob_rows))
			return false;
	} else {
		for (size_t i = 0; i < c->column.count; i++)
			c->rows[i] = i;
	}
	if (column_decode(r.buf, r.len, c->values, c->column.count) < 0 ||
	    (relation != RELATION_NONE && !add_growth(chunk, c, relation)))
		return false;
	c->bits = NULL;
	return true;
}

static const struct chunk_column *loaded(struct chunk *chunk, struct store_column *c)
{
	bool is_loaded;

	if (!c->bits)
		return &c->column;
	/* One that is needed for itself can only be damaged. */
	is_loaded = !c->loading;
	c->loading = true;
	is_loaded = is_loaded && load(chunk, c);
	c->loading = false;
	chunk->damaged |= !is_loaded;
	return is_loaded ? &c->column : NULL;
}

/* The column of @key, a new one if there is none; NULL for want of memory. */
static struct store_column *column_for(struct chunk *chunk, const struct key *key)
{
	struct store_column *c;

	/* As in the row before, the one behind; or the same again. */
	if (chunk->next + 1 < chunk->count &&
	    key_equal(key, &chunk->columns[chunk->next + 1]->column.key))
		return chunk->columns[++chunk->next];
	if (chunk->next < chunk->count &&
	    key_equal(key, &chunk->columns[chunk->next]->column.key))
		return chunk->columns[chunk->next];
	c = find(chunk, key);
	if (!c)
		c = add_column(chunk, key);
	if (c)
		chunk->next = c->index;
	return c;
}

void chunk_set_at(struct chunk *chunk, const struct key *key, uint32_t row, uint64_t value)
{
	struct store_column *c = column_for(chunk, key);
	size_t count;

	if (!c || !loaded(chunk, c)) {
		chunk->damaged = true;
		return;
	}
	count = c->column.count;
	if (count && c->rows[count - 1] >= row)
		return;
	if (count == c->room && !grow_values(c, c->room ? 2 * c->room : 16)) {
		chunk->damaged = true;
		return;
	}
	c->values[count] = value;
	c->rows[count] = row;
	c->column.count++;
}

void chunk_set(struct chunk *chunk, const struct key *key, uint64_t value)
{
	chunk_set_at(chunk, key, chunk->rows - 1, value);
}

static void put_runs(struct wire_writer *w, const struct chunk_column *c)
{
	uint32_t row = 0;

	for (size_t i = 0; i < c->count;) {
		size_t begin = i;

		wire_put_varint(w, c->rows[i] - row);
		while (i + 1 < c->count && c->rows[i + 1] == c->rows[i] + 1)
			i++;
		row = c->rows[i++] + 1;
		wire_put_varint(w, i - begin);
	}
}

/* Bytes of a column at most. */
static size_t bound_of(const struct chunk *chunk, const struct chunk_column *c)
{
	size_t runs = c->count < chunk->rows ? 2 * 3 * c->count : 0;

	return WIRE_VARINT_MAX + runs + column_bound(c->count);
}

static bool same_series(const struct key *a, const struct key *b)
{
	return a->id == b->id && a->name_len == b->name_len &&
	       (a->name_len == 0 || memcmp(a->name, b->name, a->name_len) == 0);
}

static void put_entry(struct wire_writer *w, const struct chunk *chunk, size_t i, size_t bytes)
{
	const struct key *key = chunk_key(chunk, i);
	bool same = i > 0 && same_series(key, chunk_key(chunk, i - 1));

	wire_put(w, key->kind << 4 | key->aspect << 1 | same, 1);
	if (!same) {
		wire_put_varint(w, key->id);
		wire_put(w, key->name_len, 1);
		wire_put_bytes(w, key->name, key->name_len);
	}
	wire_put_varint(w, chunk->rows - chunk->columns[i]->column.count);
	wire_put_varint(w, bytes);
}

/* What encoding needs beside the columns. */
struct encoder {
	uint64_t *relations;		/* by column */
	uint64_t *growth;		/* by row */
	uint8_t *buf;			/* the columns' bytes */
	size_t len;
};

static size_t encode_column(struct chunk *chunk, struct encoder *e, size_t i)
{
	const struct chunk_column *c = &chunk->columns[i]->column;
	struct wire_writer w = { .buf = e->buf + e->len, .size = bound_of(chunk, c) };
	const uint64_t *values = c->values;

	wire_put_varint(&w, e->relations[i]);
	if (c->count < chunk->rows)
		put_runs(&w, c);
	if (e->relations[i] != RELATION_NONE) {
		(void)relate_predict(chunk, c, e->relations[i], e->growth);
		for (size_t row = 0; row < c->count; row++)
			e->growth[row] = c->values[row] - e->growth[row];
		values = e->growth;
	}
	return w.len + column_encode(values, c->count, w.buf + w.len);
}

static void encode_columns(struct chunk *chunk, struct wire_writer *head, struct encoder *e)
{
	wire_put(head, 0, CRC_SIZE);
	wire_put(head, VERSION, 1);
	wire_put_varint(head, chunk->rows);
	wire_put_varint(head, chunk->count);
	for (size_t i = 0; i < chunk->count; i++) {
		size_t bytes = encode_column(chunk, e, i);

		put_entry(head, chunk, i, bytes);
		e->len += bytes;
	}
}

static void drop_encoder(struct encoder *e)
{
	free(e->relations);
	free(e->growth);
	free(e->buf);
}

static int new_encoder(struct chunk *chunk, size_t bound, struct encoder *ret_encoder)
{
	struct encoder e = {
		.relations = calloc(chunk->count + 1, sizeof(*e.relations)),
		.growth = calloc(chunk->rows + 1, sizeof(*e.growth)),
		.buf = malloc(bound + 1),
	};
	int r = e.relations && e.growth && e.buf ? relate_choose(chunk, e.relations) : -ENOMEM;

	if (r < 0)
		drop_encoder(&e);
	else
		*ret_encoder = e;
	return r;
}

int chunk_encode(struct chunk *chunk, uint8_t **ret_blob, size_t *ret_len)
{
	struct wire_writer head = { .size = HEAD_MAX };
	struct encoder e;
	size_t bound = 0;
	uint8_t *blob;
	int r;

	for (size_t i = 0; i < chunk->count; i++) {
		if (!chunk_column(chunk, i))
			return -EBADMSG;
		head.size += ENTRY_MAX + chunk_key(chunk, i)->name_len;
		bound += bound_of(chunk, &chunk->columns[i]->column);
	}
	if (chunk->damaged)
		return -ENOMEM;
	r = new_encoder(chunk, bound, &e);
	if (r < 0)
		return r;
	blob = malloc(head.size + bound);
	if (blob) {
		head.buf = blob;
		encode_columns(chunk, &head, &e);
		memcpy(blob + head.len, e.buf, e.len);
		wire_set_le(blob, crc32(0, blob + CRC_SIZE, head.len + e.len - CRC_SIZE),
			    CRC_SIZE);
		*ret_blob = blob;
		*ret_len = head.len + e.len;
	}
	drop_encoder(&e);
	return blob ? 0 : -ENOMEM;
}

/* The next entry's key; @before is the one before it. */
static bool take_key(struct wire_reader *r, const struct key *before, struct key *ret_key)
{
	uint8_t head = wire_take(r, 1);
	struct key key = { .kind = head >> 4, .aspect = head >> 1 & 7 };
	uint64_t id;

	if (head & 1) {
		if (!before)
			return false;
		key.id = before->id;
		key.name_len = before->name_len;
		key.name = before->name;
	} else {
		id = wire_take_varint(r);
		key.id = id;
		key.name_len = wire_take(r, 1);
		key.name = (const char *)wire_take_bytes(r, key.name_len);
		if (id > UINT32_MAX)
			return false;
	}
	*ret_key = key;
	return !r->overflow && key.kind < KEY_KINDS && key.aspect < KEY_ASPECTS &&
	       key.name_len <= DETAIL_NAME_MAX;
}

/* Room for @count columns at once: one allocation each would take longer than the rest. */
static bool reserve(struct chunk *chunk, size_t count)
{
	size_t size = 64;

	while (size <= 2 * count)
		size *= 2;
	chunk->columns = malloc((count ? count : 1) * sizeof(*chunk->columns));
	chunk->block = calloc(count ? count : 1, sizeof(*chunk->block));
	chunk->table = calloc(size, sizeof(*chunk->table));
	if (!chunk->columns || !chunk->block || !chunk->table)
		return false;
	chunk->table_size = size;
	chunk->room = chunk->used = chunk->block_count = count;
	for (size_t i = 0; i < count; i++)
		chunk->columns[i] = &chunk->block[i];
	return true;
}

/* Take in the entries of @count columns. Returns 0, -ENOMEM or -EBADMSG. */
static int take_entries(struct chunk *chunk, struct wire_reader *r, uint64_t count)
{
	if (!reserve(chunk, count))
		return -ENOMEM;
	for (uint64_t i = 0; i < count; i++) {
		struct store_column *c;
		uint64_t without, bytes;
		struct key key;

		if (!take_key(r, i ? chunk_key(chunk, i - 1) : NULL, &key))
			return -EBADMSG;
		without = wire_take_varint(r);
		bytes = wire_take_varint(r);
		if (r->overflow || without >= chunk->rows || find(chunk, &key))
			return -EBADMSG;
		c = add_column(chunk, &key);
		if (!c)
			return -ENOMEM;
		c->column.count = chunk->rows - without;
		c->bits_len = bytes;
	}
	return 0;
}

static int take_blob(struct chunk *chunk, size_t len)
{
	struct wire_reader r = { .buf = chunk->blob, .len = len };
	uint32_t crc = wire_take(&r, CRC_SIZE);
	uint64_t version = wire_take(&r, 1), rows = wire_take_varint(&r);
	uint64_t count = wire_take_varint(&r);
	int e;

	if (r.overflow || version != VERSION || rows == 0 || rows > CHUNK_ROWS_MAX ||
	    count > r.len / ENTRY_MIN || crc32(0, chunk->blob + CRC_SIZE, len - CRC_SIZE) != crc)
		return -EBADMSG;
	chunk->rows = chunk->blob_rows = rows;
	e = take_entries(chunk, &r, count);
	if (e < 0)
		return e;
	for (size_t i = 0; i < chunk->count; i++) {
		struct store_column *c = chunk->columns[i];

		c->bits = wire_take_bytes(&r, c->bits_len);
		c->loading = false;
		if (!c->bits)
			return -EBADMSG;
	}
	return r.len > 0 ? -EBADMSG : 0;
}

int chunk_decode(const uint8_t *untrusted, size_t len, struct chunk **ret_chunk)
{
	struct chunk *chunk = chunk_new();
	int r = -ENOMEM;

	if (chunk)
		chunk->blob = malloc(len ? len : 1);
	if (chunk && chunk->blob) {
		memcpy(chunk->blob, untrusted, len);
		r = take_blob(chunk, len);
	}
	if (r < 0) {
		chunk_free(chunk);
		return r;
	}
	*ret_chunk = chunk;
	return 0;
}

const struct chunk_column *chunk_column(struct chunk *chunk, size_t i)
{
	return i < chunk->count ? loaded(chunk, chunk->columns[i]) : NULL;
}

const struct chunk_column *chunk_find(struct chunk *chunk, const struct key *key)
{
	struct store_column *c = find(chunk, key);

	return c ? loaded(chunk, c) : NULL;
}
