/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/alignednames.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/room.h"
#include "daemon/query/kind.h"
#include "daemon/query/spans.h"
#include "kernel/uapi/vmexit_cpuid.h"

struct name {
	struct key key;
	char name[DETAIL_NAME_MAX];
	double sum;
	bool has_last;
	uint64_t last;
};

/* Twice as many as names, so that a few tries find one, and tell that there is none. */
#define SLOTS (2 * ALIGNED_NAMES_MAX)

struct choosing {
	struct name *names;
	size_t count, room;
	uint16_t slots[SLOTS];			/* by hash: index of a name + 1, or 0 */
};

static_assert((SLOTS & (SLOTS - 1)) == 0 && ALIGNED_NAMES_MAX < UINT16_MAX, "hash and slot");

bool alignednames_equal(const struct key *key, const struct key *stored)
{
	if (key->kind != KEY_PROCESS || stored->kind != KEY_PROCESS)
		return key_equal(key, stored);
	return key->name_len == stored->name_len &&
	       memcmp(key->name, stored->name, key->name_len) == 0;
}

/* Where a name is, or belongs. */
static uint16_t *slot_of(struct choosing *c, const struct key *key)
{
	size_t at = key_hash(key);

	for (;; at++) {
		uint16_t *slot = &c->slots[at % SLOTS];

		if (!*slot)
			return slot;
		c->names[*slot - 1].key.name = c->names[*slot - 1].name;
		if (key_equal(&c->names[*slot - 1].key, key))
			return slot;
	}
}

static struct name *add_name(struct choosing *c, const struct key *key)
{
	struct name *n;

	if (!room_for_one(&c->names, c->count, &c->room, sizeof(*c->names)))
		return NULL;
	n = &c->names[c->count++];
	*n = (struct name){ .key = *key };
	if (key->name_len)
		memcpy(n->name, key->name, key->name_len);
	return n;
}

/* NULL: no memory, or (*ret_full) too many. */
static struct name *name_of(struct choosing *c, const struct key *stored, bool *ret_full)
{
	struct key key = *stored;
	struct name *n;
	uint16_t *slot;

	/* Whichever process it is. */
	if (key.kind == KEY_PROCESS)
		key.id = 0;
	slot = slot_of(c, &key);
	*ret_full = !*slot && c->count == ALIGNED_NAMES_MAX;
	if (*slot)
		return &c->names[*slot - 1];
	n = *ret_full ? NULL : add_name(c, &key);
	if (n)
		*slot = c->count;
	return n;
}

/*
 * What a unit or interrupt source grew by is told by the lists that have it, however many
 * samples between them have none.
 */
static void add_growth(struct name *n, const struct span *span)
{
	uint64_t before = n->has_last ? n->last : span->point.first;

	if (span->point.last >= before)
		n->sum += span->point.last - before;
	n->last = span->point.last;
	n->has_last = true;
}

static int add_spans(void *ctx, size_t want, const struct key *key, const struct span *spans,
		     size_t count)
{
	struct choosing *c = ctx;
	struct name *n;
	bool full;

	(void)want;
	/* Time that a vCPU had nothing to do is no exit's. */
	if (kind_is_by_reason(key) && key->id == VMEXIT_REASON_IDLE)
		return 0;
	n = name_of(c, key, &full);
	if (!n)
		return full ? 0 : -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (key->kind == KEY_INTERRUPT || key->kind == KEY_UNIT)
			add_growth(n, &spans[i]);
		else
			n->sum += spans[i].point.sum;
	}
	return 0;
}

/* Greatest sum first; else by what they are called, so that the order does not change. */
static int by_sum(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	if (x->sum != y->sum)
		return x->sum < y->sum ? 1 : -1;
	if (x->key.id != y->key.id)
		return x->key.id < y->key.id ? -1 : 1;
	return strncmp(x->name, y->name, sizeof(x->name));
}

static size_t put_curves(struct choosing *c, const struct aligned_want *want, size_t index,
			 struct aligned_curve *curves, size_t room)
{
	size_t count = 0;

	if (c->count)
		qsort(c->names, c->count, sizeof(*c->names), by_sum);
	for (; count < c->count && count < room && count < want->most; count++) {
		struct aligned_curve *curve = &curves[count];

		/* What never grew is not worth a curve. */
		if (c->names[count].sum <= 0)
			break;
		*curve = (struct aligned_curve){
			.key = c->names[count].key,
			.want = index,
			.source = want->source,
			.sum = c->names[count].sum,
			.stride = 1,
		};
		memcpy(curve->name, c->names[count].name, sizeof(curve->name));
	}
	return count;
}

int alignednames_choose(struct query *query, const struct query_filter *filter,
			const struct alignedgrid *grid, const struct aligned_want *want,
			size_t index, struct aligned_curve *curves, size_t room,
			size_t *ret_count)
{
	const struct spans_want any = { .key = want->key, .any = true };
	struct choosing *c = calloc(1, sizeof(*c));
	int r = c ? 0 : -ENOMEM;

	for (size_t i = 0; i < grid->parts_count && r == 0; i++) {
		struct spans_of of = {
			.boot = &grid->parts[i].boot,
			.source = want->source,
			.from_ns = filter->from_ns ? filter->from_ns : INT64_MIN,
			.to_ns = filter->to_ns ? filter->to_ns : INT64_MAX,
		};

		for (size_t k = 0; k < c->count; k++)
			c->names[k].has_last = false;
		r = spans_read(query, &of, ROLLUP_TIERS - 1, &any, 1, add_spans, c);
	}
	if (r == 0)
		*ret_count = put_curves(c, want, index, curves, room);
	if (c)
		free(c->names);
	free(c);
	return r;
}
