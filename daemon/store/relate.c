/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/chunkpart.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/column.h"
#include "guest-agent/shared/workload.h"
#include "kernel/uapi/vmexit_cpuid.h"

#define SCALE_SHIFT 32

/* Fewer values are not worth the trial. */
#define VALUES_LEAST 16

/* Bits that a relation costs by itself, about. */
#define OWN_BITS 48

/* A total may be that of two columns: away cycles of reasons are "away" and "idle". */
#define TOTALS_MAX 2

static bool base_of_field(uint32_t id, uint32_t *ret_id)
{
	switch (id) {
	case FIELD_SEQUENCE:
		/* An agent's are its clock's microseconds. */
		*ret_id = FIELD_T_BOOT_NS;
		return true;
	case FIELD_T_BOOT_NS:
		*ret_id = FIELD_T_NS;
		return true;
	case FIELD_HANDLING:
		*ret_id = FIELD_EXITS;
		return true;
	case FIELD_AWAY:
		*ret_id = FIELD_HANDLING;
		return true;
	default:
		return false;
	}
}

/* The column that @key's grows with. */
static bool base_of(const struct key *key, struct key *ret_base)
{
	*ret_base = *key;
	switch (key->kind) {
	case KEY_FIELD:
		return base_of_field(key->id, &ret_base->id);
	case KEY_WORKLOAD:
		/* Bytes go with what they came in, which stands before them. */
		ret_base->id--;
		return key->id == WORKLOAD_disk_read_bytes || key->id == WORKLOAD_disk_written_bytes ||
		       key->id == WORKLOAD_net_received_bytes || key->id == WORKLOAD_net_sent_bytes;
	case KEY_REASON_AWAY:
		if (key->id == VMEXIT_REASON_IDLE) {
			ret_base->kind = KEY_FIELD;
			ret_base->id = FIELD_IDLE;
			return true;
		}
		__attribute__((fallthrough));
	case KEY_REASON_HANDLING:
	case KEY_VCPU_HANDLING:
		ret_base->kind--;
		return true;
	default:
		return false;
	}
}

/* The columns that those of @kind add up to; how many. */
static size_t totals_of(uint8_t kind, uint32_t ret_ids[TOTALS_MAX])
{
	switch (kind) {
	case KEY_REASON_COUNT:
	case KEY_VCPU_COUNT:
		ret_ids[0] = FIELD_EXITS;
		return 1;
	case KEY_REASON_HANDLING:
	case KEY_VCPU_HANDLING:
		ret_ids[0] = FIELD_HANDLING;
		return 1;
	case KEY_REASON_AWAY:
		ret_ids[0] = FIELD_AWAY;
		ret_ids[1] = FIELD_IDLE;
		return 2;
	default:
		return 0;
	}
}

/* Add @of's values, times @factor, in the rows of @column; false if it lacks one of them. */
static bool add(const struct chunk_column *column, const struct chunk_column *of, uint64_t factor,
		uint64_t *sums)
{
	bool whole = true;

	for (size_t i = 0, j = 0; i < column->count; i++) {
		while (j < of->count && of->rows[j] < column->rows[i])
			j++;
		if (j < of->count && of->rows[j] == column->rows[i])
			sums[i] += factor * of->values[j];
		else
			whole = false;
	}
	return whole;
}

static bool predict_scaled(struct chunk *chunk, const struct chunk_column *column, uint64_t scale,
			   uint64_t *growth)
{
	const struct chunk_column *base;
	uint64_t first;
	struct key key;

	if (!base_of(&column->key, &key))
		return false;
	base = chunk_find(chunk, &key);
	if (!base || !add(column, base, 1, growth))
		return false;
	first = column->count ? growth[0] : 0;
	for (size_t i = 0; i < column->count; i++)
		growth[i] = (unsigned __int128)(growth[i] - first) * scale >> SCALE_SHIFT;
	return true;
}

static bool predict_rest(struct chunk *chunk, const struct chunk_column *column, uint64_t *growth)
{
	struct key total = { .kind = KEY_FIELD, .aspect = column->key.aspect };
	uint32_t ids[TOTALS_MAX];
	size_t totals = totals_of(column->key.kind, ids);
	uint64_t first;

	for (size_t i = 0; i < totals; i++) {
		const struct chunk_column *c;

		total.id = ids[i];
		c = chunk_find(chunk, &total);
		if (!c || !add(column, c, 1, growth))
			return false;
	}
	for (size_t i = 0; i < chunk_columns(chunk); i++) {
		const struct key *key = chunk_key(chunk, i);
		const struct chunk_column *c;

		if (key->kind != column->key.kind || key->aspect != column->key.aspect ||
		    key->id == column->key.id)
			continue;
		c = chunk_column(chunk, i);
		if (!c)
			return false;
		(void)add(column, c, -1ULL, growth);
	}
	first = column->count ? growth[0] : 0;
	for (size_t i = 0; i < column->count; i++)
		growth[i] -= first;
	return totals > 0;
}

bool relate_predict(struct chunk *chunk, const struct chunk_column *column, uint64_t relation,
		    uint64_t *ret_growth)
{
	memset(ret_growth, 0, column->count * sizeof(*ret_growth));
	if (relation == RELATION_REST)
		return predict_rest(chunk, column, ret_growth);
	return relation >= RELATION_SCALED &&
	       predict_scaled(chunk, column, relation - RELATION_SCALED, ret_growth);
}

/* How fast the values of @column grew by those of its base; 0: they have none, or did not. */
static uint64_t scale_of(struct chunk *chunk, const struct chunk_column *column)
{
	const struct chunk_column *base;
	struct key key;
	uint64_t grown, by;
	unsigned __int128 scale;

	if (!base_of(&column->key, &key))
		return 0;
	base = chunk_find(chunk, &key);
	if (!base || base->count == 0)
		return 0;
	grown = column->values[column->count - 1] - column->values[0];
	by = base->values[base->count - 1] - base->values[0];
	if (by == 0 || (int64_t)grown <= 0)
		return 0;
	scale = (((unsigned __int128)grown << SCALE_SHIFT) + by / 2) / by;
	return scale < 1ULL << 62 ? (uint64_t)scale : 0;
}

/* What choosing needs; each array is of as many as the chunk has rows. */
struct choice {
	struct chunk *chunk;
	uint64_t *growth, *rest;
	uint64_t *costs;		/* by column */
};

/* What @column costs with @relation; UINT64_MAX if it has not. */
static uint64_t cost_with(struct choice *x, const struct chunk_column *column, uint64_t relation)
{
	if (!relate_predict(x->chunk, column, relation, x->growth))
		return UINT64_MAX;
	for (size_t i = 0; i < column->count; i++)
		x->rest[i] = column->values[i] - x->growth[i];
	return column_cost(x->rest, column->count);
}

static bool is_candidate(const struct chunk_column *column)
{
	return column->count >= VALUES_LEAST &&
	       (column->key.aspect == ASPECT_VALUE || column->key.aspect == ASPECT_LAST);
}

static void choose_scaled(struct choice *x, size_t i, const struct chunk_column *column,
			  uint64_t *relation)
{
	uint64_t scale = scale_of(x->chunk, column), cost;

	x->costs[i] = column_cost(column->values, column->count);
	if (scale == 0 || x->costs[i] <= OWN_BITS)
		return;
	cost = cost_with(x, column, RELATION_SCALED + scale);
	if (cost < x->costs[i] - OWN_BITS) {
		x->costs[i] = cost;
		*relation = RELATION_SCALED + scale;
	}
}

/* The column of a kind that costs most may be what the others leave of the total. */
static void choose_rest(struct choice *x, uint8_t kind, uint8_t aspect, uint64_t *relations)
{
	size_t most = SIZE_MAX;

	for (size_t i = 0; i < chunk_columns(x->chunk); i++) {
		const struct key *key = chunk_key(x->chunk, i);

		if (key->kind == kind && key->aspect == aspect &&
		    (most == SIZE_MAX || x->costs[i] > x->costs[most]))
			most = i;
	}
	if (most == SIZE_MAX || x->costs[most] <= OWN_BITS)
		return;
	if (cost_with(x, chunk_column(x->chunk, most), RELATION_REST) <
	    x->costs[most] - OWN_BITS)
		relations[most] = RELATION_REST;
}

int relate_choose(struct chunk *chunk, uint64_t *ret_relations)
{
	size_t rows = chunk_rows(chunk), columns = chunk_columns(chunk);
	uint64_t *memory = calloc(2 * rows + columns + 1, sizeof(*memory));
	struct choice x = { chunk, memory, memory + rows, memory + 2 * rows };
	uint32_t ids[TOTALS_MAX];

	if (!memory)
		return -ENOMEM;
	for (size_t i = 0; i < columns; i++) {
		const struct chunk_column *column = chunk_column(chunk, i);
		struct key base;

		ret_relations[i] = RELATION_NONE;
		if (column && is_candidate(column) &&
		    (base_of(&column->key, &base) || totals_of(column->key.kind, ids) > 0))
			choose_scaled(&x, i, column, &ret_relations[i]);
	}
	for (uint8_t kind = 0; kind < KEY_KINDS; kind++) {
		if (totals_of(kind, ids) == 0)
			continue;
		choose_rest(&x, kind, ASPECT_VALUE, ret_relations);
		choose_rest(&x, kind, ASPECT_LAST, ret_relations);
	}
	free(memory);
	return chunk_is_damaged(chunk) ? -EBADMSG : 0;
}
