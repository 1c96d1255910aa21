/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/report/story.h"

#include <stdarg.h>
#include <stdio.h>

#include "daemon/report/reportfacts.h"
#include "daemon/report/words.h"
#include "guest-agent/shared/reason.h"

/* A first interval that is longer than this hides something. */
#define FIRST_S 3

/* A smaller share of the time that is known is told of. */
#define KNOWN 0.98

/* Behind what is in @text already. */
static void __attribute__((format(printf, 2, 3))) say(char text[STORY_MAX], const char *fmt, ...)
{
	size_t len = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + len, STORY_MAX - len, fmt, ap);
	va_end(ap);
}

const char *story_stability_word(enum report_stability stability)
{
	static const char *const words[] = {
		[REPORT_UNKNOWN] = "unknown",
		[REPORT_STEADY] = "steady",
		[REPORT_UNEVEN] = "uneven",
		[REPORT_BURSTY] = "bursty",
	};

	return words[stability];
}

const char *story_reason(char text[STORY_NAME_MAX], uint32_t namespace, uint32_t number)
{
	const char *name = reason_name(namespace, number);

	if (name)
		snprintf(text, STORY_NAME_MAX, "%s", name);
	else
		snprintf(text, STORY_NAME_MAX, "reason %u", number);
	return text;
}

/* The reason that took most time away from the guest, else in handling; NULL: not known. */
static const struct totals_reason *dearest(const struct report *r, double *ret_s)
{
	const struct totals_reason *found = NULL;
	bool away = r->sums.has >> FIELD_AWAY & 1;

	*ret_s = 0;
	for (size_t i = 0; i < r->totals.count && r->totals.has_times; i++) {
		const struct totals_reason *reason = &r->totals.reasons[i];
		double seconds = away ? reason->away_s : reason->handling_s;

		if (explain_class(r->totals.reason_namespace, reason->number) == EXPLAIN_idle ||
		    seconds <= *ret_s)
			continue;
		found = reason;
		*ret_s = seconds;
	}
	return found;
}

/* What the vCPUs' time went into, and how much of it. */
static void say_time(const struct report *r, char text[STORY_MAX])
{
	char name[STORY_NAME_MAX], time[WORDS_MAX], share[WORDS_MAX];
	const struct totals_reason *dear;
	double lost, seconds;

	if (reportfacts_share(r, FIELD_AWAY, &lost))
		say(text, " That took %s of the time that its vCPUs had", words_share(share, lost));
	else if (reportfacts_share(r, FIELD_HANDLING, &lost))
		say(text, " Handling them took %s of the time that its vCPUs had", words_share(share, lost));
	else
		return;
	dear = dearest(r, &seconds);
	if (dear)
		say(text, ", the largest part of it (%s of all vCPUs together) for %s",
		    words_seconds(time, seconds),
		    story_reason(name, r->totals.reason_namespace, dear->number));
	say(text, ".");
}

static void say_most(const struct report *r, char text[STORY_MAX])
{
	const struct totals *t = &r->totals;
	char name[STORY_NAME_MAX], share[WORDS_MAX];

	if (!r->has_reasons || t->count == 0 || t->exits == 0)
		return;
	say(text, " The most frequent reason was %s with %s of all exits.",
	    story_reason(name, t->reason_namespace, t->reasons[0].number),
	    words_share(share, (double)t->reasons[0].count / t->exits));
}

void story_summary(const struct report *report, char text[STORY_MAX])
{
	const struct report *r = report;
	char time[WORDS_MAX], count[WORDS_MAX], rate[WORDS_MAX];
	bool is_on = r->has_boot && !r->is_part && !r->boot.closed_ns;

	*text = '\0';
	if (!r->has_source) {
		say(text, "No exits are known of that time: nothing was recorded, or it is no longer "
			  "stored.");
		return;
	}
	if (r->curve.count == 0) {
		say(text, "The guest left its CPU %s time%s. That was in too short a time to say more.",
		    words_count(count, r->exits), r->exits == 1 ? "" : "s");
		return;
	}
	say(text, "In %s%s", words_seconds(time, r->to - r->from), is_on ? " so far" : "");
	if (r->curve.distribution.seconds < KNOWN * (r->to - r->from))
		say(text, ", of which %s are known,", words_seconds(time, r->curve.distribution.seconds));
	say(text, " the guest left its CPU%s %s time%s, %s times a second on average.",
	    r->has_boot && r->boot.vcpus > 1 ? "s" : "", words_count(count, r->exits),
	    r->exits == 1 ? "" : "s", words_number(rate, r->curve.distribution.mean));
	say_time(r, text);
	say_most(r, text);
	if (r->stability != REPORT_UNKNOWN)
		say(text, " The rate was %s.", story_stability_word(r->stability));
}

static void say_bursts(const struct report *r, char text[STORY_MAX])
{
	char n[WORDS_MAX], time[WORDS_MAX], share[WORDS_MAX], base[WORDS_MAX];

	if (r->bursts.count == 0) {
		say(text, " There were no bursts.");
		return;
	}
	say(text, " In %s burst%s (%s in all) it was clearly above its usual %s exits a second, which made "
		  "%s of all exits.",
	    words_count(n, r->bursts.count), r->bursts.count == 1 ? "" : "s",
	    words_seconds(time, r->bursts.seconds), words_number(base, r->bursts.base),
	    words_share(share, r->burst_share));
}

void story_stability(const struct report *report, char text[STORY_MAX])
{
	const struct report *r = report;
	const struct distribution *d = &r->curve.distribution;
	char a[WORDS_MAX], b[WORDS_MAX], c[WORDS_MAX], e[WORDS_MAX];

	*text = '\0';
	if (r->stability == REPORT_UNKNOWN) {
		say(text, "Too short to say whether the rate is steady: there are %zu intervals, and it "
			  "takes %d in which something is counted.",
		    r->curve.count, BURSTS_INTERVALS_MIN);
		return;
	}
	say(text, "The rate was %s. Half of the time it was below %s exits a second, and 1 %% of the time "
		  "above %s.",
	    story_stability_word(r->stability), words_number(a, d->quantile[DISTRIBUTION_p50]),
	    words_number(b, d->quantile[DISTRIBUTION_p99]));
	say_bursts(r, text);
	say(text, " It scatters by %s of its mean (standard deviation); the index of dispersion is %s, "
		  "where exits that come by chance at an even rate have 1.",
	    words_share(c, r->variation), words_number(e, d->dispersion));
}

static const char *gap_words(int cause)
{
	switch (cause) {
	case GAP_FULL:
		return "the agent's memory was full";
	case GAP_MISSED:
		return "the agent did not run in time";
	case GAP_MOVED:
		return "the VM was replaced";
	case GAP_RESTART:
		return "the agent was not running";
	case GAP_LIMIT:
		return "the guest sent more than it may";
	case GAP_LOST:
		return "samples were lost on their way";
	case GAP_DISK:
		return "the host's disk was full";
	default:
		return "nobody knows why";
	}
}

static void say_gaps(const struct report *r, char text[STORY_MAX])
{
	const struct report_limits *l = &r->limits;
	char n[WORDS_MAX], time[WORDS_MAX], missing[WORDS_MAX];
	uint64_t over = r->exits > r->sums.exits ? r->exits - r->sums.exits : 0;
	const char *mark = ": ";

	say(text, "%s gap%s of %s in all, from which samples are missing", words_count(n, l->gaps),
	    l->gaps == 1 ? "" : "s", words_seconds(time, l->gap_s));
	for (int cause = 0; cause <= GAP_DISK; cause++) {
		if (!l->gap_causes[cause])
			continue;
		say(text, "%s%s", mark, gap_words(cause));
		mark = ", ";
	}
	say(text, ". ");
	if (over)
		say(text, "%s exits in them are in the total, but in no rate, phase or reason.",
		    words_count(missing, over));
	else
		say(text, "What happened in them is not known.");
}

static void say_begin(const struct report *r, char text[STORY_MAX])
{
	if (!r->has_boot || r->is_part)
		return;
	if (r->boot.cause == BOOT_FOUND)
		say(text, "The VM ran before vmexitd saw it; what happened until then is not in this report.");
	else if (r->boot.cause == BOOT_RESUMED)
		say(text, "The VM was restored or migrated here; what happened before is not in this report.");
	else if (r->boot.cause != BOOT_CREATED)
		say(text, "The counters went on from the boot before; exits count from the first sample of "
			  "this one.");
}

/* A guest's first sample has all that was before it in one. */
static void say_first(const struct report *r, char text[STORY_MAX])
{
	const struct bursts_interval *first = r->curve.intervals;
	char time[WORDS_MAX];

	if (r->source != SOURCE_GUEST || !r->has_span[SOURCE_HOST] || r->curve.count == 0 ||
	    r->curve.distribution.resolution_ns || first->end - first->begin < FIRST_S)
		return;
	say(text, "Of the first %s the guest has only a sum, as its agent began then; the host's counters "
		  "(source=host) show them more finely.",
	    words_seconds(time, first->end - first->begin));
}

static void say_source(const struct report *r, char text[STORY_MAX])
{
	bool agent = r->guest.workload.mask || r->guest.names_count;

	if (r->source == SOURCE_HOST)
		say(text, "These are the host's own counters.%s",
		    r->guest.has >> FIELD_EXITS & 1 ? ""
		    : agent ? " The guest cannot read its own, but tells what ran in it."
			    : " No agent sent anything, so nothing is known of what ran in the guest.");
}

static void say_detail(const struct report *r, char text[STORY_MAX])
{
	if (!r->has_reasons)
		say(text, "Exits are not known by reason. That needs the kernel series on the host; and "
			  "from the host's side KVM's debugfs, that is vmexitd as root.");
	else if (!(r->sums.has >> FIELD_AWAY & 1))
		say(text, "It is not known how long vCPUs were away from the guest, only how long "
			  "handling took, if that.");
}

size_t story_limits(const struct report *report, char texts[STORY_LIMITS_MAX][STORY_MAX])
{
	const struct report *r = report;
	char n[WORDS_MAX], time[WORDS_MAX];
	size_t count = 0;

	memset(texts, 0, STORY_LIMITS_MAX * sizeof(texts[0]));
	/* Each line takes the next place if it says something. */
#define LINE(...) \
	do { \
		__VA_ARGS__; \
		count += texts[count][0] != '\0'; \
	} while (0)
	LINE(say_begin(r, texts[count]));
	LINE(if (r->has_boot && !r->is_part && !r->boot.closed_ns)
		     say(texts[count], "The boot goes on; this is what is known by now."));
	LINE(say_first(r, texts[count]));
	LINE(if (r->has_source) say_source(r, texts[count]));
	LINE(if (r->has_source) say_detail(r, texts[count]));
	LINE(if (r->limits.gaps) say_gaps(r, texts[count]));
	LINE(if (r->limits.quarantines)
		     say(texts[count], "The guest sent %s sample%s that cannot be true; they are not among "
				       "its numbers (/gaps says which).",
			 words_count(n, r->limits.quarantined_samples),
			 r->limits.quarantined_samples == 1 ? "" : "s"));
	LINE(if (r->curve.count && r->curve.distribution.resolution_ns)
		     say(texts[count], "Rates are means of %s, as this is longer than a day or its samples "
				       "are no longer stored; shorter bursts do not show.",
			 words_seconds(time, r->curve.distribution.resolution_ns / 1e9)));
	LINE(if (r->boots_all > 1)
		     say(texts[count], "The range has %s boots; bursts and rates are of all of them together.",
			 words_count(n, r->boots_all)));
#undef LINE
	return count;
}
