/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/liststep.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define MILLI_PER_NS 1e12		/* one a nanosecond, in thousandths a second */

/* Below them an interval says nothing of a rate, as for rate.h. */
#define LEAST_NS 1000000
#define LEAST_FIRST_NS 500000000

enum {
#define X(identifier, number) COUNT_##identifier,
	DETAIL_MAP(X)
#undef X
	COUNT
};
static_assert(COUNT == LISTSTEP_LISTS && BUCKET_LIST_NS + COUNT == BUCKETS && DETAIL_UNITS - DETAIL_FIRST + 1 == COUNT,
	      "lists are counted from DETAIL_FIRST");

/* What all rows of a chunk have, or may have. */
struct rows {
	size_t count, next_gap;
	const struct chunk_column *t;
	const struct chunk_column *gap, *lists;	/* or NULL */
};

static const struct chunk_column *field(struct chunk *chunk, uint32_t id)
{
	struct key key = { .kind = KEY_FIELD, .id = id };

	return chunk_find(chunk, &key);
}

static int open_rows(struct chunk *chunk, struct rows *ret_rows)
{
	struct rows r = {
		.count = chunk_rows(chunk),
		.t = field(chunk, FIELD_T_NS),
		.gap = field(chunk, FIELD_GAP),
		.lists = field(chunk, FIELD_LISTS),
	};

	if (chunk_is_damaged(chunk) || !r.t || r.t->count != r.count ||
	    (r.lists && r.lists->count != r.count))
		return -EBADMSG;
	*ret_rows = r;
	return 0;
}

static bool has_list(const struct rows *r, size_t row, unsigned int list)
{
	return list == LISTSTEP_NO_LIST || !r->lists || r->lists->values[row] >> list & 1;
}

/* Whether there is a gap before @row; rows are asked for in order. */
static bool is_gap(struct rows *r, size_t row)
{
	bool gap = r->gap && r->next_gap < r->gap->count && r->gap->rows[r->next_gap] == row;

	r->next_gap += gap;
	return gap;
}

unsigned int liststep_list(const struct key *key)
{
	static const uint8_t lists[KEY_KINDS] = {
		[KEY_FIELD] = LISTSTEP_NO_LIST,
		[KEY_WORKLOAD] = LISTSTEP_NO_LIST,
		[KEY_REASON_COUNT] = DETAIL_REASONS - DETAIL_FIRST,
		[KEY_REASON_HANDLING] = DETAIL_REASONS - DETAIL_FIRST,
		[KEY_REASON_AWAY] = DETAIL_REASONS - DETAIL_FIRST,
		[KEY_VCPU_COUNT] = DETAIL_VCPUS - DETAIL_FIRST,
		[KEY_VCPU_HANDLING] = DETAIL_VCPUS - DETAIL_FIRST,
		[KEY_INTERRUPT] = DETAIL_INTERRUPTS - DETAIL_FIRST,
		[KEY_PROCESS] = DETAIL_PROCESSES - DETAIL_FIRST,
		[KEY_UNIT] = DETAIL_UNITS - DETAIL_FIRST,
		[KEY_BUCKET] = LISTSTEP_NO_LIST,
	};

	return key->kind < KEY_KINDS ? lists[key->kind] : LISTSTEP_NO_LIST;
}

/* The step to @row, of the list that @before had last at @before_ns. */
static struct liststep step_to(size_t row, int64_t t_ns, int32_t before, int64_t before_ns,
			       bool over_gap)
{
	/* In front of row 0 there is nothing, and what is sealed lies in front of no other. */
	bool next = before >= 0 ? (size_t)before + 1 == row : row == 0;
	struct liststep step = { .before = before };

	if (before == LISTSTEP_NOWHERE || over_gap || t_ns <= before_ns ||
	    (!next && t_ns - before_ns > LISTSTEP_FAR_NS))
		return step;
	step.ns = t_ns - before_ns;
	if (step.ns >= (before == LISTSTEP_ZERO ? LEAST_FIRST_NS : LEAST_NS))
		step.per_ns = MILLI_PER_NS / step.ns;
	return step;
}

/* @begins: row 0 counts as one that has the list. */
static void make_steps(struct rows *r, unsigned int list, bool begins, int32_t before,
		       int64_t before_ns, bool over_gap, struct liststep *steps)
{
	r->next_gap = 0;
	for (size_t row = 0; row < r->count; row++) {
		over_gap |= is_gap(r, row);
		if (has_list(r, row, list))
			steps[row] = step_to(row, r->t->values[row], before, before_ns, over_gap);
		else if (row > 0 || !begins)
			continue;
		before = row;
		before_ns = r->t->values[row];
		over_gap = false;
	}
}

int liststeps_make(struct chunk *chunk, const struct listleads *leads, bool first,
		   bool from_zero, int64_t opened_ns, struct liststeps *ret_steps)
{
	struct liststep *steps;
	struct rows rows;
	int r = open_rows(chunk, &rows);

	if (r < 0)
		return r;
	steps = calloc((LISTSTEP_LISTS + 1) * (rows.count + 1), sizeof(*steps));
	if (!steps)
		return -ENOMEM;
	for (unsigned int list = 0; list <= LISTSTEP_LISTS; list++) {
		bool processes = list == LISTSTEP_PROCESSES;
		bool zero = ((first && from_zero) || (leads && leads->zero >> list & 1)) &&
			    !processes;
		int32_t before = zero ? LISTSTEP_ZERO : LISTSTEP_NOWHERE;
		int64_t before_ns = opened_ns;
		bool begins;

		if (leads && list < LISTSTEP_LISTS && leads->of[list].chunk) {
			before = LISTSTEP_LEAD;
			before_ns = leads->of[list].t_ns;
		}
		/* The boot's first sample may be a row that stands in front of the chunk's own. */
		begins = processes && rows.count &&
			 (first || (before == LISTSTEP_LEAD && before_ns == (int64_t)rows.t->values[0]));
		make_steps(&rows, list, begins, before, before_ns,
			   leads && leads->over_gap >> list & 1, &steps[list * rows.count]);
	}
	*ret_steps = (struct liststeps){ steps, leads, rows.count };
	return 0;
}

void liststeps_done(struct liststeps *steps)
{
	free(steps->steps);
	steps->steps = NULL;
}

unsigned int liststep_open(struct chunk *chunk, unsigned int lists)
{
	unsigned int open = 0, seen = 0;
	struct rows r;

	if (open_rows(chunk, &r) < 0 || !r.lists)
		return 0;
	for (size_t row = 0; row < r.count && seen != lists; row++) {
		unsigned int has = r.lists->values[row] & lists;

		if (row > 0)
			open |= has & ~seen;
		seen |= has;
	}
	return open;
}

/* The value of @key where its list was last, in front of the chunk. */
static bool lead_value(const struct listleads *leads, unsigned int list, const struct key *key,
		       uint64_t *ret_value)
{
	const struct chunk_column *c = chunk_find(leads->of[list].chunk, key);

	for (size_t i = 0; c && i < c->count && c->rows[i] <= leads->of[list].row; i++) {
		if (c->rows[i] != leads->of[list].row)
			continue;
		*ret_value = c->values[i];
		return true;
	}
	return false;
}

bool liststeps_before_first(const struct liststeps *s, const struct chunk_column *c,
			    uint64_t *ret_before)
{
	unsigned int list = liststep_list(&c->key);
	int32_t before = liststeps_of(s, list)[c->rows[0]].before;

	*ret_before = 0;
	if (before == LISTSTEP_LEAD) {
		if (lead_value(s->leads, list, &c->key, ret_before))
			return true;
		if (chunk_is_damaged(s->leads->of[list].chunk))
			return false;
	}
	/* A counter of the VM that comes to a list was zero as long as it was in none. */
	return key_is_vm_counter(&c->key) && before != LISTSTEP_NOWHERE &&
	       (before == LISTSTEP_ZERO || list != LISTSTEP_NO_LIST);
}
