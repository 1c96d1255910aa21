/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsonphases.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/form/jsonparts.h"
#include "guest-agent/shared/reason.h"

static json_t *real_or_null(bool known, double value)
{
	return known ? json_real(value) : json_null();
}

static json_t *share_of(const struct phases *p, const struct phases_sum *sum)
{
	double share = 0;
	bool known = phases_share(&p->boot, sum, &share);

	return real_or_null(known, share);
}

/* The most frequent first, then those that took the most time. */
static int by_weight(const void *a, const void *b)
{
	const struct totals_reason *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	if (x->away_cycles != y->away_cycles)
		return x->away_cycles < y->away_cycles ? 1 : -1;
	return x->number < y->number ? -1 : x->number > y->number;
}

json_t *jsonphases_join(json_t *into, json_t *from)
{
	if (!into || !from || json_object_update(into, from) < 0) {
		json_decref(into);
		into = NULL;
	}
	json_decref(from);
	return into;
}

json_t *jsonphases_append(json_t *list, json_t *value)
{
	/* Frees the value if it cannot, or the list is none. */
	if (json_array_append_new(list, value) == 0)
		return list;
	json_decref(list);
	return NULL;
}

json_t *jsonphases_reason(const struct phases *phases, const struct phases_part *part,
			  const struct totals_reason *reason)
{
	double seconds = part->exits.ns / 1e9;
	bool has_clock = phases->boot.tsc_khz > 0;

	return json_pack("{sIsososo}", "count", (json_int_t)reason->count, "rate",
			 real_or_null(seconds > 0, seconds > 0 ? reason->count / seconds : 0),
			 "handling",
			 real_or_null(has_clock && part->has_reason_handling, reason->handling_s),
			 "away", real_or_null(has_clock && part->has_reason_away, reason->away_s));
}

static json_t *reason_of(const struct phases *p, const struct phases_part *part,
			 const struct totals_reason *r)
{
	const char *name = reason_name(p->boot.reason_namespace, r->number);

	return jsonphases_join(json_pack("{sIso}", "number", (json_int_t)r->number, "name",
					 name ? json_string(name) : json_null()),
			       jsonphases_reason(p, part, r));
}

json_t *jsonphases_reasons(const struct phases *phases, const struct phases_part *part)
{
	size_t count = part->totals.count;
	struct totals_reason *sorted = malloc((count ? count : 1) * sizeof(*sorted));
	json_t *list = sorted ? json_array() : NULL;

	if (list && count) {
		memcpy(sorted, part->totals.reasons, count * sizeof(*sorted));
		qsort(sorted, count, sizeof(*sorted), by_weight);
	}
	for (size_t i = 0; list && i < count; i++)
		list = jsonphases_append(list, reason_of(phases, part, &sorted[i]));
	free(sorted);
	return list;
}

json_t *jsonphases_sums(const struct phases *phases, const struct phases_part *part)
{
	double rate = 0;
	bool known = phases_rate(part, &rate);

	return json_pack("{sbsfsfsosososososo}", "complete", part->complete, "seconds",
			 phases_seconds(part), "covered", part->exits.ns / 1e9, "exits",
			 jsonparts_count(known, part->exits.sum), "shared",
			 jsonparts_count(known, part->shared), "rate", real_or_null(known, rate),
			 "handling_share", share_of(phases, &part->handling), "away_share",
			 share_of(phases, &part->away), "lost_share",
			 share_of(phases, &part->away));
}

static json_t *with_reasons(const struct phases *p, const struct phases_part *part)
{
	return jsonphases_join(jsonphases_sums(p, part),
			       json_pack("{so}", "reasons", jsonphases_reasons(p, part)));
}

static json_t *part_of(const struct phases *p, const struct phases_part *part)
{
	return jsonphases_join(json_pack("{sssoso}", "name", bootphase_name(part->name), "from",
					 jsonparts_seconds(part->from_ns), "to",
					 part->is_on ? json_null()
						     : jsonparts_seconds(part->to_ns)),
			       with_reasons(p, part));
}

int jsonphases_text(const struct query_vm *vm, const struct phases *phases, char **ret_text)
{
	const struct phases *p = phases;
	json_t *list = json_array();

	for (size_t i = 0; i < p->count; i++)
		list = jsonphases_append(list, part_of(p, &p->parts[i]));
	return jsonparts_finish(
		json_pack("{sosIsssososbsososo}", "vm", jsonparts_vm(vm), "boot",
			  (json_int_t)p->boot.number, "source", jsonparts_source(p->source), "opened",
			  jsonparts_seconds(p->boot.opened_ns), "closed",
			  p->boot.closed_ns ? jsonparts_seconds(p->boot.closed_ns) : json_null(),
			  "complete", p->complete, "gap_exits",
			  jsonparts_count(p->has_gap_exits, p->gap_exits), "total",
			  with_reasons(p, &p->total), "phases", list),
		ret_text);
}
