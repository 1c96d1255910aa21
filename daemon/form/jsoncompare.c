/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsoncompare.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/form/exportform.h"
#include "daemon/form/jsonparts.h"
#include "daemon/form/jsonphases.h"
#include "guest-agent/shared/reason.h"

/* What is compared, of parts and of reasons. */
static const char *const of_parts[] = { "seconds", "exits", "rate", "handling_share",
					"away_share", "lost_share", NULL };
static const char *const of_reasons[] = { "count", "rate", "handling", "away", NULL };

static json_t *difference_of(json_t *base, json_t *value)
{
	double a = json_number_value(base), b = json_number_value(value);

	bool whole = json_is_integer(base) && json_is_integer(value);

	if (!json_is_number(base) || !json_is_number(value))
		return json_null();
	return json_pack("{soso}", "absolute",
			 whole ? json_integer(json_integer_value(value) - json_integer_value(base))
			       : json_real(b - a),
			 "ratio", a != 0 ? json_real(b / a) : json_null());
}

/* Each of @list against its first: null for that, and where one of the two is null. */
static json_t *differences_of(json_t *list, const char *const *names)
{
	json_t *base = json_array_get(list, 0), *differences = json_array(), *value;
	size_t i;

	json_array_foreach(list, i, value) {
		json_t *object = NULL;

		if (i > 0 && json_is_object(base) && json_is_object(value))
			object = json_object();
		for (size_t n = 0; object && names[n]; n++)
			(void)json_object_set_new(object, names[n],
						  difference_of(json_object_get(base, names[n]),
								json_object_get(value, names[n])));
		differences = jsonphases_append(differences, object ? object : json_null());
	}
	return differences;
}

/* @row with its boots and what these differ by. Takes ownership of both. */
static json_t *compared(json_t *row, json_t *boots, const char *const *names)
{
	return jsonphases_join(row, json_pack("{soso}", "boots", boots, "difference",
					      differences_of(boots, names)));
}

static json_t *reason_of(const struct compare *c, const struct phases_part *const *parts,
			 const struct compare_reason *r)
{
	const char *name = reason_name(r->reason_namespace, r->number);
	json_t *boots = json_array();

	for (size_t b = 0; b < c->count; b++)
		boots = jsonphases_append(
			boots, r->of[b] ? jsonphases_reason(&c->boots[b], parts[b], r->of[b])
					: json_null());
	return compared(json_pack("{sIsoso}", "number", (json_int_t)r->number, "name",
				  name ? json_string(name) : json_null(), "namespace",
				  jsonparts_text_or_null(exportform_namespace(r->reason_namespace))),
			boots, of_reasons);
}

static json_t *reasons_of(const struct compare *c, const struct phases_part *const *parts)
{
	struct compare_reason *reasons;
	json_t *list = json_array();
	size_t count;

	if (compare_reasons(c, parts, &reasons, &count) < 0) {
		json_decref(list);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		list = jsonphases_append(list, reason_of(c, parts, &reasons[i]));
	free(reasons);
	return list;
}

static json_t *phase_of(const struct compare *c, enum bootphase name,
			const struct phases_part *const *parts)
{
	json_t *boots = json_array();

	for (size_t b = 0; b < c->count; b++)
		boots = jsonphases_append(
			boots, parts[b] ? jsonphases_sums(&c->boots[b], parts[b]) : json_null());
	return compared(json_pack("{ssso}", "name", bootphase_name(name), "reasons",
				  reasons_of(c, parts)),
			boots, of_parts);
}

static json_t *phases_of(const struct compare *c)
{
	const struct phases_part *parts[COMPARE_MAX];
	json_t *list = json_array();

	for (int name = 0; name < BOOTPHASES; name++) {
		if (compare_parts(c, name, parts))
			list = jsonphases_append(list, phase_of(c, name, parts));
	}
	return list;
}

static json_t *boot_of(const struct query_vm *vm, const struct phases *p)
{
	return jsonphases_join(
		json_pack("{sosIsosososo}", "vm", jsonparts_vm(vm), "boot", (json_int_t)p->boot.number,
			  "opened", jsonparts_seconds(p->boot.opened_ns), "closed",
			  p->boot.closed_ns ? jsonparts_seconds(p->boot.closed_ns) : json_null(),
			  "kernel", jsonparts_text_or_null(p->boot.kernel), "namespace",
			  jsonparts_text_or_null(exportform_namespace(p->boot.reason_namespace))),
		jsonphases_sums(p, &p->total));
}

int jsoncompare_text(const struct query_vm *vms, const struct compare *compare, char **ret_text)
{
	const struct phases_part *totals[COMPARE_MAX];
	json_t *boots = json_array();

	compare_totals(compare, totals);
	for (size_t b = 0; b < compare->count; b++)
		boots = jsonphases_append(boots, boot_of(&vms[b], &compare->boots[b]));
	return jsonparts_finish(
		compared(json_pack("{sssoso}", "source", jsonparts_source(compare->source), "phases",
				   phases_of(compare), "reasons", reasons_of(compare, totals)),
			 boots, of_parts),
		ret_text);
}
