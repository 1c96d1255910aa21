/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/phases.h"

#include "daemon/query/spans.h"

/*
 * So far behind a phase's begin samples are read one by one: the first ends over the edge,
 * and so does the first with a list. Where there is none, so many times as far.
 */
#define HEAD_NS LISTSTEP_FAR_NS
#define HEAD_MORE 16
/* Clocks are slewed. */
#define UNCOVERED_NS 1000000
/* Nobody samples a VM that has ended; the last sample may be so old then. */
#define UNCOVERED_END_NS 5000000000LL

/* Sums while they are read. */
struct reading {
	struct phases *phases;
	int64_t after_ns, upto_ns;	/* spans that end in this are to be taken now */
	bool any;			/* there was one */
};

static const struct spans_want wants[] = {
	{ .key = { .kind = KEY_FIELD, .id = FIELD_EXITS } },
	{ .key = { .kind = KEY_FIELD, .id = FIELD_HANDLING } },
	{ .key = { .kind = KEY_FIELD, .id = FIELD_AWAY } },
	{ .key = { .kind = KEY_REASON_COUNT }, .any = true },
	{ .key = { .kind = KEY_REASON_HANDLING }, .any = true },
	{ .key = { .kind = KEY_REASON_AWAY }, .any = true },
};

/* One series in one phase. */
struct share {
	uint64_t sum, ns, shared;
};

/* The phase that was on behind @t_ns; what is before the boot belongs to the first. */
static size_t part_at(const struct phases *p, int64_t t_ns)
{
	size_t i = 0;

	while (i + 1 < p->count && p->parts[i + 1].from_ns <= t_ns)
		i++;
	return i;
}

/* Cumulative and rounded down at each edge: nothing is lost, nothing comes twice. */
static void share_out(const struct phases *p, const struct span *span, struct share *shares)
{
	int64_t begin_ns = span->t_ns - (int64_t)span->ns;
	size_t first = part_at(p, begin_ns), i = first;
	uint64_t sum = 0, ns = 0;
	bool last;

	do {
		uint64_t sum_before = sum, ns_before = ns;

		last = i + 1 == p->count || p->parts[i + 1].from_ns >= span->t_ns;
		ns = last ? span->ns : (uint64_t)(p->parts[i + 1].from_ns - begin_ns);
		sum = last ? span->point.sum : (unsigned __int128)span->point.sum * ns / span->ns;
		shares[i].sum += sum - sum_before;
		shares[i].ns += ns - ns_before;
		if (!last || i > first)
			shares[i].shared += sum - sum_before;
		i++;
	} while (!last);
}

static void add_field(struct phases_part *part, uint32_t field, const struct share *share)
{
	struct phases_sum *sum = field == FIELD_EXITS      ? &part->exits
				 : field == FIELD_HANDLING ? &part->handling
							   : &part->away;

	sum->sum += share->sum;
	sum->ns += share->ns;
	if (field == FIELD_EXITS)
		part->shared += share->shared;
}

static int add_reason(struct phases_part *part, const struct boot *boot, const struct key *key,
		      uint64_t sum)
{
	double seconds = boot->tsc_khz ? sum / (boot->tsc_khz * 1000.0) : 0;
	struct totals *t = &part->totals;
	struct totals_reason *reason;
	int r = totals_reason(t, key->id, &reason);

	if (r < 0 || !reason)
		return r;
	if (key->kind == KEY_REASON_COUNT) {
		reason->count += sum;
		t->exits += sum;
	} else if (key->kind == KEY_REASON_HANDLING) {
		reason->handling_cycles += sum;
		reason->handling_s += seconds;
	} else {
		reason->away_cycles += sum;
		reason->away_s += seconds;
	}
	return 0;
}

static int add_share(struct phases_part *part, const struct boot *boot, const struct key *key,
		     const struct share *share)
{
	if (key->kind == KEY_FIELD) {
		add_field(part, key->id, share);
		return 0;
	}
	part->has_reason_handling |= key->kind == KEY_REASON_HANDLING && share->ns;
	part->has_reason_away |= key->kind == KEY_REASON_AWAY && share->ns;
	return share->sum ? add_reason(part, boot, key, share->sum) : 0;
}

/*
 * A rollup's bucket that has to serve whole is answered to each range of which it has a sample.
 * It is taken once, where its last sample is.
 */
static int add_spans(void *ctx, size_t want, const struct key *key, const struct span *spans,
		     size_t count)
{
	struct reading *r = ctx;
	struct phases *p = r->phases;
	struct share shares[BOOTPHASE_MAX] = { 0 };
	int e = 0;

	(void)want;
	for (size_t i = 0; i < count; i++) {
		if (spans[i].t_ns <= r->after_ns || spans[i].t_ns > r->upto_ns)
			continue;
		r->any = true;
		if (spans[i].ns)
			share_out(p, &spans[i], shares);
	}
	for (size_t i = 0; i < p->count && e == 0; i++) {
		if (shares[i].ns)
			e = add_share(&p->parts[i], &p->boot, key, &shares[i]);
	}
	return e;
}

/* What ends behind @after_ns, up to @upto_ns, from rollups of at most @tier. */
static int read_range(struct query *query, struct reading *r, int64_t after_ns, int64_t upto_ns,
		      int tier)
{
	struct spans_of of = {
		.boot = &r->phases->boot,
		.source = r->phases->source,
		.from_ns = after_ns == INT64_MIN ? after_ns : after_ns + 1,
		.to_ns = upto_ns,
	};

	r->after_ns = after_ns;
	r->upto_ns = upto_ns;
	return spans_read(query, &of, tier, wants, sizeof(wants) / sizeof(wants[0]), add_spans, r);
}

/* What ends in phase @i: sample by sample at its begin, then from rollups. */
static int read_part(struct query *query, struct reading *r, size_t i)
{
	const struct phases *p = r->phases;
	int64_t after_ns = i ? p->parts[i].from_ns : INT64_MIN;
	int64_t upto_ns = i + 1 < p->count ? p->parts[i + 1].from_ns : INT64_MAX;
	int64_t width_ns = HEAD_NS, head_ns;
	int e;

	r->any = false;
	do {
		bool fits = width_ns < upto_ns - p->parts[i].from_ns;

		head_ns = fits ? p->parts[i].from_ns + width_ns : upto_ns;
		e = read_range(query, r, after_ns, head_ns, 0);
		after_ns = head_ns;
		width_ns = width_ns < INT64_MAX / HEAD_MORE ? width_ns * HEAD_MORE : INT64_MAX;
	} while (e == 0 && !r->any && head_ns < upto_ns);
	return e == 0 && head_ns < upto_ns
		       ? read_range(query, r, head_ns, upto_ns, ROLLUP_TIERS - 1)
		       : e;
}

static int read_parts(struct query *query, struct phases *p)
{
	struct reading r = { .phases = p };
	int e = 0;

	for (size_t i = 0; i < p->count && e == 0; i++)
		e = read_part(query, &r, i);
	return e;
}

/* The times of all phases, before sums come into them. */
static int lay_out(struct query *query, struct phases *p)
{
	struct spans_of of = { &p->boot, p->source, INT64_MIN, INT64_MAX };
	struct bootphases begins;
	int64_t first_ns, last_ns, end_ns;
	int r = spans_times(query, &of, &first_ns, &last_ns);

	if (r == 0)
		r = bootphase_read(query, &p->boot, &begins);
	if (r < 0)
		return r;
	end_ns = p->boot.closed_ns ? p->boot.closed_ns : last_ns;
	p->count = begins.count;
	for (size_t i = 0; i < p->count; i++) {
		struct phases_part *part = &p->parts[i];
		bool last = i + 1 == p->count;

		part->name = begins.at[i].name;
		part->from_ns = begins.at[i].from_ns;
		part->to_ns = last ? end_ns : begins.at[i + 1].from_ns;
		part->to_ns = part->to_ns > part->from_ns ? part->to_ns : part->from_ns;
		part->is_on = last && !p->boot.closed_ns;
	}
	return 0;
}

/* What a part's sums say together, in the terms of totals.h. */
static void finish_part(const struct boot *boot, struct phases_part *part)
{
	struct totals *t = &part->totals;
	bool ends = !part->is_on && part->to_ns == boot->closed_ns;
	int64_t uncovered_ns = part->to_ns - part->from_ns - (int64_t)part->exits.ns;

	part->complete = part->exits.ns > 0 &&
			 uncovered_ns <= UNCOVERED_NS + (ends ? UNCOVERED_END_NS : 0);
	t->reason_namespace = boot->reason_namespace;
	t->has_times = boot->vcpus > 0 && boot->tsc_khz > 0;
	t->covered_s = part->exits.ns / 1e9;
	t->vcpu_s = t->covered_s * boot->vcpus;
	t->from_ns = part->from_ns;
	t->to_ns = part->to_ns;
}

static void add_sum(struct phases_sum *into, const struct phases_sum *sum)
{
	into->sum += sum->sum;
	into->ns += sum->ns;
}

static int add_part(struct phases_part *total, const struct phases_part *part)
{
	add_sum(&total->exits, &part->exits);
	add_sum(&total->handling, &part->handling);
	add_sum(&total->away, &part->away);
	total->shared += part->shared;
	total->has_reason_handling |= part->has_reason_handling;
	total->has_reason_away |= part->has_reason_away;
	for (size_t i = 0; i < part->totals.count; i++) {
		const struct totals_reason *from = &part->totals.reasons[i];
		struct totals_reason *into;
		int r = totals_reason(&total->totals, from->number, &into);

		if (r < 0)
			return r;
		if (!into)
			continue;
		total->totals.exits += from->count;
		into->count += from->count;
		into->handling_cycles += from->handling_cycles;
		into->away_cycles += from->away_cycles;
		into->handling_s += from->handling_s;
		into->away_s += from->away_s;
	}
	return 0;
}

static int finish(struct query *query, struct phases *p)
{
	struct query_span span;
	int r = 0;

	p->total.name = BOOTPHASE_UNKNOWN;
	p->total.from_ns = p->parts[0].from_ns;
	p->total.to_ns = p->parts[p->count - 1].to_ns;
	p->total.is_on = p->parts[p->count - 1].is_on;
	p->complete = p->boot.cause == BOOT_CREATED;
	for (size_t i = 0; i < p->count && r == 0; i++) {
		finish_part(&p->boot, &p->parts[i]);
		p->complete &= p->parts[i].complete;
		r = add_part(&p->total, &p->parts[i]);
	}
	finish_part(&p->boot, &p->total);
	if (r == 0)
		r = query_span(query, &p->boot, p->source, &span);
	if (r < 0)
		return r;
	p->has_gap_exits = span.has_exits && span.exits >= p->total.exits.sum;
	p->gap_exits = p->has_gap_exits ? span.exits - p->total.exits.sum : 0;
	return 0;
}

int phases_read(struct query *query, const struct boot *boot, enum sample_source source,
		struct phases *ret_phases)
{
	struct phases p = { .boot = *boot, .source = source };
	int r = lay_out(query, &p);

	if (r == 0)
		r = read_parts(query, &p);
	if (r == 0)
		r = finish(query, &p);
	if (r < 0) {
		phases_done(&p);
		return r;
	}
	*ret_phases = p;
	return 0;
}

void phases_done(struct phases *phases)
{
	totals_done(&phases->total.totals);
	for (size_t i = 0; i < phases->count; i++)
		totals_done(&phases->parts[i].totals);
}

const struct phases_try phases_tries[PHASES_TRIES] = {
	{ SOURCE_HOST, true },
	{ SOURCE_GUEST, false },
	{ SOURCE_HOST, false },
};

bool phases_has_reasons(const struct phases *phases)
{
	return phases->total.totals.count > 0;
}

double phases_seconds(const struct phases_part *part)
{
	return (part->to_ns - part->from_ns) / 1e9;
}

bool phases_rate(const struct phases_part *part, double *ret_rate)
{
	if (part->exits.ns == 0)
		return false;
	*ret_rate = part->exits.sum / (part->exits.ns / 1e9);
	return true;
}

bool phases_share(const struct boot *boot, const struct phases_sum *sum, double *ret_share)
{
	double cycles = boot->tsc_khz * 1000.0 * boot->vcpus * (sum->ns / 1e9);

	if (!(cycles > 0))
		return false;
	*ret_share = sum->sum / cycles;
	return true;
}
