/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/jsonreport.h"

#include "daemon/form/jsonparts.h"
#include "daemon/report/reportfacts.h"
#include "daemon/report/story.h"
#include "guest-agent/shared/reason.h"

static json_t *real_or_null(bool known, double value)
{
	return known ? json_real(value) : json_null();
}

static json_t *share_of(const struct report *r, enum key_field field)
{
	double share = 0;
	bool known = reportfacts_share(r, field, &share);

	return real_or_null(known, share);
}

static json_t *name_of(const struct report *r, uint32_t number)
{
	const char *name = reason_name(r->totals.reason_namespace, number);

	return name ? json_string(name) : json_null();
}

static const char *cause_of(const struct boot *boot)
{
	static const char *const causes[] = {
		[BOOT_FOUND] = "found",	  [BOOT_CREATED] = "created", [BOOT_REBOOT] = "reboot",
		[BOOT_GUEST] = "guest",	  [BOOT_RESUMED] = "resumed",
	};

	return NAME_OF(causes, boot->cause);
}

static json_t *boots_of(const struct report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->boots_count; i++) {
		const struct boot *b = &r->boots[i];

		(void)json_array_append_new(
			list, json_pack("{sI so so ss so so so}", "boot", (json_int_t)b->number, "opened",
					jsonparts_seconds(b->opened_ns), "closed",
					b->closed_ns ? jsonparts_seconds(b->closed_ns) : json_null(),
					"cause", cause_of(b), "kernel", jsonparts_text_or_null(b->kernel),
					"agent", jsonparts_text_or_null(b->agent), "vcpus",
					jsonparts_count(b->vcpus, b->vcpus)));
	}
	return list;
}

static json_t *sources_of(const struct report *r)
{
	json_t *object = json_object();

	for (enum sample_source source = 0; source < SOURCES; source++) {
		const struct query_span *span = &r->spans[source];

		(void)json_object_set_new(
			object, jsonparts_source(source),
			r->has_span[source]
				? json_pack("{sI so so so}", "samples", (json_int_t)span->samples, "from",
					    jsonparts_seconds(span->from_ns), "to",
					    jsonparts_seconds(span->to_ns), "exits",
					    jsonparts_count(span->has_exits, span->exits))
				: json_null());
	}
	return object;
}

static json_t *rate_of(const struct report *r)
{
	const struct distribution *d = &r->curve.distribution;

	if (r->curve.count == 0)
		return json_null();
	return json_pack("{sf sf sf sf sf sf sf sf sf}", "mean", d->mean, "min",
			 d->quantile[DISTRIBUTION_min], "p5", d->quantile[DISTRIBUTION_p5], "median",
			 d->quantile[DISTRIBUTION_p50], "p95", d->quantile[DISTRIBUTION_p95], "p99",
			 d->quantile[DISTRIBUTION_p99], "max", d->quantile[DISTRIBUTION_max],
			 "resolution", d->resolution_ns / 1e9, "covered", d->seconds);
}

static json_t *stability_of(const struct report *r)
{
	const struct distribution *d = &r->curve.distribution;
	char text[STORY_MAX];
	bool known = r->stability != REPORT_UNKNOWN;

	story_stability(r, text);
	return json_pack("{ss so so sI ss}", "word", story_stability_word(r->stability), "dispersion",
			 real_or_null(d->has_dispersion, d->dispersion), "variation",
			 real_or_null(known, r->variation), "intervals", (json_int_t)r->curve.count,
			 "text", text);
}

static json_t *mark_of(const struct report_mark *m)
{
	bool counted = m->part.seconds > 0;

	return json_pack("{so sf so sb so so so}", "label", jsonparts_text(m->label), "from", m->from,
			 "to", m->is_open ? json_null() : json_real(m->to), "instant", m->instant,
			 "status", jsonparts_count(m->has_status, m->status), "exits",
			 real_or_null(counted, m->part.events), "rate",
			 real_or_null(counted, counted ? m->part.events / m->part.seconds : 0));
}

static json_t *names_of(const struct sums_name *names, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list, json_pack("{so sf}", "name", jsonparts_text(names[i].name),
							    "cpu", names[i].value / 1e6));
	return list;
}

static json_t *contrasts_of(const struct report *r, const struct report_burst *b)
{
	json_t *list = json_array();

	for (size_t i = 0; i < b->reasons_count; i++) {
		const struct report_contrast *c = &b->reasons[i];

		(void)json_array_append_new(
			list, json_pack("{sI so sf sf}", "number", (json_int_t)c->number, "name",
					name_of(r, c->number), "rate", c->rate, "elsewhere", c->elsewhere));
	}
	return list;
}

static json_t *burst_of(const struct report *r, const struct report_burst *b)
{
	const struct burst *x = &b->burst;
	json_t *marks = json_array();

	for (size_t i = 0; i < b->marks_count; i++)
		(void)json_array_append_new(marks, mark_of(b->marks[i]));
	return json_pack("{sf sf sf sf sf sf sf so sI so so so}", "from", x->from, "to", x->to, "seconds",
			 x->seconds, "exits", x->count, "excess", x->excess, "rate",
			 x->seconds > 0 ? x->count / x->seconds : 0, "peak", x->peak, "marks", marks,
			 "marks_all", (json_int_t)b->marks_all, "processes",
			 names_of(b->processes, b->processes_count), "units",
			 names_of(b->units, b->units_count), "reasons", contrasts_of(r, b));
}

static json_t *bursts_of(const struct report *r)
{
	json_t *list = json_array();

	if (!r->bursts.enough) {
		json_decref(list);
		return json_null();
	}
	for (size_t i = 0; i < r->burst_count; i++)
		(void)json_array_append_new(list, burst_of(r, &r->burst[i]));
	return json_pack("{sI sf sf sf sf so}", "count", (json_int_t)r->bursts.count, "seconds",
			 r->bursts.seconds, "share", r->burst_share, "base", r->bursts.base, "dispersion",
			 r->bursts.dispersion, "largest", list);
}

static json_t *reason_of(const struct report *r, const struct totals_reason *x)
{
	const struct totals *t = &r->totals;
	bool shares = t->has_times && t->vcpu_s > 0;
	const char *words = explain_words(t->reason_namespace, x->number);

	return json_pack("{sI so ss so sI so so so so so}", "number", (json_int_t)x->number, "name",
			 name_of(r, x->number), "class",
			 explain_class_name(explain_class(t->reason_namespace, x->number)), "what",
			 words ? json_string(words) : json_null(), "count", (json_int_t)x->count, "share",
			 real_or_null(t->exits, t->exits ? (double)x->count / t->exits : 0), "handling",
			 real_or_null(t->has_times, x->handling_s), "away",
			 real_or_null(t->has_times, x->away_s), "handling_share",
			 real_or_null(shares, shares ? x->handling_s / t->vcpu_s : 0), "away_share",
			 real_or_null(shares, shares ? x->away_s / t->vcpu_s : 0));
}

static json_t *reasons_of(const struct report *r)
{
	json_t *list = json_array();

	if (!r->has_reasons) {
		json_decref(list);
		return json_null();
	}
	for (size_t i = 0; i < r->totals.count; i++)
		(void)json_array_append_new(list, reason_of(r, &r->totals.reasons[i]));
	return list;
}

static json_t *phase_of(const struct report *r, const struct phases_part *p)
{
	double rate = 0, handling = 0, away = 0, seconds = phases_seconds(p);
	bool rated = phases_rate(p, &rate);
	bool handled = phases_share(&r->phases.boot, &p->handling, &handling);
	bool was_away = phases_share(&r->phases.boot, &p->away, &away);
	uint64_t all = r->phases.total.exits.sum;

	return json_pack("{ss so so sf so so so so so sb}", "name", bootphase_name(p->name), "from",
			 jsonparts_seconds(p->from_ns), "to",
			 p->is_on ? json_null() : jsonparts_seconds(p->to_ns), "seconds", seconds, "exits",
			 jsonparts_count(p->exits.ns, p->exits.sum), "share",
			 real_or_null(all && p->exits.ns, all ? (double)p->exits.sum / all : 0), "rate",
			 real_or_null(rated, rate), "handling_share", real_or_null(handled, handling),
			 "away_share", real_or_null(was_away, away), "complete", p->complete);
}

static json_t *phases_of(const struct report *r)
{
	json_t *list = json_array();

	if (!r->has_phases) {
		json_decref(list);
		return json_null();
	}
	for (size_t i = 0; i < r->phases.count; i++)
		(void)json_array_append_new(list, phase_of(r, &r->phases.parts[i]));
	return list;
}

static json_t *intervals_of(const struct report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->intervals_count; i++)
		(void)json_array_append_new(list, mark_of(r->intervals[i]));
	return list;
}

static json_t *limits_of(const struct report *r)
{
	static _Thread_local char texts[STORY_LIMITS_MAX][STORY_MAX];
	size_t count = story_limits(r, texts);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(list, json_string(texts[i]));
	return list;
}

static json_t *missing_of(const struct report *r)
{
	const struct report_limits *l = &r->limits;

	return json_pack("{sI sf sI sI sI so}", "gaps", (json_int_t)l->gaps, "seconds", l->gap_s,
			 "exits", (json_int_t)(r->exits > r->sums.exits ? r->exits - r->sums.exits : 0),
			 "samples", (json_int_t)l->gap_samples, "quarantined_samples",
			 (json_int_t)l->quarantined_samples, "quarantine_cause",
			 l->quarantines ? json_string(jsonparts_quarantine_cause(l->quarantine_cause))
					: json_null());
}

static json_t *measuring_of(const struct report *r)
{
	const struct sums *g = &r->guest;
	bool known = g->has >> FIELD_AGENT_EXITS & 1;

	return json_pack("{so so so}", "agent_exits", jsonparts_count(known, g->agent_exits), "share",
			 real_or_null(known && g->exits, g->exits ? (double)g->agent_exits / g->exits : 0),
			 "samples", jsonparts_count(g->has >> FIELD_TAKEN & 1, g->taken));
}

static json_t *findings_of_report(const struct report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->findings_count; i++) {
		const struct finding *f = &r->findings[i];

		(void)json_array_append_new(list, json_pack("{ss ss ss ss ss}", "id", f->id, "title",
							    f->title, "figure", f->figure, "meaning",
							    f->meaning, "advice", f->advice));
	}
	return list;
}

int jsonreport_text(const struct report *report, char **ret_text)
{
	const struct report *r = report;
	char summary[STORY_MAX];
	json_t *root;

	story_summary(r, summary);
	root = json_pack("{so so so so so so sf sb so ss}", "vm", jsonparts_vm(&r->vm), "boot",
			 jsonparts_count(r->has_boot, r->boot.number), "boots", boots_of(r), "source",
			 r->has_source ? json_string(jsonparts_source(r->source)) : json_null(), "from",
			 real_or_null(r->to > 0, r->from), "to", real_or_null(r->to > 0, r->to), "seconds",
			 r->to - r->from, "complete", r->complete,
			 "exits", jsonparts_count(r->has_source, r->exits), "summary", summary);
	if (!root)
		return jsonparts_finish(NULL, ret_text);
	(void)json_object_set_new(root, "boots_all", json_integer((json_int_t)r->boots_all));
	(void)json_object_set_new(root, "sources", sources_of(r));
	(void)json_object_set_new(root, "findings", findings_of_report(r));
	(void)json_object_set_new(root, "rate", rate_of(r));
	(void)json_object_set_new(root, "stability", stability_of(r));
	(void)json_object_set_new(root, "handling_share", share_of(r, FIELD_HANDLING));
	(void)json_object_set_new(root, "lost_share", share_of(r, FIELD_AWAY));
	(void)json_object_set_new(root, "idle_share", share_of(r, FIELD_IDLE));
	(void)json_object_set_new(root, "phases", phases_of(r));
	(void)json_object_set_new(root, "reasons", reasons_of(r));
	(void)json_object_set_new(root, "bursts", bursts_of(r));
	(void)json_object_set_new(root, "intervals", intervals_of(r));
	(void)json_object_set_new(root, "intervals_all", json_integer((json_int_t)r->intervals_all));
	(void)json_object_set_new(root, "measuring", measuring_of(r));
	(void)json_object_set_new(root, "missing", missing_of(r));
	(void)json_object_set_new(root, "limits", limits_of(r));
	return jsonparts_finish(root, ret_text);
}
