/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/reporttext.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "daemon/ctl/clean.h"
#include "daemon/report/words.h"

#define REASONS_MAX 12
#define NAME_COLUMNS 24
#define FEW 4				/* that a sentence names */

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static double number_of(json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

/* What a guest or libvirt says, in at most @columns; returns how many it takes. */
static int put_name(FILE *f, const char *untrusted, int columns)
{
	char text[1024];
	int used = clean_text(untrusted, columns, text, sizeof(text));

	fputs(text, f);
	return used;
}

/* Words of ours, broken at blanks; lines but the first begin with @indent blanks. */
static void put_words(FILE *f, const char *text, int indent, int width)
{
	const char *begin = text;
	int column = indent;

	while (*text) {
		size_t len = strcspn(text, " ");

		while (text[len] == ' ' && words_keeps(begin, text + len))
			len += 1 + strcspn(text + len + 1, " ");

		if (column > indent && column + 1 + (int)len > width) {
			fprintf(f, "\n%*s", indent, "");
			column = indent;
		}
		column += fprintf(f, "%s%.*s", column > indent ? " " : "", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', f);
}

static void put_indented(FILE *f, const char *text, int indent, int width)
{
	if (!*text)
		return;
	fprintf(f, "%*s", indent, "");
	put_words(f, text, indent, width);
}

static void put_head(FILE *f, const char *title)
{
	fprintf(f, "\n%s\n", title);
	for (size_t i = 0; i < strlen(title); i++)
		fputc('-', f);
	fputc('\n', f);
}

/* A cell, right-aligned in @columns: @words' text, or "-" for null. */
static void put_cell(FILE *f, json_t *value, int columns,
		     const char *(*words)(char text[WORDS_MAX], double value))
{
	char text[WORDS_MAX] = "-";

	fprintf(f, " %*s", columns, json_is_number(value) ? words(text, json_number_value(value)) : "-");
}

static const char *whole(char text[WORDS_MAX], double value)
{
	return words_count(text, value > 0 ? (uint64_t)(value + 0.5) : 0);
}

static void put_title(FILE *f, json_t *root)
{
	json_t *vm = json_object_get(root, "vm"), *boot = json_object_get(root, "boot");
	const char *source = text_of(root, "source");
	char from[WORDS_MAX], to[WORDS_MAX];

	fputs("VM exits of ", f);
	put_name(f, *text_of(vm, "name") ? text_of(vm, "name") : text_of(vm, "id"), 200);
	if (json_is_integer(boot))
		fprintf(f, ", boot %lld", (long long)json_integer_value(boot));
	fputc('\n', f);
	if (json_is_number(json_object_get(root, "to")))
		fprintf(f, "%s to %s UTC", words_time(from, number_of(root, "from"), 0),
			words_time(to, number_of(root, "to"), 0));
	if (*source)
		fprintf(f, ", counted by the %s", source);
	fputs("\n\n", f);
}

static void put_findings(FILE *f, json_t *root, int width)
{
	json_t *findings = json_object_get(root, "findings"), *finding;
	char title[160], advice[1024];
	size_t i;

	if (!json_is_object(json_object_get(root, "rate")))
		return;
	put_head(f, "What to look at");
	if (json_array_size(findings) == 0)
		put_words(f, "Nothing stands out: no kind of exit is above its threshold.", 0, width);
	json_array_foreach(findings, i, finding) {
		snprintf(title, sizeof(title), "%s%zu. %s", i ? "\n" : "", i + 1, text_of(finding, "title"));
		fprintf(f, "%s\n", title);
		put_indented(f, text_of(finding, "figure"), 3, width);
		put_indented(f, text_of(finding, "meaning"), 3, width);
		snprintf(advice, sizeof(advice), "What to do: %s", text_of(finding, "advice"));
		put_indented(f, advice, 3, width);
	}
}

static void put_rate(FILE *f, json_t *root, int width)
{
	static const struct {
		const char *key, *title;
	} columns[] = {
		{ "min", "lowest" }, { "median", "median" }, { "mean", "mean" },
		{ "p95", "95 %" },   { "p99", "99 %" },	     { "max", "highest" },
	};
	json_t *rate = json_object_get(root, "rate");

	if (!json_is_object(rate))
		return;
	put_head(f, "The rate");
	put_words(f, text_of(json_object_get(root, "stability"), "text"), 0, width);
	fputs("\nexits/s ", f);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		fprintf(f, " %9s", columns[i].title);
	fputs("\n        ", f);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		put_cell(f, json_object_get(rate, columns[i].key), 9, words_number);
	fputc('\n', f);
}

static void put_phases(FILE *f, json_t *root)
{
	json_t *phases = json_object_get(root, "phases"), *phase;
	size_t i;

	if (json_array_size(phases) < 2)
		return;
	put_head(f, "Phases of the boot");
	fprintf(f, "%-12s %12s %12s %8s %9s %8s\n", "phase", "duration", "exits", "of all", "exits/s",
		"lost");
	json_array_foreach(phases, i, phase) {
		fprintf(f, "%-12s", text_of(phase, "name"));
		put_cell(f, json_object_get(phase, "seconds"), 12, words_seconds);
		put_cell(f, json_object_get(phase, "exits"), 12, whole);
		put_cell(f, json_object_get(phase, "share"), 8, words_share);
		put_cell(f, json_object_get(phase, "rate"), 9, words_number);
		put_cell(f, json_object_get(phase, "away_share"), 8, words_share);
		fputc('\n', f);
	}
}

static const char *name_of(json_t *reason, char text[64])
{
	const char *name = text_of(reason, "name");

	if (*name)
		snprintf(text, 64, "%s", name);
	else
		snprintf(text, 64, "reason %lld",
			 (long long)json_integer_value(json_object_get(reason, "number")));
	return text;
}

static void put_reason(FILE *f, json_t *reason)
{
	char name[64];

	fprintf(f, "%-*s", NAME_COLUMNS, name_of(reason, name));
	put_cell(f, json_object_get(reason, "count"), 12, whole);
	put_cell(f, json_object_get(reason, "share"), 12, words_share);
	put_cell(f, json_object_get(reason, "handling"), 12, words_seconds);
	put_cell(f, json_object_get(reason, "away"), 12, words_seconds);
	fputc('\n', f);
}

static bool is_idle(json_t *reason)
{
	return strcmp(text_of(reason, "class"), "idle") == 0;
}

/* The reason with the largest @key below @limit; NULL: there is none above zero. */
static json_t *largest_below(json_t *reasons, const char *key, double limit)
{
	json_t *reason, *found = NULL;
	size_t i;

	json_array_foreach(reasons, i, reason) {
		double value = number_of(reason, key);

		if (!is_idle(reason) && value < limit && value > (found ? number_of(found, key) : 0))
			found = reason;
	}
	return found;
}

/* The dearest ones, by time away where that is known. */
static void put_dearest(FILE *f, json_t *reasons, int width)
{
	bool away = largest_below(reasons, "away", HUGE_VAL) != NULL;
	const char *key = away ? "away" : "handling";
	double limit = HUGE_VAL;
	char line[512], name[64], time[WORDS_MAX];
	json_t *reason;
	int len;

	if (!largest_below(reasons, key, limit))
		return;
	len = snprintf(line, sizeof(line), "Most time %s:", away ? "away from the guest" : "in handling");
	for (int i = 0; i < FEW && (reason = largest_below(reasons, key, limit)); i++) {
		limit = number_of(reason, key);
		len += snprintf(line + len, sizeof(line) - len, "%s %s (%s)", i ? "," : "",
				name_of(reason, name), words_seconds(time, limit));
	}
	put_words(f, line, 0, width);
}

static void put_rarest(FILE *f, json_t *reasons, int width)
{
	char line[512] = "Least frequent:", name[64], n[WORDS_MAX];
	int len = (int)strlen(line), put = 0;

	for (size_t i = json_array_size(reasons); i-- > 0 && put < FEW;) {
		json_t *reason = json_array_get(reasons, i);

		if (is_idle(reason) || number_of(reason, "count") == 0)
			continue;
		len += snprintf(line + len, sizeof(line) - len, "%s %s (%s)", put++ ? "," : "",
				name_of(reason, name), whole(n, number_of(reason, "count")));
	}
	put_words(f, line, 0, width);
}

static void put_reasons(FILE *f, json_t *root, int width)
{
	json_t *reasons = json_object_get(root, "reasons"), *reason;
	size_t i, put = 0, more = 0;
	char n[WORDS_MAX], line[160];

	if (json_array_size(reasons) == 0)
		return;
	put_head(f, "Exits by reason");
	fprintf(f, "%-*s %12s %12s %12s %12s\n", NAME_COLUMNS, "reason", "exits", "of all", "handling",
		"away");
	json_array_foreach(reasons, i, reason) {
		if (is_idle(reason))
			continue;
		if (put < REASONS_MAX) {
			put_reason(f, reason);
			put++;
		} else {
			more++;
		}
	}
	if (more) {
		snprintf(line, sizeof(line), "and %s more; --format=json lists all, --format=html says "
			 "what they are", words_count(n, more));
		put_words(f, line, 0, width);
	}
	fputc('\n', f);
	put_dearest(f, reasons, width);
	put_rarest(f, reasons, width);
}

/* "marked: fio writes, fio reads": names in lines of @width. */
static void put_list(FILE *f, const char *what, json_t *list, const char *key, int width)
{
	int column = 3 + (int)strlen(what) + 1;
	json_t *entry;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	fprintf(f, "   %s:", what);
	json_array_foreach(list, i, entry) {
		int room = width - column - 2;

		if (i && room < NAME_COLUMNS) {
			fputs(",\n     ", f);
			column = 5;
		} else if (i) {
			fputc(',', f);
			column++;
		}
		fputc(' ', f);
		column += 1 + put_name(f, text_of(entry, key), NAME_COLUMNS);
	}
	fputc('\n', f);
}

static void put_grown(FILE *f, json_t *reasons)
{
	char rate[WORDS_MAX], rest[WORDS_MAX];
	json_t *reason;
	size_t i;

	json_array_foreach(reasons, i, reason) {
		const char *name = text_of(reason, "name");

		fprintf(f, "%s%s %s/s, else %s", i ? "; " : "   grew most: ", *name ? name : "?",
			words_number(rate, number_of(reason, "rate")),
			words_number(rest, number_of(reason, "elsewhere")));
		if (i == 1)
			break;
	}
	if (json_array_size(reasons))
		fputc('\n', f);
}

static void put_bursts(FILE *f, json_t *root, int width)
{
	json_t *bursts = json_object_get(root, "bursts"), *largest = json_object_get(bursts, "largest");
	char after[WORDS_MAX], seconds[WORDS_MAX], rate[WORDS_MAX], base[WORDS_MAX];
	json_t *burst;
	size_t i;

	if (json_array_size(largest) == 0)
		return;
	put_head(f, "Bursts");
	json_array_foreach(largest, i, burst) {
		fprintf(f, "%zu. after %s, for %s: %s exits/s, usual are %s\n", i + 1,
			words_seconds(after, number_of(burst, "from") - number_of(root, "from")),
			words_seconds(seconds, number_of(burst, "seconds")),
			words_number(rate, number_of(burst, "rate")),
			words_number(base, number_of(bursts, "base")));
		put_list(f, "marked", json_object_get(burst, "marks"), "label", width);
		put_list(f, "processes", json_object_get(burst, "processes"), "name", width);
		put_list(f, "units", json_object_get(burst, "units"), "name", width);
		put_grown(f, json_object_get(burst, "reasons"));
	}
}

static void put_intervals(FILE *f, json_t *root)
{
	json_t *intervals = json_object_get(root, "intervals"), *interval;
	double end = number_of(root, "to");
	size_t i;

	if (json_array_size(intervals) == 0)
		return;
	put_head(f, "What was marked");
	fprintf(f, "%12s %12s %12s %9s  %s\n", "after", "duration", "exits", "exits/s", "label");
	json_array_foreach(intervals, i, interval) {
		json_t *to = json_object_get(interval, "to");
		double from = number_of(interval, "from"), until = json_is_number(to) ? json_number_value(to) : end;
		char text[WORDS_MAX];

		fprintf(f, "%12s", words_seconds(text, from > number_of(root, "from")
							       ? from - number_of(root, "from") : 0));
		fprintf(f, " %12s", words_seconds(text, until - from));
		put_cell(f, json_object_get(interval, "exits"), 12, whole);
		put_cell(f, json_object_get(interval, "rate"), 9, words_number);
		fputs("  ", f);
		put_name(f, text_of(interval, "label"), 60);
		fputs(json_is_number(to) ? "\n" : " (goes on)\n", f);
	}
}

static void put_limits(FILE *f, json_t *root, int width)
{
	json_t *limits = json_object_get(root, "limits"), *measuring = json_object_get(root, "measuring");
	char n[WORDS_MAX], share[WORDS_MAX], line[160];
	json_t *limit;
	size_t i;

	put_head(f, "About these numbers");
	if (json_array_size(limits) == 0 && json_is_true(json_object_get(root, "complete")))
		put_words(f, "Nothing is missing: every exit from the VM's creation on is in them.", 0, width);
	json_array_foreach(limits, i, limit) {
		fputs("* ", f);
		put_words(f, json_string_value(limit) ? json_string_value(limit) : "", 2, width);
	}
	if (!json_is_number(json_object_get(measuring, "share")))
		return;
	snprintf(line, sizeof(line), "The agent itself caused %s exits, %s of all.",
		 words_count(n, (uint64_t)json_integer_value(json_object_get(measuring, "agent_exits"))),
		 words_share(share, number_of(measuring, "share")));
	fputs("* ", f);
	put_words(f, line, 2, width);
}

void reporttext_write(FILE *f, json_t *root, int width)
{
	width = width < REPORTTEXT_WIDTH_MIN ? REPORTTEXT_WIDTH_MIN : width;
	put_title(f, root);
	put_words(f, text_of(root, "summary"), 0, width);
	put_findings(f, root, width);
	put_rate(f, root, width);
	put_phases(f, root);
	put_reasons(f, root, width);
	put_bursts(f, root, width);
	put_intervals(f, root);
	put_limits(f, root, width);
}
