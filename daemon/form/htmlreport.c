/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/htmlreport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/form/html.h"
#include "daemon/form/htmltables.h"
#include "daemon/form/reportstyle.h"
#include "daemon/form/reportsvg.h"
#include "daemon/report/reportfacts.h"
#include "daemon/report/story.h"
#include "daemon/report/words.h"
#include "daemon/version.h"

/* In the document as well: it may be opened from a file. */
#define POLICY "default-src 'none'; style-src '%s'; base-uri 'none'; form-action 'none'"

int htmlreport_policy(char **ret_policy)
{
	return asprintf(ret_policy, POLICY "; frame-ancestors 'none'; sandbox", reportstyle_hash) < 0 ? -ENOMEM : 0;
}

static void write_title(FILE *f, const struct report *r)
{
	html_text(f, *r->vm.name ? r->vm.name : r->vm.key);
	if (r->has_boot)
		fprintf(f, ", boot %u", r->boot.number);
}

static void write_head(FILE *f, const struct report *r)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n", f);
	fprintf(f, "<meta http-equiv=\"Content-Security-Policy\" content=\"" POLICY "\"/>\n",
		reportstyle_hash);
	fputs("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	      "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>VM exits of ", f);
	write_title(f, r);
	fprintf(f, "</title>\n<style>%s</style>\n</head>\n", reportstyle_css);
}

/* When it was, and what for a guest it is. */
static void write_facts(FILE *f, const struct report *r)
{
	char text[WORDS_MAX];

	fputs("<p class=\"about\">", f);
	if (r->to > 0) {
		fprintf(f, "%s to ", words_time(text, r->from, 0));
		fprintf(f, "%s UTC", words_time(text, r->to, 0));
	}
	if (r->has_source)
		fprintf(f, " &#183; counted by %s",
			r->source == SOURCE_GUEST ? "the guest itself" : "the host");
	if (r->has_boot && r->boot.vcpus)
		fprintf(f, " &#183; %u vCPU%s", r->boot.vcpus, r->boot.vcpus == 1 ? "" : "s");
	if (r->has_boot && *r->boot.kernel) {
		fputs(" &#183; kernel <bdi>", f);
		html_text(f, r->boot.kernel);
		fputs("</bdi>", f);
	}
	if (!r->has_boot)
		fprintf(f, " &#183; %zu boot%s", r->boots_all, r->boots_all == 1 ? "" : "s");
	fputs("</p>\n", f);
}

static void write_tile(FILE *f, const char *name, const char *value, const char *note)
{
	fprintf(f, "<div><dt>%s</dt><dd>%s<small>%s</small></dd></div>\n", name, value, note);
}

static void write_tiles(FILE *f, const struct report *r)
{
	char text[WORDS_MAX], note[64 + WORDS_MAX];
	double share;

	fputs("<dl class=\"tiles\">\n", f);
	snprintf(note, sizeof(note), "in %s", words_seconds(text, r->to - r->from));
	write_tile(f, "Exits", words_count(text, r->exits), note);
	snprintf(note, sizeof(note), "on average; highest %s",
		 words_number(text, r->curve.distribution.quantile[DISTRIBUTION_max]));
	write_tile(f, "Exits a second", words_number(text, r->curve.distribution.mean), note);
	if (reportfacts_share(r, FIELD_AWAY, &share))
		write_tile(f, "Time lost", words_share(text, share), "of the vCPUs' time");
	else if (reportfacts_share(r, FIELD_HANDLING, &share))
		write_tile(f, "Time handling", words_share(text, share), "of the vCPUs' time");
	snprintf(note, sizeof(note), "%s burst%s", words_count(text, r->bursts.count),
		 r->bursts.count == 1 ? "" : "s");
	write_tile(f, "The rate", story_stability_word(r->stability),
		   r->stability == REPORT_UNKNOWN ? "too short to say" : note);
	fputs("</dl>\n", f);
}

static void write_findings(FILE *f, const struct report *r)
{
	fputs("<section aria-labelledby=\"look\"><h2 id=\"look\">What to look at</h2>\n", f);
	if (r->findings_count == 0)
		fputs("<p>Nothing stands out: no kind of exit is above the thresholds that "
		      "vmexit-http(7) lists.</p>\n", f);
	else
		fputs("<ol class=\"findings\">\n", f);
	for (size_t i = 0; i < r->findings_count; i++) {
		const struct finding *x = &r->findings[i];

		fprintf(f, "<li><h3>%s</h3><p class=\"figure\">", x->title);
		html_sentence(f, x->figure);
		fprintf(f, "</p><p>%s</p><p><strong>What to do.</strong> %s</p></li>\n", x->meaning,
			x->advice);
	}
	fputs(r->findings_count ? "</ol>\n</section>\n" : "</section>\n", f);
}

static void write_legend(FILE *f, const struct report *r)
{
	const struct stack *s = &r->stack;
	char name[STORY_NAME_MAX];

	fputs("<ul class=\"legend\">", f);
	/* In the order of the picture, from the top. */
	fputs("<li><svg class=\"key\" viewBox=\"0 0 12 12\" aria-hidden=\"true\"><rect class=\"other\" "
	      "width=\"12\" height=\"12\"/></svg>others</li>", f);
	for (size_t i = s->count; i-- > 0;)
		fprintf(f, "<li><svg class=\"key\" viewBox=\"0 0 12 12\" aria-hidden=\"true\"><rect "
			   "class=\"s%zu\" width=\"12\" height=\"12\"/></svg>%s</li>", i + 1,
			story_reason(name, r->totals.reason_namespace, s->numbers[i]));
	fputs("</ul>\n", f);
}

static void write_graphs(FILE *f, const struct report *r)
{
	char text[STORY_MAX];

	fputs("<section aria-labelledby=\"time\"><h2 id=\"time\">Over the time</h2>\n<figure>\n"
	      "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Graph of the rate\">", f);
	reportsvg_rate(f, r);
	fputs("</div>\n<figcaption>The line is the mean, the pale band behind it reaches from the lowest to "
	      "the highest rate", f);
	fputs(r->has_phases && r->phases.count > 1 ? "; phases of the boot are shaded" : "", f);
	fputs(r->burst_count ? "; bursts have a number" : "", f);
	fputs(r->intervals_count ? "; below is what was marked" : "", f);
	fputs(".</figcaption>\n</figure>\n<p>", f);
	story_stability(r, text);
	html_sentence(f, text);
	fputs("</p>\n", f);
	htmltables_rates(f, r);
	if (r->has_reasons && r->stack.count) {
		fputs("<figure>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" "
		      "aria-label=\"Graph by reason\">", f);
		reportsvg_stack(f, r);
		fputs("</div>\n", f);
		write_legend(f, r);
		fputs("<figcaption>The same by reason, upon each other in the order of the "
		      "legend.</figcaption>\n</figure>\n", f);
	}
	fputs("</section>\n", f);
}

static void write_cost(FILE *f, const struct report *r)
{
	const struct sums *g = &r->guest;
	char n[WORDS_MAX], share[WORDS_MAX], samples[WORDS_MAX];

	if (!(g->has >> FIELD_AGENT_EXITS & 1) || !g->exits)
		return;
	fprintf(f, "<p>The measurement itself: the agent took %s samples and caused %s exits by that, %s of "
		   "all.</p>\n", words_count(samples, g->taken), words_count(n, g->agent_exits),
		words_share(share, (double)g->agent_exits / g->exits));
}

static void write_limits(FILE *f, const struct report *r)
{
	static _Thread_local char texts[STORY_LIMITS_MAX][STORY_MAX];
	size_t count = story_limits(r, texts);

	fputs("<section aria-labelledby=\"numbers\"><h2 id=\"numbers\">About these numbers</h2>\n", f);
	if (count)
		fputs("<ul>\n", f);
	for (size_t i = 0; i < count; i++) {
		fputs("<li>", f);
		html_sentence(f, texts[i]);
		fputs("</li>\n", f);
	}
	fputs(count ? "</ul>\n" : r->complete ? "<p>Nothing is missing: every exit from the VM's creation on "
						"is in these numbers.</p>\n" : "", f);
	htmltables_boots(f, r);
	htmltables_sources(f, r);
	write_cost(f, r);
	fputs("</section>\n", f);
}

static void write_words(FILE *f)
{
	fputs("<section aria-labelledby=\"words\"><h2 id=\"words\">Words</h2>\n<dl class=\"words\">\n"
	      "<dt>Exit</dt><dd>A virtual CPU leaves the guest, and the host takes over: as the guest did "
	      "something that the host has to do for it, or as the host needs the CPU.</dd>\n"
	      "<dt>Time handling</dt><dd>What KVM spends on exits in the kernel.</dd>\n"
	      "<dt>Time away, time lost</dt><dd>From an exit to the next entry, with QEMU's part and with "
	      "waiting for a CPU of the host, without the time in which a vCPU had nothing to do. Time "
	      "lost is that as a share of the time that all vCPUs had.</dd>\n"
	      "<dt>Index of dispersion</dt><dd>How much counts scatter about their mean, beside events that "
	      "come by chance at an even rate, which have 1. Exits come in groups, so they have "
	      "more.</dd>\n"
	      "<dt>Burst</dt><dd>More exits than the usual rate makes likely, for some time; the usual rate "
	      "is the mean of the rest, and at least what half of the time is not exceeded.</dd>\n"
	      "</dl>\n</section>\n", f);
}

static void write_body(FILE *f, const struct report *r, double now)
{
	char text[STORY_MAX], time[WORDS_MAX];
	bool counted = r->has_source && r->curve.count;

	fputs("<body>\n<header>\n<p class=\"kicker\">VM exits</p>\n<h1><bdi>", f);
	write_title(f, r);
	fputs("</bdi></h1>\n", f);
	write_facts(f, r);
	story_summary(r, text);
	fputs("<p class=\"summary\">", f);
	html_sentence(f, text);
	fputs("</p>\n", f);
	if (counted)
		write_tiles(f, r);
	fputs("</header>\n<main>\n", f);
	if (counted) {
		write_findings(f, r);
		write_graphs(f, r);
		htmltables_phases(f, r);
		htmltables_reasons(f, r);
		htmltables_bursts(f, r);
	}
	htmltables_marks(f, r);
	write_limits(f, r);
	if (counted)
		write_words(f);
	fprintf(f, "</main>\n<footer><p>vmexitd " VMEXIT_VERSION ", %s UTC. Times in tables count from the "
		   "begin.</p></footer>\n</body>\n</html>\n", words_time(time, now, 0));
}

int htmlreport_text(const struct report *report, double now, char **ret_text)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	bool failed;

	if (!f)
		return -ENOMEM;
	write_head(f, report);
	write_body(f, report, now);
	failed = ferror(f);
	if (fclose(f) != 0 || failed) {
		free(text);
		return -ENOMEM;
	}
	*ret_text = text;
	return 0;
}
