/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report/reportfacts.h"

bool reportfacts_share(const struct report *report, enum key_field field, double *ret_share)
{
	const struct sums *s = &report->sums;
	double seconds = field == FIELD_HANDLING ? s->handling_s : field == FIELD_AWAY ? s->away_s
									      : s->idle_s;

	if (!(s->has >> field & 1) || !s->has_times || !(s->vcpu_s > 0))
		return false;
	*ret_share = seconds / s->vcpu_s;
	return true;
}

static void add_reason(struct findings_facts *f, const struct totals *t,
		       const struct totals_reason *reason)
{
	struct findings_class *c = &f->classes[explain_class(t->reason_namespace, reason->number)];

	c->count += reason->count;
	c->away_s += reason->away_s;
	c->handling_s += reason->handling_s;
	if (reason->count > c->number_count) {
		c->number = reason->number;
		c->number_count = reason->count;
	}
}

static void find_shares(const struct report *r, struct findings_facts *f)
{
	const struct sums *g = &r->guest;

	f->lost.known = reportfacts_share(r, FIELD_AWAY, &f->lost.share);
	if (g->workload.mask >> WORKLOAD_cpu_steal_ms & 1 && g->workload_vcpu_s > 0) {
		f->steal.known = true;
		f->steal.share = g->workload.value[WORKLOAD_cpu_steal_ms] / 1e3 / g->workload_vcpu_s;
	}
	if (g->has >> FIELD_AGENT_EXITS & 1 && g->exits) {
		f->agent.known = true;
		f->agent.share = (double)g->agent_exits / g->exits;
	}
}

static void find_burst(const struct report *r, struct findings_facts *f)
{
	const struct burst *largest = NULL;

	for (size_t i = 0; i < r->burst_count; i++) {
		if (!largest || r->burst[i].burst.excess > largest->excess)
			largest = &r->burst[i].burst;
	}
	if (!largest)
		return;
	f->bursts.any = true;
	f->bursts.count = r->bursts.count;
	f->bursts.share = r->burst_share;
	f->bursts.base = r->bursts.base;
	f->bursts.seconds = largest->seconds;
	f->bursts.after = largest->from - r->from;
	f->bursts.rate = largest->seconds > 0 ? largest->count / largest->seconds : 0;
}

static void find_phase(const struct report *r, struct findings_facts *f)
{
	const struct phases *p = &r->phases;
	const struct phases_part *most = NULL;

	for (size_t i = 0; r->has_phases && i < p->count; i++) {
		if (!most || p->parts[i].exits.sum > most->exits.sum)
			most = &p->parts[i];
	}
	if (!most || p->count < 2 || p->total.exits.sum == 0 || !(phases_seconds(&p->total) > 0))
		return;
	f->phase.name = bootphase_name(most->name);
	f->phase.share = (double)most->exits.sum / p->total.exits.sum;
	f->phase.time_share = phases_seconds(most) / phases_seconds(&p->total);
}

void reportfacts_find(struct report *report)
{
	const struct report *r = report;
	const struct totals *t = &r->totals;
	struct findings_facts f = {
		.reason_namespace = r->has_reasons ? t->reason_namespace : 0,
		.seconds = r->sums.covered_s,
		.vcpu_s = r->sums.vcpu_s,
		.exits = r->sums.exits,
		.has_away = r->sums.has >> FIELD_AWAY & 1 && r->sums.has_times,
		.has_handling = r->sums.has >> FIELD_HANDLING & 1 && r->sums.has_times,
	};

	/* Nothing can be said of what has no rate. */
	if (r->curve.count == 0)
		return;
	for (size_t i = 0; r->has_reasons && i < t->count; i++)
		add_reason(&f, t, &t->reasons[i]);
	find_shares(r, &f);
	find_burst(r, &f);
	find_phase(r, &f);
	report->findings_count = findings_of(&f, report->findings);
}
