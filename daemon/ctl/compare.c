/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <jansson.h>
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

#define BOOTS_MAX 8
#define REASONS_DEFAULT 10
/* Columns of a table: what it is, then of each boot a number and what it changed by. */
#define WORDS_COLUMNS 26
#define NUMBER_COLUMNS 12
#define CHANGE_COLUMNS 9

enum { SOURCE, PHASE, LIMIT };

static const struct command_option options[] = {
	[SOURCE] = { "source", 0, "guest|host", "who counted [the guest, if all have its samples]" },
	[PHASE] = { "phase", 0, "firmware|kernel|initramfs|userspace|running|unknown",
		    "exit reasons of that phase [of the whole boot]" },
	[LIMIT] = { "limit", 0, "N", "so many exit reasons at most [10]" },
	{ 0 },
};

/* How a number is shown. */
struct figure {
	const char *key, *title;
	int decimals;
	double factor;
	bool has_notes;			/* of what is missing or estimated */
};

/* What notes below the tables have to explain. */
struct notes {
	bool is_whole;			/* of boots, which have no edge inside */
	bool incomplete, shared;
};

static void print_number(json_t *number, const struct figure *figure, const char *note)
{
	char text[64];

	if (json_is_number(number))
		snprintf(text, sizeof(text), "%.*f%s", figure->decimals,
			 json_number_value(number) * figure->factor, note);
	else
		snprintf(text, sizeof(text), "-");
	printf(" %*s", NUMBER_COLUMNS, text);
}

/* In hundredths of the first one's. */
static void print_change(json_t *difference)
{
	json_t *ratio = json_object_get(difference, "ratio");
	double percent = 100 * (json_number_value(ratio) - 1);
	char text[64] = "";

	if (json_is_number(ratio))
		snprintf(text, sizeof(text), fabs(percent) < 99.95 ? "%+.1f %%" : "%+.0f %%", percent);
	else if (json_number_value(json_object_get(difference, "absolute")) > 0)
		snprintf(text, sizeof(text), "new");
	printf(" %*s", CHANGE_COLUMNS, text);
}

/* What is to be known of a part's exits: "*" some are missing, "~" they are estimated. */
static const char *note_of(json_t *part, struct notes *notes)
{
	double exits = json_number_value(json_object_get(part, "exits"));

	if (json_is_false(json_object_get(part, "complete"))) {
		notes->incomplete = true;
		return "*";
	}
	if (!notes->is_whole && json_number_value(json_object_get(part, "shared")) > exits / 10) {
		notes->shared = true;
		return "~";
	}
	return "";
}

/* @row: {"boots": [...], "difference": [...]}; @notes may be NULL. */
static void print_row(const char *words, json_t *row, const struct figure *figure,
		      struct notes *notes)
{
	json_t *differences = json_object_get(row, "difference"), *boot;
	size_t i;

	printf("  %-*.*s", WORDS_COLUMNS - 2, WORDS_COLUMNS - 2, words);
	json_array_foreach(json_object_get(row, "boots"), i, boot) {
		print_number(json_object_get(boot, figure->key), figure,
			     notes ? note_of(boot, notes) : "");
		if (i > 0)
			print_change(json_object_get(json_array_get(differences, i), figure->key));
	}
	putchar('\n');
}

/* Whether any boot has @key, in a phase or in the whole. */
static bool has_figure(json_t *root, const char *key)
{
	json_t *boot;
	size_t i;

	json_array_foreach(json_object_get(root, "boots"), i, boot) {
		if (json_is_number(json_object_get(boot, key)))
			return true;
	}
	return false;
}

static void print_phases(json_t *root, const struct figure *figure, struct notes *notes)
{
	struct notes whole = { .is_whole = true };
	json_t *phase;
	size_t i;

	if (!has_figure(root, figure->key))
		return;
	printf("\n%s\n", figure->title);
	json_array_foreach(json_object_get(root, "phases"), i, phase) {
		const char *name = json_string_value(json_object_get(phase, "name"));

		print_row(name ? name : "?", phase, figure, figure->has_notes ? notes : NULL);
	}
	print_row("all", root, figure, figure->has_notes ? &whole : NULL);
	notes->incomplete |= whole.incomplete;
}

/* The part of which reasons are shown: the phase of that name, or all of it. */
static json_t *part_named(json_t *root, const char *name)
{
	json_t *phase;
	size_t i;

	if (!name)
		return root;
	json_array_foreach(json_object_get(root, "phases"), i, phase) {
		const char *is = json_string_value(json_object_get(phase, "name"));

		if (is && strcmp(is, name) == 0)
			return phase;
	}
	return NULL;
}

/* Two kinds of CPU have reasons of the same name. */
static bool is_mixed(json_t *reasons)
{
	json_t *first = json_object_get(json_array_get(reasons, 0), "namespace"), *reason;
	size_t i;

	json_array_foreach(reasons, i, reason) {
		if (!json_equal(first, json_object_get(reason, "namespace")))
			return true;
	}
	return false;
}

static void print_reasons(json_t *part, const char *phase, size_t limit)
{
	static const struct figure count = { .key = "count", .factor = 1 };
	json_t *reasons = json_object_get(part, "reasons"), *reason;
	bool mixed = is_mixed(reasons);
	size_t i;

	if (json_array_size(reasons) == 0)
		return;
	printf("\nExits by reason%s%s\n", phase ? ", " : "", phase ? phase : "");
	json_array_foreach(reasons, i, reason) {
		const char *namespace = json_string_value(json_object_get(reason, "namespace"));
		const char *name = json_string_value(json_object_get(reason, "name"));
		char words[64];

		if (i == limit) {
			printf("  and %zu more; --limit=N shows them\n", json_array_size(reasons) - i);
			break;
		}
		snprintf(words, sizeof(words), "%s%s%s", mixed && namespace ? namespace : "",
			 mixed && namespace ? " " : "", name ? name : "");
		if (!name)
			snprintf(words + strlen(words), sizeof(words) - strlen(words), "reason %lld",
				 (long long)json_integer_value(json_object_get(reason, "number")));
		print_row(words, reason, &count, NULL);
	}
}

/* Whose columns these are. */
static void print_head(json_t *boots)
{
	int columns = NUMBER_COLUMNS + 1 + CHANGE_COLUMNS;
	json_t *boot;
	size_t i;

	printf("%*s", WORDS_COLUMNS, "");
	json_array_foreach(boots, i, boot) {
		const char *name = json_string_value(json_object_get(json_object_get(boot, "vm"), "name"));
		char text[256], number[32];
		int width = i ? columns : NUMBER_COLUMNS, used;

		snprintf(number, sizeof(number), ":%lld",
			 (long long)json_integer_value(json_object_get(boot, "boot")));
		used = clean_text(name ? name : "", width - (int)strlen(number), text, sizeof(text));
		used += (int)strlen(number);
		printf(" %*s%s%s", used < NUMBER_COLUMNS ? NUMBER_COLUMNS - used : 0, "", text, number);
		used = used < NUMBER_COLUMNS ? NUMBER_COLUMNS : used;
		printf("%*s", width > used ? width - used : 0, "");
	}
	putchar('\n');
}

static void print_all(json_t *root, json_t *part, const char *phase, size_t limit)
{
	static const struct figure figures[] = {
		{ "seconds", "Seconds", 2, 1, false },
		{ "exits", "Exits", 0, 1, true },
		{ "rate", "Exits a second", 1, 1, true },
		{ "lost_share", "Time away from the guest, without idle, % of all vCPUs' time", 2, 100, false },
		{ "handling_share", "Time spent on handling exits, % of all vCPUs' time", 2, 100, false },
	};
	const char *source = json_string_value(json_object_get(root, "source"));
	struct notes notes = { 0 };

	printf("As the %s counted; changes are against the first one.\n\n", source ? source : "?");
	print_head(json_object_get(root, "boots"));
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		print_phases(root, &figures[i], &notes);
	print_reasons(part, phase, limit);
	if (notes.incomplete || notes.shared)
		putchar('\n');
	if (notes.incomplete)
		puts("* not all of it was counted");
	if (notes.shared)
		puts("~ more than a tenth is shared out by time, as no sample was near the phase's edge");
}

static int print_text(const char *text, const char *phase, size_t limit)
{
	json_t *root = json_loads(text, 0, NULL);
	json_t *part = part_named(root, phase);
	int r = 1;

	if (!json_is_array(json_object_get(root, "boots"))) {
		log_error("vmexitd's answer is not understood; are both of one version?");
	} else if (!part) {
		log_error("none of these boots has a phase '%s'", phase);
	} else {
		print_all(root, part, phase, limit);
		r = 0;
	}
	json_decref(root);
	return r;
}

/* "web1:4" as it is, "web1" as "web1:latest"; a VM's name may have a colon. */
static int add_boot(const char *word, char *list, size_t size)
{
	const char *colon = strrchr(word, ':');
	bool has_boot = colon && (strcmp(colon + 1, "latest") == 0 ||
				  (colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1)));
	size_t len = strlen(list);
	int n;

	if (strchr(word, ',')) {
		log_error("'%s': a name with a comma is not understood here; the VM's id is", word);
		return -EINVAL;
	}
	n = snprintf(list + len, size - len, "%s%s%s", len ? "," : "", word, has_boot ? "" : ":latest");
	if (n < 0 || (size_t)n >= size - len) {
		log_error("these are too long names");
		return -EINVAL;
	}
	return 0;
}

static int parse_limit(const char *text, size_t *ret_limit)
{
	unsigned long n;
	char *end;

	*ret_limit = REASONS_DEFAULT;
	if (!text)
		return 0;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *text < '0' || *text > '9' || *end) {
		log_error("limit '%s' is no number", text);
		return -EINVAL;
	}
	*ret_limit = n;
	return 0;
}

static int run(const struct command_context *ctx, int argc, char **argv)
{
	char boots[BOOTS_MAX * 320] = "";
	struct client_param params[2] = { { "boots", boots }, { "source", ctx->values[SOURCE] } };
	_cleanup_free_ char *text = NULL;
	size_t limit;

	for (int i = 0; i < argc; i++) {
		if (add_boot(argv[i], boots, sizeof(boots)) < 0)
			return 2;
	}
	if (parse_limit(ctx->values[LIMIT], &limit) < 0)
		return 2;
	if (client_ask(ctx->socket, NULL, "compare", params, ctx->values[SOURCE] ? 2 : 1, &text) < 0)
		return 1;
	if (ctx->json)
		return answer_print(text) < 0 ? 1 : 0;
	return print_text(text, ctx->values[PHASE], limit);
}

const struct command command_compare = {
	.name = "compare",
	.words = "BOOTS",
	.words_min = 2,
	.words_max = BOOTS_MAX,
	.help = "boots beside each other, by phase and exit reason",
	.about = "BOOTS are two to eight, each VM:N, or VM for its latest boot; the others are held\n"
		 "against the first.",
	.options = options,
	.run = run,
};
