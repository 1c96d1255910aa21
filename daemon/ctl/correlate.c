/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two commands that say what goes together with exits, as tables. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/answer.h"
#include "daemon/ctl/clean.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

#define LINES_DEFAULT "20"
#define COLUMNS_NAME 32

static double number_of(json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* The guest's own words among them, so in @columns that hide nothing. */
static void print_name(const char *kind, const char *name, int columns)
{
	char whole[512], text[1024];
	int width;

	(void)snprintf(whole, sizeof(whole), "%s%s%s", kind, *kind && *name ? " " : "", name);
	width = clean_text(whole, columns, text, sizeof(text));
	printf("%s%*s", text, columns - width, "");
}

/* What the daemon calls an option. */
static const char *parameter_of(const char *option)
{
	return strcmp(option, "max-lag") == 0 ? "max_lag" : option;
}

/* Ask for @what with the options that were given, as parameters of those names. */
static int ask(const struct command_context *ctx, const struct command_option *options,
	       const char *vm, const char *what, const struct client_param *usual, char **ret_text)
{
	struct client_param params[COMMAND_OPTIONS_MAX + 1];
	size_t count = 0;

	for (size_t i = 0; options[i].name; i++) {
		bool is_usual = usual && strcmp(usual->name, options[i].name) == 0;

		if (ctx->values[i])
			params[count++] = (struct client_param){ parameter_of(options[i].name),
								 ctx->values[i] };
		else if (is_usual && !ctx->json)
			params[count++] = *usual;
	}
	return client_ask(ctx->socket, vm, what, params, count, ret_text);
}

/* The list of that name in vmexitd's answer; NULL after a line. */
static json_t *list_of(json_t *root, const char *key)
{
	json_t *list = json_object_get(root, key);

	if (json_is_array(list))
		return list;
	log_error("vmexitd's answer is not understood; are both of one version?");
	return NULL;
}

static void print_pair(json_t *pair)
{
	json_t *y = json_object_get(pair, "y"), *x = json_object_get(pair, "x");
	json_t *reason = json_object_get(y, "reason");
	char number[32] = "";

	if (json_is_integer(reason) && !*text_of(y, "reason_name"))
		(void)snprintf(number, sizeof(number), "%lld",
			       (long long)json_integer_value(reason));
	print_name(text_of(y, "kind"), *number ? number : text_of(y, "reason_name"), 24);
	printf("  ");
	print_name(text_of(x, "kind"), text_of(x, "name"), COLUMNS_NAME);
	printf(" %c%+8.3f %+8.3f %6g s %6lld\n",
	       json_is_true(json_object_get(pair, "notable")) ? '*' : ' ', number_of(pair, "spearman"),
	       number_of(pair, "pearson"), number_of(pair, "lag"),
	       (long long)json_integer_value(json_object_get(pair, "n")));
}

static void print_pairs(json_t *root, json_t *pairs)
{
	size_t i, known = 0;
	json_t *pair;

	printf("%-24s  %-*s  %8s %8s %8s %6s\n", "EXITS", COLUMNS_NAME, "WORKLOAD", "SPEARMAN",
	       "PEARSON", "LAG", "N");
	json_array_foreach(pairs, i, pair) {
		if (!json_is_number(json_object_get(pair, "spearman")))
			continue;
		print_pair(pair);
		known++;
	}
	if (known)
		printf("* is more than chance alone would do in %lld tests; a lag above 0: "
		       "exits follow.\n", (long long)json_integer_value(json_object_get(root, "tests")));
	else
		printf("Nothing is known of any pair: %s.\n",
		       text_of(json_array_get(pairs, 0), "why"));
}

static const struct command_option correlate_options[] = {
	{ "boot", 0, "BOOT", "in one boot: its number, or latest [latest, without a range]" },
	{ "source", 0, "guest|host", "whose count of exits [guest, else host]" },
	{ "from", 0, "TIME", "a range, as RFC 3339 or seconds since the epoch" },
	{ "to", 0, "TIME", "its end" },
	{ "y", 0, "count|handling|away", "what of exits [count]" },
	{ "reason", 0, "REASONS", "of these reasons, or all [the 8 with most]" },
	{ "max-lag", 0, "SECONDS", "that exits may follow the workload, or go ahead, by [10]" },
	{ "limit", 0, "N", "so many pairs at most [" LINES_DEFAULT "]" },
	{ 0 },
};

static int run_correlate(const struct command_context *ctx, int argc, char **argv)
{
	static const struct client_param usual = { "limit", LINES_DEFAULT };
	_cleanup_free_ char *text = NULL;
	json_t *root, *pairs;

	(void)argc;
	if (ask(ctx, correlate_options, argv[0], "correlate", &usual, &text) < 0)
		return 1;
	if (ctx->json)
		return answer_print(text) < 0 ? 1 : 0;
	root = json_loads(text, 0, NULL);
	pairs = list_of(root, "pairs");
	if (pairs)
		print_pairs(root, pairs);
	json_decref(root);
	return pairs ? 0 : 1;
}

const struct command command_correlate = {
	.name = "correlate",
	.words = "VM",
	.words_min = 1,
	.words_max = 1,
	.help = "which workload goes together with which exits",
	.options = correlate_options,
	.run = run_correlate,
};

/* ---- attribution ---- */

static void print_row(json_t *row)
{
	json_t *rate = json_object_get(row, "rate"), *away = json_object_get(row, "away_share");

	print_name("", text_of(row, "name"), COLUMNS_NAME);
	printf(" %8.1f s", number_of(row, "seconds"));
	if (!json_is_object(rate)) {
		printf("  %s\n", text_of(row, "why"));
		return;
	}
	printf(" %9.0f %+9.0f %+8.0f to %+8.0f", number_of(rate, "value"),
	       number_of(rate, "difference"), number_of(rate, "difference_low"),
	       number_of(rate, "difference_high"));
	if (json_is_object(away))
		printf(" %7.2f %% %+7.2f", 100 * number_of(away, "value"),
		       100 * number_of(away, "difference"));
	putchar('\n');
}

static void print_rows(json_t *root, json_t *rows)
{
	json_t *baseline = json_object_get(root, "baseline");
	json_int_t left_out = json_integer_value(json_object_get(root, "left_out"));
	json_t *row;
	size_t i;

	printf("%-*s %10s %9s %9s %20s %9s %7s\n", COLUMNS_NAME, "NAME", "TIME", "EXITS/S", "MORE",
	       "WITH 95 %", "AWAY", "MORE");
	json_array_foreach(rows, i, row)
		print_row(row);
	if (left_out)
		printf("%lld others took less time.\n", (long long)left_out);
	printf("%.0f exits/s in all %.0f s; MORE is beside the rest of these.\n",
	       number_of(baseline, "rate"), number_of(baseline, "seconds"));
}

static const struct command_option attribution_options[] = {
	{ "boot", 0, "BOOT", "in one boot: its number, or latest [latest, without a range]" },
	{ "source", 0, "guest|host", "whose count of exits [guest, else host]" },
	{ "from", 0, "TIME", "a range, as RFC 3339 or seconds since the epoch" },
	{ "to", 0, "TIME", "its end" },
	{ "by", 0, "mark|process|unit", "what ran [mark]" },
	{ 0 },
};

static int run_attribution(const struct command_context *ctx, int argc, char **argv)
{
	_cleanup_free_ char *text = NULL;
	json_t *root, *rows;

	(void)argc;
	if (ask(ctx, attribution_options, argv[0], "attribution", NULL, &text) < 0)
		return 1;
	if (ctx->json)
		return answer_print(text) < 0 ? 1 : 0;
	root = json_loads(text, 0, NULL);
	rows = list_of(root, "rows");
	if (rows)
		print_rows(root, rows);
	json_decref(root);
	return rows ? 0 : 1;
}

const struct command command_attribution = {
	.name = "attribution",
	.words = "VM",
	.words_min = 1,
	.words_max = 1,
	.help = "exits while something runs, beside the rest of the time",
	.options = attribution_options,
	.run = run_attribution,
};
