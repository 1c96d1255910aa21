/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorprint.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ctl/answer.h"
#include "daemon/ctl/clean.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

/* Words, too, as not every terminal has colours and not everybody sees them. */
static const struct {
	const char *name;		/* in JSON */
	const char *word, *colour;
} grades[DOCTOR_GRADES] = {
	[DOCTOR_OK] = { "ok", "ok", "\x1b[32m" },
	[DOCTOR_NOTE] = { "note", "note", "\x1b[33m" },
	[DOCTOR_PROBLEM] = { "problem", "PROBLEM", "\x1b[1;31m" },
	[DOCTOR_UNSEEN] = { "unseen", "unseen", "\x1b[36m" },
};

static bool has_colours(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
}

static void print_line(const char *head, const char *untrusted_text)
{
	char text[2 * DOCTORSAY_TEXT_MAX];

	if (!*untrusted_text)
		return;
	clean_text(untrusted_text, INT_MAX, text, sizeof(text));
	printf("           %s %s\n", head, text);
}

static void print_what(const char *between, const struct doctor_finding *f)
{
	char what[2 * DOCTORSAY_TEXT_MAX];

	clean_text(f->what, INT_MAX, what, sizeof(what));
	printf("%s%s", between, what);
}

/* Of @count findings only the first may be something else than well, and then it is the only one. */
static void print_findings(const struct doctor_finding *f, size_t count, bool colours)
{
	char vm[2 * DOCTORSAY_VM_MAX];

	clean_text(f->vm, INT_MAX, vm, sizeof(vm));
	printf("  %s%-8s%s %s", colours ? grades[f->grade].colour : "", grades[f->grade].word,
	       colours ? "\x1b[0m" : "", vm);
	for (size_t i = 0; i < count; i++)
		print_what(i ? "; " : *vm ? ": " : "", &f[i]);
	putchar('\n');
	for (size_t i = 0; i < count; i++)
		print_line("why:", f[i].why);
	print_line("fix:", f->fix);
}

/* What is well of one VM takes a line: there may be many of them. */
static size_t run_of(const struct doctorsay *say, size_t at)
{
	const struct doctor_finding *f = &say->findings[at];
	size_t count = 1;

	while (f->grade == DOCTOR_OK && *f->vm && at + count < say->count &&
	       f[count].grade == DOCTOR_OK && strcmp(f[count].vm, f->vm) == 0)
		count++;
	return count;
}

static void print_sum(const struct doctorsay *say, bool is_root)
{
	size_t problems = doctorsay_count(say, DOCTOR_PROBLEM), notes = doctorsay_count(say, DOCTOR_NOTE);
	size_t unseen = doctorsay_count(say, DOCTOR_UNSEEN);

	printf("%zu problem%s, %zu note%s", problems, problems == 1 ? "" : "s", notes, notes == 1 ? "" : "s");
	if (unseen)
		printf(", %zu not looked at%s", unseen,
		       is_root ? "" : " (root sees more: sudo vmexitctl doctor)");
	puts(".");
	if (say->short_of_memory)
		puts("There was not enough memory for all of it.");
}

void doctorprint_text(const struct doctorsay *say, bool quiet, bool is_root)
{
	const char *subject = NULL;
	bool colours = has_colours();

	for (size_t i = 0, count; i < say->count; i += count) {
		const struct doctor_finding *f = &say->findings[i];

		count = run_of(say, i);
		if (quiet && f->grade == DOCTOR_OK)
			continue;
		if (!subject || strcmp(subject, f->subject) != 0)
			printf("%s%s\n", subject ? "\n" : "", f->subject);
		subject = f->subject;
		print_findings(f, count, colours);
	}
	if (subject)
		putchar('\n');
	print_sum(say, is_root);
}

/* What was quoted may be no UTF-8. */
static json_t *text_of(const char *untrusted_text)
{
	char text[2 * DOCTORSAY_TEXT_MAX];
	json_t *json;

	if (!*untrusted_text)
		return json_null();
	json = json_string(untrusted_text);
	if (json)
		return json;
	clean_text(untrusted_text, INT_MAX, text, sizeof(text));
	return json_string(text);
}

static json_t *json_of(const struct doctor_finding *f)
{
	return json_pack("{sssssssososo so}", "subject", f->subject, "check", f->check, "grade",
			 grades[f->grade].name, "vm", text_of(f->vm), "what", text_of(f->what), "why",
			 text_of(f->why), "fix", text_of(f->fix));
}

int doctorprint_json(const struct doctorsay *say, bool quiet)
{
	_cleanup_free_ char *text = NULL;
	json_t *list = json_array(), *root;

	for (size_t i = 0; i < say->count; i++) {
		if (!quiet || say->findings[i].grade != DOCTOR_OK)
			(void)json_array_append_new(list, json_of(&say->findings[i]));
	}
	root = json_pack("{sIsIsIso}", "problems", (json_int_t)doctorsay_count(say, DOCTOR_PROBLEM),
			 "notes", (json_int_t)doctorsay_count(say, DOCTOR_NOTE), "unseen",
			 (json_int_t)doctorsay_count(say, DOCTOR_UNSEEN), "findings", list);
	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	if (!text) {
		log_error("out of memory");
		return -ENOMEM;
	}
	return answer_print(text);
}
