/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/htmltables.h"

#include <math.h>
#include <stdlib.h>

#include "daemon/form/html.h"
#include "daemon/report/story.h"
#include "daemon/report/words.h"

/* Reasons that are worth a line each in "by time" and "least frequent". */
#define FEW 5

/* A table that is wider than the page scrolls by itself, also with the keyboard. */
static void begin_table(FILE *f, const char *caption)
{
	fprintf(f, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table>\n"
		   "<caption>%s</caption>\n<thead><tr>", caption, caption);
}

static void end_table(FILE *f)
{
	fputs("</tbody></table></div>\n", f);
}

/* Columns of numbers, but for those whose heads begin with TEXT. */
#define TEXT "\t"

static void heads(FILE *f, const char *first, const char *const *others, size_t count)
{
	fprintf(f, "<th scope=\"col\">%s</th>", first);
	for (size_t i = 0; i < count; i++) {
		bool text = *others[i] == *TEXT;

		fprintf(f, "<th scope=\"col\"%s>%s</th>", text ? "" : " class=\"n\"", others[i] + text);
	}
	fputs("</tr></thead>\n<tbody>\n", f);
}

#define HEADS(f, first, ...) \
	heads(f, first, (const char *const[]){ __VA_ARGS__ }, \
	      sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void cell(FILE *f, bool known, const char *text)
{
	fprintf(f, "<td class=\"n\">%s</td>", known ? text : "&#8211;");
}

/* A share as a number and as a bar. */
static void bar_cell(FILE *f, bool known, double share)
{
	char text[WORDS_MAX];

	if (!known) {
		cell(f, false, "");
		return;
	}
	fprintf(f, "<td class=\"n\">%s <svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
		   "aria-hidden=\"true\">"
		   "<rect width=\"%.1f\" height=\"10\"/></svg></td>",
		words_share(text, share), 100 * fmin(fmax(share, 0), 1));
}

static void share_cell(FILE *f, bool known, double share)
{
	char text[WORDS_MAX];

	cell(f, known, words_share(text, share));
}

static void number_cell(FILE *f, bool known, double number)
{
	char text[WORDS_MAX];

	cell(f, known, words_number(text, number));
}

static void count_cell(FILE *f, uint64_t count)
{
	char text[WORDS_MAX];

	cell(f, true, words_count(text, count));
}

static void seconds_cell(FILE *f, bool known, double seconds)
{
	char text[WORDS_MAX];

	cell(f, known, words_seconds(text, seconds));
}

void htmltables_rates(FILE *f, const struct report *report)
{
	const struct distribution *d = &report->curve.distribution;

	if (report->curve.count == 0)
		return;
	begin_table(f, "How the rate is distributed over the time");
	HEADS(f, "Rate", "Lowest", "5 % of the time below", "Half of the time below", "Mean",
	      "5 % of the time above", "1 % of the time above", "Highest");
	fputs("<tr><th scope=\"row\">Exits a second</th>", f);
	number_cell(f, true, d->quantile[DISTRIBUTION_min]);
	number_cell(f, true, d->quantile[DISTRIBUTION_p5]);
	number_cell(f, true, d->quantile[DISTRIBUTION_p50]);
	number_cell(f, true, d->mean);
	number_cell(f, true, d->quantile[DISTRIBUTION_p95]);
	number_cell(f, true, d->quantile[DISTRIBUTION_p99]);
	number_cell(f, true, d->quantile[DISTRIBUTION_max]);
	fputs("</tr>\n", f);
	end_table(f);
}

static void phase_row(FILE *f, const struct report *r, const struct phases_part *p)
{
	uint64_t all = r->phases.total.exits.sum;
	double rate = 0, handling = 0, away = 0;
	bool rated = phases_rate(p, &rate);
	bool handled = phases_share(&r->phases.boot, &p->handling, &handling);
	bool was_away = phases_share(&r->phases.boot, &p->away, &away);
	const struct totals_reason *most = NULL;
	char name[STORY_NAME_MAX];

	for (size_t i = 0; i < p->totals.count; i++) {
		if (!most || p->totals.reasons[i].count > most->count)
			most = &p->totals.reasons[i];
	}
	fprintf(f, "<tr><th scope=\"row\">%s%s</th>", bootphase_name(p->name), p->is_on ? " (goes on)" : "");
	seconds_cell(f, true, phases_seconds(p));
	/* Of what no sample is about nothing is known. */
	if (p->exits.ns)
		count_cell(f, p->exits.sum);
	else
		cell(f, false, "");
	bar_cell(f, all && p->exits.ns, all ? (double)p->exits.sum / all : 0);
	number_cell(f, rated, rate);
	share_cell(f, handled, handling);
	share_cell(f, was_away, away);
	fprintf(f, "<td>%s</td></tr>\n",
		most && most->count ? story_reason(name, r->phases.boot.reason_namespace, most->number)
				    : "&#8211;");
}

void htmltables_phases(FILE *f, const struct report *report)
{
	const struct report *r = report;

	if (!r->has_phases || (r->phases.count == 1 && r->phases.parts[0].name == BOOTPHASE_UNKNOWN))
		return;
	fputs("<section aria-labelledby=\"phases\"><h2 id=\"phases\">The boot, phase by phase</h2>\n"
	      "<p>From the VM's creation (or reset): firmware, the kernel's start, the initramfs, the "
	      "start of services, and what came when the system was up.</p>\n", f);
	begin_table(f, "Phases of the boot");
	HEADS(f, "Phase", "Duration", "Exits", "Share of all exits", "Exits a second", "Time handling",
	      "Time lost", TEXT "Most frequent reason");
	for (size_t i = 0; i < r->phases.count; i++)
		phase_row(f, r, &r->phases.parts[i]);
	end_table(f);
	if (r->phases.total.shared)
		fputs("<p class=\"note\">An interval between two samples that spans the edge of two phases is "
		      "shared out in proportion to time.</p>\n", f);
	fputs("</section>\n", f);
}

static bool is_idle(const struct report *r, const struct totals_reason *x)
{
	return explain_class(r->totals.reason_namespace, x->number) == EXPLAIN_idle;
}

static void reason_row(FILE *f, const struct report *r, const struct totals_reason *x)
{
	const struct totals *t = &r->totals;
	const char *words = explain_words(t->reason_namespace, x->number);
	bool shares = t->has_times && t->vcpu_s > 0;
	char name[STORY_NAME_MAX];

	fprintf(f, "<tr><th scope=\"row\">%s<small>%s</small></th>",
		story_reason(name, t->reason_namespace, x->number), words ? words : "");
	count_cell(f, x->count);
	bar_cell(f, t->exits, t->exits ? (double)x->count / t->exits : 0);
	number_cell(f, t->covered_s > 0, t->covered_s > 0 ? x->count / t->covered_s : 0);
	seconds_cell(f, t->has_times && x->handling_cycles, x->handling_s);
	seconds_cell(f, t->has_times && x->away_cycles, x->away_s);
	bar_cell(f, shares, shares ? x->away_s / t->vcpu_s : 0);
	number_cell(f, t->has_times && x->count && x->away_cycles, x->count ? x->away_s / x->count * 1e6 : 0);
	fputs("</tr>\n", f);
}

/* Away, or handling where that is all that is known. */
static double time_of(const struct totals_reason *x, bool away)
{
	return away ? x->away_s : x->handling_s;
}

/* The @which'th by time; NULL: there are not so many. */
static const struct totals_reason *by_time(const struct report *r, size_t which, bool away)
{
	for (size_t i = 0; i < r->totals.count; i++) {
		const struct totals_reason *x = &r->totals.reasons[i];
		double time = time_of(x, away);
		size_t before = 0;

		if (is_idle(r, x) || time <= 0)
			continue;
		for (size_t k = 0; k < r->totals.count; k++) {
			const struct totals_reason *y = &r->totals.reasons[k];

			before += !is_idle(r, y) && (time_of(y, away) > time ||
						     (k < i && time_of(y, away) >= time));
		}
		if (before == which)
			return x;
	}
	return NULL;
}

static void say_by_time(FILE *f, const struct report *r)
{
	bool away = r->sums.has >> FIELD_AWAY & 1;
	const struct totals_reason *x;
	char name[STORY_NAME_MAX], time[WORDS_MAX];

	if (!r->totals.has_times || !by_time(r, 0, away))
		return;
	fprintf(f, "<p><strong>Most time</strong> %s: ", away ? "away from the guest" : "for handling");
	for (size_t i = 0; i < FEW && (x = by_time(r, i, away)); i++)
		fprintf(f, "%s%s (%s)", i ? ", " : "",
			story_reason(name, r->totals.reason_namespace, x->number),
			words_seconds(time, time_of(x, away)));
	fputs(".</p>\n", f);
}

static void say_by_count(FILE *f, const struct report *r)
{
	const struct totals *t = &r->totals;
	char name[STORY_NAME_MAX], n[WORDS_MAX];
	size_t count = t->count, told = 0;

	fputs("<p><strong>Most frequent</strong>: ", f);
	for (size_t i = 0; i < count && i < FEW && t->reasons[i].count; i++)
		fprintf(f, "%s%s (%s)", i ? ", " : "",
			story_reason(name, t->reason_namespace, t->reasons[i].number),
			words_share(n, t->exits ? (double)t->reasons[i].count / t->exits : 0));
	fputs(". <strong>Least frequent</strong>, of those that occurred: ", f);
	for (size_t i = count; i-- > 0 && told < FEW;) {
		if (t->reasons[i].count == 0)
			continue;
		fprintf(f, "%s%s (%s)", told++ ? ", " : "",
			story_reason(name, t->reason_namespace, t->reasons[i].number),
			words_count(n, t->reasons[i].count));
	}
	fputs(".</p>\n", f);
}

void htmltables_reasons(FILE *f, const struct report *report)
{
	const struct report *r = report;

	if (!r->has_reasons || r->totals.count == 0)
		return;
	fputs("<section aria-labelledby=\"reasons\"><h2 id=\"reasons\">Why the guest left its CPU</h2>\n", f);
	say_by_count(f, r);
	say_by_time(f, r);
	begin_table(f, "Exits by reason");
	HEADS(f, "Reason", "Exits", "Share of all exits", "Exits a second", "Time handling",
	      "Time away", "Share of the vCPUs' time", "Microseconds away each");
	for (size_t i = 0; i < r->totals.count; i++) {
		if (!is_idle(r, &r->totals.reasons[i]))
			reason_row(f, r, &r->totals.reasons[i]);
	}
	end_table(f);
	fputs("</section>\n", f);
}

static void names(FILE *f, const char *what, const struct sums_name *list, size_t count)
{
	char text[WORDS_MAX];

	if (count == 0)
		return;
	fprintf(f, "<span class=\"what\">%s:</span> ", what);
	for (size_t i = 0; i < count; i++) {
		fputs(i ? ", <bdi>" : "<bdi>", f);
		html_text(f, list[i].name);
		fputs("</bdi> (", f);
		html_sentence(f, words_seconds(text, list[i].value / 1e6));
		fputs(")", f);
	}
	fputs("<br/>", f);
}

static void what_ran(FILE *f, const struct report_burst *b)
{
	char n[WORDS_MAX];

	if (b->marks_count)
		fputs("<span class=\"what\">marked:</span> ", f);
	for (size_t i = 0; i < b->marks_count; i++) {
		fputs(i ? ", <bdi>" : "<bdi>", f);
		html_text(f, b->marks[i]->label);
		fputs("</bdi>", f);
	}
	if (b->marks_all > b->marks_count)
		fprintf(f, " and %s more", words_count(n, b->marks_all - b->marks_count));
	if (b->marks_count)
		fputs("<br/>", f);
	names(f, "processes", b->processes, b->processes_count);
	names(f, "units", b->units, b->units_count);
	if (!b->marks_count && !b->processes_count && !b->units_count)
		fputs("not known", f);
}

static void what_grew(FILE *f, const struct report *r, const struct report_burst *b)
{
	char name[STORY_NAME_MAX], rate[WORDS_MAX], rest[WORDS_MAX];

	for (size_t i = 0; i < b->reasons_count; i++)
		fprintf(f, "%s (%s, else %s)%s",
			story_reason(name, r->totals.reason_namespace, b->reasons[i].number),
			words_number(rate, b->reasons[i].rate), words_number(rest, b->reasons[i].elsewhere),
			i + 1 < b->reasons_count ? "<br/>" : "");
	if (b->reasons_count == 0)
		fputs("&#8211;", f);
}

static void burst_row(FILE *f, const struct report *r, size_t i)
{
	const struct report_burst *b = &r->burst[i];
	const struct burst *x = &b->burst;

	fprintf(f, "<tr><th scope=\"row\" class=\"no\">%zu</th>", i + 1);
	seconds_cell(f, true, x->from - r->from);
	seconds_cell(f, true, x->seconds);
	number_cell(f, x->seconds > 0, x->seconds > 0 ? x->count / x->seconds : 0);
	number_cell(f, true, x->peak);
	number_cell(f, true, x->excess);
	fputs("<td>", f);
	what_ran(f, b);
	fputs("</td><td>", f);
	what_grew(f, r, b);
	fputs("</td></tr>\n", f);
}

void htmltables_bursts(FILE *f, const struct report *report)
{
	const struct report *r = report;
	char n[WORDS_MAX], base[WORDS_MAX];

	if (r->burst_count == 0)
		return;
	fprintf(f, "<section class=\"long\" aria-labelledby=\"bursts\"><h2 id=\"bursts\">Bursts</h2>\n<p>A burst is when "
		   "clearly more exits came than the usual %s a second. There %s %s",
		words_number(base, r->bursts.base), r->bursts.count == 1 ? "was" : "were",
		r->bursts.count == 1 ? "one" : words_count(n, r->bursts.count));
	if (r->bursts.count > r->burst_count)
		fprintf(f, "; these are the %zu with the most exits above that", r->burst_count);
	fputs(". The numbers are those in the graph. What ran is what was marked, and what took most CPU "
	      "time in the guest meanwhile.</p>\n", f);
	begin_table(f, "The largest bursts");
	HEADS(f, "No.", "After", "Duration", "Exits a second", "Highest", "Exits above usual", TEXT "What ran",
	      TEXT "What grew most, exits a second");
	for (size_t i = 0; i < r->burst_count; i++)
		burst_row(f, r, i);
	end_table(f);
	fputs("</section>\n", f);
}

static void mark_row(FILE *f, const struct report *r, const struct report_mark *m)
{
	double rate = m->part.seconds > 0 ? m->part.events / m->part.seconds : 0;
	double mean = r->curve.distribution.mean;

	fputs("<tr><th scope=\"row\"><bdi>", f);
	html_text(f, m->label);
	fprintf(f, "</bdi>%s", m->is_open ? " (goes on)" : "");
	if (m->has_status && m->status)
		fprintf(f, " <small>failed, status %u</small>", m->status);
	fputs("</th>", f);
	seconds_cell(f, m->from >= r->from, m->from - r->from);
	seconds_cell(f, true, m->to - m->from);
	number_cell(f, m->part.seconds > 0, m->part.events);
	number_cell(f, m->part.seconds > 0, rate);
	number_cell(f, m->part.seconds > 0 && mean > 0, mean > 0 ? rate / mean : 0);
	fputs("</tr>\n", f);
}

void htmltables_marks(FILE *f, const struct report *report)
{
	const struct report *r = report;
	char n[WORDS_MAX];

	if (r->intervals_count == 0)
		return;
	fputs("<section aria-labelledby=\"marks\"><h2 id=\"marks\">What was marked</h2>\n"
	      "<p>Intervals that somebody in the guest gave a name, with "
	      "<code>vmexit-agent run</code> or <code>vmexit-agent mark</code>.", f);
	if (r->intervals_all > r->intervals_count)
		fprintf(f, " There are %s; these are the longest.", words_count(n, r->intervals_all));
	fputs("</p>\n", f);
	begin_table(f, "Marked intervals");
	HEADS(f, "Label", "After", "Duration", "Exits", "Exits a second", "Times the mean");
	for (size_t i = 0; i < r->intervals_count; i++)
		mark_row(f, r, r->intervals[i]);
	end_table(f);
	fputs("</section>\n", f);
}

static void boot_row(FILE *f, const struct report *r, const struct boot *b)
{
	double end = b->closed_ns ? b->closed_ns / 1e9 : r->to;
	char text[WORDS_MAX];

	fprintf(f, "<tr><th scope=\"row\" class=\"no\">%u</th><td>%s</td>", b->number,
		words_time(text, b->opened_ns / 1e9, 0));
	seconds_cell(f, end > b->opened_ns / 1e9, end - b->opened_ns / 1e9);
	fprintf(f, "<td>%s</td><td><bdi>", b->closed_ns ? "ended" : "goes on");
	html_text(f, *b->kernel ? b->kernel : "not known");
	fputs("</bdi></td></tr>\n", f);
}

void htmltables_boots(FILE *f, const struct report *report)
{
	const struct report *r = report;

	if (r->has_boot || r->boots_count == 0)
		return;
	begin_table(f, r->boots_all > r->boots_count ? "The latest boots of the range" : "Boots of the range");
	HEADS(f, "Boot", TEXT "Began, UTC", "Duration", TEXT "State", TEXT "Kernel");
	for (size_t i = 0; i < r->boots_count; i++)
		boot_row(f, r, &r->boots[i]);
	end_table(f);
}

void htmltables_sources(FILE *f, const struct report *report)
{
	static const char *const words[SOURCES] = { "the guest itself", "the host" };

	if (!report->has_span[SOURCE_GUEST] && !report->has_span[SOURCE_HOST])
		return;
	begin_table(f, "Who counted in this boot");
	HEADS(f, "Source", "Samples stored", "Exits of the boot");
	for (enum sample_source source = 0; source < SOURCES; source++) {
		const struct query_span *span = &report->spans[source];
		char text[WORDS_MAX];

		if (!report->has_span[source])
			continue;
		fprintf(f, "<tr><th scope=\"row\">%s</th>", words[source]);
		count_cell(f, span->samples);
		cell(f, span->has_exits, words_count(text, span->exits));
		fputs("</tr>\n", f);
	}
	end_table(f);
}
