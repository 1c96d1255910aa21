/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsonevents.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/query/eventquery.h"
#include "daemon/form/jsonparts.h"
#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/reason.h"

static const char *const mark_kinds[] = {
	[0] = "unknown",
	[PROTO_MARK_INSTANT] = "instant",
	[PROTO_MARK_BEGIN] = "begin",
	[PROTO_MARK_END] = "end",
	[PROTO_MARK_PHASE] = "phase",
};

struct events_context {
	struct query *query;
	const struct query_filter *filter;
	const struct boot *boot;
	json_t *list;			/* marks or gaps */
	json_t *quarantined;
};

static int add_mark(void *ctx, const struct mark *mark)
{
	struct events_context *c = ctx;

	return json_array_append_new(
		c->list,
		json_pack("{sI so so ss ss so sI sI so}", "boot", (json_int_t)c->boot->number, "t",
			  jsonparts_seconds(mark->t_ns), "uptime", json_real(mark->t_boot_ns / 1000 / 1e6),
			  "kind", NAME_OF(mark_kinds, mark->kind), "label", mark->label, "begin",
			  jsonparts_count(mark->begin, mark->begin), "sequence",
			  (json_int_t)mark->sequence, "uid", (json_int_t)mark->uid, "status",
			  jsonparts_count(mark->has_status, mark->status)));
}

static json_t *range_of(const struct boot *boot, const struct range *range, const char *cause)
{
	return json_pack("{sIsososIsIsoss}", "boot", (json_int_t)boot->number, "from",
			 jsonparts_seconds(range->from_ns), "to", jsonparts_seconds(range->to_ns), "from_sequence",
			 (json_int_t)range->from, "to_sequence", (json_int_t)range->to, "count",
			 jsonparts_count(range->count >= 0, range->count), "cause", cause);
}

static int add_gap(void *ctx, enum sample_source source, const struct range *range)
{
	struct events_context *c = ctx;
	json_t *gap = range_of(c->boot, range, jsonparts_gap_cause(range->cause));

	(void)json_object_set_new(gap, "source", json_string(jsonparts_source(source)));
	return json_array_append_new(c->list, gap);
}

static int add_quarantined(void *ctx, enum sample_source source, const struct range *range)
{
	struct events_context *c = ctx;

	(void)source;
	return json_array_append_new(
		c->quarantined,
		range_of(c->boot, range, jsonparts_quarantine_cause(range->cause)));
}

static bool is_wanted(const struct events_context *c, const struct boot *boot)
{
	return (c->filter->boot == 0 || boot->number == c->filter->boot) &&
	       json_array_size(c->list) < EVENTQUERY_MAX;
}

static int add_boots_marks(void *ctx, const struct boot *boot)
{
	struct events_context *c = ctx;

	c->boot = boot;
	return is_wanted(c, boot) ? eventquery_marks(c->query, boot, c->filter, add_mark, c) : 0;
}

static int add_boots_gaps(void *ctx, const struct boot *boot)
{
	struct events_context *c = ctx;
	int r = 0;

	c->boot = boot;
	if (is_wanted(c, boot))
		r = eventquery_ranges(c->query, boot, RANGE_GAP, c->filter, add_gap, c);
	if (r == 0 && is_wanted(c, boot))
		r = eventquery_ranges(c->query, boot, RANGE_QUARANTINE, c->filter, add_quarantined,
				      c);
	return r;
}

int jsonevents_marks(struct query *query, const struct query_vm *vm, const struct query_filter *filter,
		  char **ret_text)
{
	struct events_context c = { .query = query, .filter = filter, .list = json_array() };
	int r = query_boots(query, vm->id, add_boots_marks, &c);

	if (r != 0) {
		json_decref(c.list);
		return r < 0 ? r : -ENOMEM;
	}
	return jsonparts_finish(json_pack("{soso}", "vm", jsonparts_vm(vm), "marks", c.list), ret_text);
}

int jsonevents_gaps(struct query *query, const struct query_vm *vm, const struct query_filter *filter,
		 char **ret_text)
{
	struct events_context c = { .query = query, .filter = filter, .list = json_array(),
				    .quarantined = json_array() };
	int r = query_boots(query, vm->id, add_boots_gaps, &c);

	if (r != 0) {
		json_decref(c.list);
		json_decref(c.quarantined);
		return r < 0 ? r : -ENOMEM;
	}
	return jsonparts_finish(json_pack("{sososo}", "vm", jsonparts_vm(vm), "gaps", c.list, "quarantined",
				c.quarantined),
		      ret_text);
}

/* What the list of @detail has of @number; zeros if nothing. */
static struct detail_entry entry_of(const struct eventquery_detail *detail, uint32_t number)
{
	struct detail_entry entry;
	struct detail_iter iter;

	if (!detail || !detail_find(detail->detail, detail->len, DETAIL_REASONS, &iter))
		return (struct detail_entry){ 0 };
	while (detail_next(&iter, &entry)) {
		if (entry.id == number)
			return entry;
	}
	return (struct detail_entry){ 0 };
}

static json_t *reason_of(const struct boot *boot, const struct detail_entry *entry)
{
	const char *name = reason_name(boot->reason_namespace, entry->id);
	double khz = boot->tsc_khz;

	return json_pack("{sIsosIsIsIsoso}", "number", (json_int_t)entry->id, "name",
			 name ? json_string(name) : json_null(), "count",
			 (json_int_t)entry->value, "handling_cycles",
			 (json_int_t)entry->handling_cycles, "away_cycles",
			 (json_int_t)entry->away_cycles, "handling",
			 khz > 0 ? json_real(entry->handling_cycles / khz / 1000) : json_null(),
			 "away",
			 khz > 0 ? json_real(entry->away_cycles / khz / 1000) : json_null());
}

/* What happened between the two, without what did not. */
static json_t *reasons_between(const struct boot *boot, const struct eventquery_detail *first,
			       const struct eventquery_detail *last)
{
	/* An entry takes four bytes at least. */
	static _Thread_local struct detail_entry entries[FRAME_PAYLOAD_MAX / 4];
	json_t *list = json_array();
	struct detail_entry entry;
	struct detail_iter iter;
	size_t count = 0;

	if (!detail_find(last->detail, last->len, DETAIL_REASONS, &iter))
		return list;
	while (detail_next(&iter, &entry)) {
		struct detail_entry before = entry_of(first, entry.id);

		entry.value -= before.value;
		entry.handling_cycles -= before.handling_cycles;
		entry.away_cycles -= before.away_cycles;
		if (entry.value || entry.away_cycles)
			entries[count++] = entry;
	}
	qsort(entries, count, sizeof(entries[0]), jsonparts_by_weight);
	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list, reason_of(boot, &entries[i]));
	return list;
}

int jsonevents_reasons(struct query *query, const struct query_vm *vm, const struct boot *boot,
		       enum sample_source source, char **ret_text)
{
	bool from_zero = boot->cause == BOOT_CREATED;
	struct eventquery_detail first, last;
	int64_t from_ns = boot->opened_ns;
	int r = eventquery_detail(query, boot, source, true, &last);

	if (r == 0 && !from_zero) {
		r = eventquery_detail(query, boot, source, false, &first);
		from_ns = r == 0 ? first.t_ns : 0;
	}
	if (r < 0)
		return r;
	return jsonparts_finish(
		json_pack("{sosIsssosososo}", "vm", jsonparts_vm(vm), "boot",
			  (json_int_t)boot->number, "source", jsonparts_source(source), "from",
			  jsonparts_seconds(from_ns), "to", jsonparts_seconds(last.t_ns),
			  "complete", json_boolean(from_zero), "reasons",
			  reasons_between(boot, from_zero ? NULL : &first, &last)),
		ret_text);
}
