/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/totals.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/room.h"
#include "daemon/query/querypart.h"
#include "daemon/query/spans.h"

/* Sums while they are read, boot by boot. */
struct summing {
	struct totals *totals;
	const struct boot *boot;
	bool any, any_exits;
};

static const struct spans_want wants[] = {
	{ .key = { .kind = KEY_FIELD, .id = FIELD_EXITS } },
	{ .key = { .kind = KEY_REASON_COUNT }, .any = true },
	{ .key = { .kind = KEY_REASON_HANDLING }, .any = true },
	{ .key = { .kind = KEY_REASON_AWAY }, .any = true },
};

/* Where @number is, or would be. */
static size_t place_of(const struct totals *t, uint32_t number)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (t->reasons[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int totals_reason(struct totals *totals, uint32_t number, struct totals_reason **ret_reason)
{
	struct totals *t = totals;
	size_t at = place_of(t, number);

	*ret_reason = NULL;
	if (at < t->count && t->reasons[at].number == number) {
		*ret_reason = &t->reasons[at];
		return 0;
	}
	if (t->count == TOTALS_REASONS_MAX)
		return 0;
	if (!room_for_one(&t->reasons, t->count, &t->room, sizeof(*t->reasons)))
		return -ENOMEM;
	for (size_t i = t->count++; i > at; i--)
		t->reasons[i] = t->reasons[i - 1];
	t->reasons[at] = (struct totals_reason){ .number = number };
	*ret_reason = &t->reasons[at];
	return 0;
}

/* All exits tell the time; so it is known where a reason did not occur. */
static void add_time(struct summing *s, const struct span *span)
{
	struct totals *t = s->totals;
	int64_t from_ns = span->t_ns - (int64_t)span->ns;

	t->covered_s += span->ns / 1e9;
	t->vcpu_s += span->ns / 1e9 * s->boot->vcpus;
	t->has_times &= s->boot->vcpus > 0 && s->boot->tsc_khz > 0;
	t->from_ns = s->any_exits && t->from_ns < from_ns ? t->from_ns : from_ns;
	t->to_ns = s->any_exits && t->to_ns > span->t_ns ? t->to_ns : span->t_ns;
	s->any_exits = true;
}

static void add_sum(struct summing *s, size_t want, struct totals_reason *reason, uint64_t sum)
{
	double seconds = s->boot->tsc_khz ? sum / (s->boot->tsc_khz * 1000.0) : 0;

	switch (wants[want].key.kind) {
	case KEY_REASON_COUNT:
		reason->count += sum;
		s->totals->exits += sum;
		break;
	case KEY_REASON_HANDLING:
		reason->handling_cycles += sum;
		reason->handling_s += seconds;
		break;
	default:
		reason->away_cycles += sum;
		reason->away_s += seconds;
	}
}

static int add_spans(void *ctx, size_t want, const struct key *key, const struct span *spans,
		     size_t count)
{
	struct summing *s = ctx;
	struct totals_reason *reason;
	uint64_t sum = 0;
	int r;

	for (size_t i = 0; i < count; i++) {
		sum += spans[i].point.sum;
		if (key->kind == KEY_FIELD && spans[i].ns)
			add_time(s, &spans[i]);
	}
	if (key->kind == KEY_FIELD)
		return 0;
	s->any = true;
	s->totals->reason_namespace = s->boot->reason_namespace;
	r = totals_reason(s->totals, key->id, &reason);
	if (r == 0 && reason)
		add_sum(s, want, reason, sum);
	return r;
}

int totals_read(struct query *query, const struct query_filter *filter,
		enum sample_source source, struct totals *ret_totals)
{
	struct totals totals = { .has_times = true };
	struct summing s = { .totals = &totals };
	struct boot *boots;
	size_t count;
	int r = query_part_boots(query, filter, &boots, &count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r == 0; i++) {
		struct spans_of of = {
			.boot = &boots[i],
			.source = source,
			.from_ns = filter->from_ns ? filter->from_ns : INT64_MIN,
			.to_ns = filter->to_ns ? filter->to_ns : INT64_MAX,
		};

		s.boot = &boots[i];
		r = spans_read(query, &of, ROLLUP_TIERS - 1, wants,
			       sizeof(wants) / sizeof(wants[0]), add_spans, &s);
	}
	free(boots);
	if (r == 0 && !s.any)
		r = -ENOENT;
	if (r < 0) {
		totals_done(&totals);
		return r;
	}
	*ret_totals = totals;
	return 0;
}

void totals_done(struct totals *totals)
{
	free(totals->reasons);
	totals->reasons = NULL;
}
