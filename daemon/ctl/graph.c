/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ctl/command.h"
#include "daemon/ctl/download.h"
#include "guest-agent/shared/log.h"

/* The first ones are what vmexitd is asked with; those between FLAGS and PARAMS are "yes". */
enum { FLAGS = 12, PARAMS = 15, FORMAT = PARAMS, OUTPUT };

static const struct command_option options[] = {
	{ "boot", 0, "BOOT", "of one boot: its number, or latest [latest, without a range]" },
	{ "source", 0, "guest|host", "the guest's samples or the host's [both; stacked: one]" },
	{ "from", 0, "TIME", "a range, as RFC 3339 or seconds since the epoch" },
	{ "to", 0, "TIME", "its end" },
	{ "kind", 0, "KIND", "count, handling, away, or another of vmexit-http(7) [count]" },
	{ "reason", 0, "REASONS", "by exit reason: names or numbers with commas, or all" },
	{ "vcpu", 0, "N", "by vCPU: numbers with commas, or all" },
	{ "mode", 0, "rate|cumulative", "per second, or since the boot began [rate]" },
	{ "points", 0, "N", "at most so many for each curve [2000]" },
	{ "width", 0, "N", "pixels [960]" },
	{ "height", 0, "N", "pixels [400]" },
	{ "theme", 0, "light|dark", "colours [light]" },
	[FLAGS] = { "stacked", 0, NULL, "areas upon each other; without --reason and --vcpu of all reasons" },
	{ "log", 0, NULL, "logarithmic axis" },
	{ "marks", 0, NULL, "with what the guest marked" },
	[FORMAT] = { "format", 0, "svg|png|pdf", "[what FILE ends in, else svg]" },
	[OUTPUT] = { "output", 'o', "FILE", "into a file, which is there when it is whole" },
	{ 0 },
};

/* NULL: said why not. */
static const char *format_of(const struct command_context *ctx)
{
	static const char *const formats[] = { "svg", "png", "pdf" };
	const char *dot = ctx->values[OUTPUT] ? strrchr(ctx->values[OUTPUT], '.') : NULL;
	const char *word = ctx->values[FORMAT] ? ctx->values[FORMAT]
			   : dot && !strchr(dot, '/') ? dot + 1 : "svg";

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcasecmp(formats[i], word) == 0)
			return formats[i];
	}
	log_error("'%s' is none of svg, png and pdf; --format names one", word);
	return NULL;
}

static int run(const struct command_context *ctx, int argc, char **argv)
{
	struct client_param params[PARAMS + 1];
	const char *format = format_of(ctx);
	bool all = ctx->values[FLAGS];
	char page[32];
	size_t count = 0;

	(void)argc;
	if (!format)
		return 2;
	if (!ctx->values[OUTPUT] && isatty(STDOUT_FILENO)) {
		log_error("a picture is nothing for a terminal; --output names a file");
		return 2;
	}
	for (size_t i = 0; i < PARAMS; i++) {
		const char *value = ctx->values[i];

		if (!value)
			continue;
		params[count++] = (struct client_param){ options[i].name, i >= FLAGS ? "yes" : value };
		all &= strcmp(options[i].name, "reason") != 0 && strcmp(options[i].name, "vcpu") != 0;
	}
	if (all)
		params[count++] = (struct client_param){ "reason", "all" };
	snprintf(page, sizeof(page), "graph.%s", format);
	return download(ctx, "graph", argv[0], page, params, count, format, ctx->values[OUTPUT]);
}

const struct command command_graph = {
	.name = "graph",
	.words = "VM",
	.words_min = 1,
	.words_max = 1,
	.help = "a graph as SVG, PNG or PDF",
	.options = options,
	.run = run,
};
