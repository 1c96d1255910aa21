/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/form/exportform.h"
#include "daemon/store/chunk.h"

/* Reasons one by one, each with its cycles behind its count; vCPUs likewise. */
static int group_of(const struct key *key)
{
	if (key->kind == KEY_REASON_HANDLING || key->kind == KEY_REASON_AWAY)
		return KEY_REASON_COUNT;
	return key->kind == KEY_VCPU_HANDLING ? KEY_VCPU_COUNT : key->kind;
}

static int compare_names(const struct key *a, const struct key *b)
{
	size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
	int r = len ? memcmp(a->name, b->name, len) : 0;

	return r ? r : (int)a->name_len - (int)b->name_len;
}

int exportform_compare(const struct key *a, const struct key *b)
{
	int group = group_of(a) - group_of(b);
	int r;

	if (group)
		return group;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	r = compare_names(a, b);
	return r ? r : (int)a->kind - (int)b->kind;
}

struct column {
	struct key key;
	const struct chunk_column *column;
};

static int by_key(const void *a, const void *b)
{
	return exportform_compare(&((const struct column *)a)->key, &((const struct column *)b)->key);
}

static int collect(struct chunk *chunk, struct column *columns)
{
	for (size_t i = 0; i < chunk_columns(chunk); i++) {
		columns[i].column = chunk_column(chunk, i);
		if (!columns[i].column)
			return -EBADMSG;
		columns[i].key = columns[i].column->key;
	}
	return 0;
}

/* Where the values of each row begin; returns how many there are. */
static size_t count_rows(const struct column *columns, size_t count, size_t rows, uint32_t *begin)
{
	uint32_t sum = 0;

	memset(begin, 0, (rows + 1) * sizeof(*begin));
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < columns[i].column->count; k++)
			begin[columns[i].column->rows[k]]++;
	}
	for (size_t row = 0; row <= rows; row++) {
		uint32_t n = begin[row];

		begin[row] = sum;
		sum += n;
	}
	return sum;
}

/* Each row's begin moves to its end, which is the next one's begin. */
static void fill(struct exportindex *index, const struct column *columns, size_t rows)
{
	for (size_t i = 0; i < index->count; i++) {
		const struct chunk_column *c = columns[i].column;

		index->keys[i] = columns[i].key;
		for (size_t k = 0; k < c->count; k++)
			index->values[index->begin[c->rows[k]]++] =
				(struct exportvalue){ .series = i, .value = c->values[k] };
	}
	memmove(index->begin + 1, index->begin, rows * sizeof(*index->begin));
	index->begin[0] = 0;
}

int exportindex_make(struct exportindex *index, struct chunk *chunk)
{
	size_t rows = chunk_rows(chunk), count = chunk_columns(chunk), values;
	struct column *columns = calloc(count ? count : 1, sizeof(*columns));
	int r = columns ? collect(chunk, columns) : -ENOMEM;

	memset(index, 0, sizeof(*index));
	if (r == 0) {
		qsort(columns, count, sizeof(*columns), by_key);
		index->count = count;
		index->keys = malloc((count ? count : 1) * sizeof(*index->keys));
		index->begin = malloc((rows + 1) * sizeof(*index->begin));
		r = index->keys && index->begin ? 0 : -ENOMEM;
	}
	if (r == 0) {
		values = count_rows(columns, count, rows, index->begin);
		index->values = malloc((values ? values : 1) * sizeof(*index->values));
		r = index->values ? 0 : -ENOMEM;
	}
	if (r == 0)
		fill(index, columns, rows);
	free(columns);
	return r;
}

void exportindex_done(struct exportindex *index)
{
	free(index->keys);
	free(index->values);
	free(index->begin);
	memset(index, 0, sizeof(*index));
}
