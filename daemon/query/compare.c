/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/compare.h"

#include <errno.h>
#include <stdlib.h>

/* All boots as @try has it; *ret_lacks is the first without samples of that source. */
static int read_source(struct query *query, const struct boot *boots, size_t count,
		       const struct phases_try *try, size_t *ret_lacks, struct compare *c)
{
	int r = 0;

	c->source = try->source;
	for (c->count = 0; c->count < count; c->count++) {
		r = phases_read(query, &boots[c->count], try->source, &c->boots[c->count]);
		if (r < 0)
			break;
	}
	if (r == -ENOENT)
		*ret_lacks = c->count;
	for (size_t i = 0; i < c->count && r == 0; i++) {
		if (try->with_reasons && !phases_has_reasons(&c->boots[i]))
			r = -ENOENT;
	}
	return r;
}

static void forget(struct compare *c)
{
	for (size_t i = 0; i < c->count; i++)
		phases_done(&c->boots[i]);
	c->count = 0;
}

int compare_read(struct query *query, const struct boot *boots, size_t count, unsigned int sources,
		 size_t ret_lacks[SOURCES], struct compare **ret_compare)
{
	struct compare *c = calloc(1, sizeof(*c));
	int r = -ENOENT;

	if (!c)
		return -ENOMEM;
	for (int i = 0; i < PHASES_TRIES && r == -ENOENT; i++) {
		const struct phases_try *try = &phases_tries[i];

		if (sources && !(sources & 1 << try->source))
			continue;
		forget(c);
		r = read_source(query, boots, count, try, &ret_lacks[try->source], c);
	}
	if (r < 0) {
		compare_free(c);
		return r;
	}
	*ret_compare = c;
	return 0;
}

void compare_free(struct compare *compare)
{
	if (!compare)
		return;
	forget(compare);
	free(compare);
}

bool compare_parts(const struct compare *compare, enum bootphase name,
		   const struct phases_part *ret_parts[COMPARE_MAX])
{
	bool any = false;

	for (size_t b = 0; b < compare->count; b++) {
		const struct phases *p = &compare->boots[b];

		ret_parts[b] = NULL;
		for (size_t i = 0; i < p->count; i++) {
			if (p->parts[i].name == name)
				ret_parts[b] = &p->parts[i];
		}
		any |= ret_parts[b] != NULL;
	}
	return any;
}

void compare_totals(const struct compare *compare,
		    const struct phases_part *ret_parts[COMPARE_MAX])
{
	for (size_t b = 0; b < compare->count; b++)
		ret_parts[b] = &compare->boots[b].total;
}

static int by_number(const void *a, const void *b)
{
	const struct compare_reason *x = a, *y = b;

	if (x->reason_namespace != y->reason_namespace)
		return x->reason_namespace < y->reason_namespace ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static uint64_t most(const struct compare_reason *reason, bool away)
{
	uint64_t most = 0;

	for (size_t b = 0; b < COMPARE_MAX; b++) {
		const struct totals_reason *of = reason->of[b];
		uint64_t value = !of ? 0 : away ? of->away_cycles : of->count;

		most = value > most ? value : most;
	}
	return most;
}

static int by_most(const void *a, const void *b)
{
	for (int away = 0; away < 2; away++) {
		uint64_t x = most(a, away), y = most(b, away);

		if (x != y)
			return x < y ? 1 : -1;
	}
	return by_number(a, b);
}

static int by_key(const void *key, const void *entry)
{
	uint32_t number = *(const uint32_t *)key;
	const struct totals_reason *reason = entry;

	return number < reason->number ? -1 : number > reason->number;
}

/* What a boot's part has of a reason, as struct compare_reason says. */
static const struct totals_reason *of_part(const struct phases *boot, const struct phases_part *part,
					   const struct compare_reason *reason)
{
	static const struct totals_reason none;
	const struct totals *t = part ? &part->totals : NULL;
	const struct totals_reason *found = NULL;

	if (!part || part->exits.ns == 0 || boot->total.totals.count == 0 ||
	    boot->boot.reason_namespace != reason->reason_namespace)
		return NULL;
	if (t->count)
		found = bsearch(&reason->number, t->reasons, t->count, sizeof(*t->reasons), by_key);
	return found ? found : &none;
}

int compare_reasons(const struct compare *compare, const struct phases_part *const *parts,
		    struct compare_reason **ret_reasons, size_t *ret_count)
{
	struct compare_reason *list;
	size_t room = 1, count = 0, all = 0;

	for (size_t b = 0; b < compare->count; b++)
		room += parts[b] ? parts[b]->totals.count : 0;
	list = calloc(room, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (size_t b = 0; b < compare->count; b++) {
		for (size_t i = 0; parts[b] && i < parts[b]->totals.count; i++)
			list[all++] = (struct compare_reason){
				.reason_namespace = compare->boots[b].boot.reason_namespace,
				.number = parts[b]->totals.reasons[i].number,
			};
	}
	qsort(list, all, sizeof(*list), by_number);
	for (size_t i = 0; i < all; i++) {
		if (count && by_number(&list[count - 1], &list[i]) == 0)
			continue;
		list[count++] = list[i];
	}
	for (size_t i = 0; i < count; i++) {
		for (size_t b = 0; b < compare->count; b++)
			list[i].of[b] = of_part(&compare->boots[b], parts[b], &list[i]);
	}
	qsort(list, count, sizeof(*list), by_most);
	*ret_reasons = list;
	*ret_count = count < COMPARE_REASONS_MAX ? count : COMPARE_REASONS_MAX;
	return 0;
}
