/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/ctl/answer.h"
#include "daemon/ctl/clean.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

/* The daemon answers no more at a time. */
#define MARKS_MAX 10000

static const struct command_option options[] = {
	{ "boot", 0, "BOOT", "of one boot: its number, or latest [latest, without a range]" },
	{ "from", 0, "TIME", "a range, as RFC 3339 or seconds since the epoch" },
	{ "to", 0, "TIME", "its end" },
	{ 0 },
};

static const char *kind_of(json_t *mark)
{
	const char *kind = json_string_value(json_object_get(mark, "kind"));

	return kind ? kind : "unknown";
}

static json_int_t integer_of(json_t *mark, const char *key)
{
	return json_integer_value(json_object_get(mark, key));
}

/* Begins, ascending by boot and sequence, and the end of each, if there is one. */
struct interval {
	json_int_t boot, sequence;
	json_t *end;
};

static int by_begin(const void *a, const void *b)
{
	const struct interval *x = a, *y = b;

	if (x->boot != y->boot)
		return x->boot < y->boot ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* The begins of @marks with their ends; the caller frees. NULL for want of memory. */
static struct interval *pair(json_t *marks, size_t *ret_count)
{
	struct interval *list = calloc(json_array_size(marks) + 1, sizeof(*list)), *found;
	size_t count = 0, i;
	json_t *mark;

	if (!list)
		return NULL;
	json_array_foreach(marks, i, mark) {
		if (strcmp(kind_of(mark), "begin") == 0)
			list[count++] = (struct interval){ integer_of(mark, "boot"),
							   integer_of(mark, "sequence"), NULL };
	}
	qsort(list, count, sizeof(*list), by_begin);
	json_array_foreach(marks, i, mark) {
		struct interval key = { integer_of(mark, "boot"), integer_of(mark, "begin"), NULL };

		found = strcmp(kind_of(mark), "end") == 0
				? bsearch(&key, list, count, sizeof(*list), by_begin)
				: NULL;
		if (found)
			found->end = mark;
	}
	*ret_count = count;
	return list;
}

/* "YYYY-MM-DD HH:MM:SS.mmm". */
static void print_moment(double seconds)
{
	time_t t = floor(seconds);
	char text[32];
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%s.%03d", text, (int)((seconds - floor(seconds)) * 1000));
}

/* By the guest's own clock, which nobody sets. */
static void print_duration(json_t *begin, json_t *end)
{
	if (!begin || !end) {
		printf(" %11s", begin ? "no end" : "-");
		return;
	}
	printf(" %9.3f s", json_number_value(json_object_get(end, "uptime")) -
				   json_number_value(json_object_get(begin, "uptime")));
}

/* A mark, or an interval of which one of the two may be NULL. */
static void print_mark(json_t *mark, const char *kind, json_t *begin, json_t *end)
{
	json_t *status = json_object_get(end, "status");
	const char *label = json_string_value(json_object_get(mark, "label"));
	char text[1024];

	clean_text(label ? label : "", INT_MAX, text, sizeof(text));
	printf("%4lld  ", (long long)integer_of(mark, "boot"));
	print_moment(json_number_value(json_object_get(mark, "t")));
	printf(" %10.3f s  %-8s", json_number_value(json_object_get(mark, "uptime")), kind);
	if (begin || end)
		print_duration(begin, end);
	else
		printf(" %11s", "-");
	if (json_is_integer(status))
		printf(" %6lld", (long long)json_integer_value(status));
	else
		printf(" %6s", "-");
	printf(" %6lld  %s\n", (long long)integer_of(mark, "uid"), text);
}

/* At its begin each interval once; of one that began before the range the end. */
static void print_marks(json_t *marks, const struct interval *intervals, size_t count)
{
	json_t *mark;
	size_t i;

	printf("%4s  %-23s %12s  %-8s %11s %6s %6s  %s\n", "BOOT", "TIME", "UPTIME", "KIND", "DURATION",
	       "STATUS", "UID", "LABEL");
	json_array_foreach(marks, i, mark) {
		bool begins = strcmp(kind_of(mark), "begin") == 0, ends = strcmp(kind_of(mark), "end") == 0;
		struct interval key = { integer_of(mark, "boot"),
					integer_of(mark, begins ? "sequence" : "begin"), NULL };
		const struct interval *found = NULL;

		if (begins || ends)
			found = bsearch(&key, intervals, count, sizeof(*intervals), by_begin);
		if (begins)
			print_mark(mark, "interval", mark, found ? found->end : NULL);
		else if (!ends || !found || found->end != mark)
			print_mark(mark, kind_of(mark), NULL, ends ? mark : NULL);
	}
	if (json_array_size(marks) >= MARKS_MAX)
		printf("These are the first %d; --from names a later begin.\n", MARKS_MAX);
}

static int print_text(const char *text)
{
	json_t *root = json_loads(text, 0, NULL);
	json_t *marks = json_object_get(root, "marks");
	_cleanup_free_ struct interval *intervals = NULL;
	size_t count = 0;

	if (!json_is_array(marks)) {
		log_error("vmexitd's answer is not understood; are both of one version?");
		json_decref(root);
		return 1;
	}
	intervals = pair(marks, &count);
	if (intervals)
		print_marks(marks, intervals, count);
	else
		log_error("out of memory");
	json_decref(root);
	return intervals ? 0 : 1;
}

static int run(const struct command_context *ctx, int argc, char **argv)
{
	struct client_param params[sizeof(options) / sizeof(options[0])];
	_cleanup_free_ char *text = NULL;
	size_t count = 0;

	(void)argc;
	for (size_t i = 0; options[i].name; i++) {
		if (ctx->values[i])
			params[count++] = (struct client_param){ options[i].name, ctx->values[i] };
	}
	if (client_ask(ctx->socket, argv[0], "marks", params, count, &text) < 0)
		return 1;
	if (ctx->json)
		return answer_print(text) < 0 ? 1 : 0;
	return print_text(text);
}

const struct command command_marks = {
	.name = "marks",
	.words = "VM",
	.words_min = 1,
	.words_max = 1,
	.help = "what a VM's guest marked, and how long it took",
	.options = options,
	.run = run,
};
