/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "daemon/ctl/command.h"
#include "daemon/ctl/download.h"
#include "guest-agent/shared/log.h"

/* The first ones are what vmexitd is asked with. */
enum { PARAMS = 6, FORMAT = PARAMS, OUTPUT };

static const struct command_option options[] = {
	{ "boot", 0, "BOOT", "of one boot: its number, or latest [all]" },
	{ "source", 0, "guest|host", "the guest's samples or the host's [both]" },
	{ "from", 0, "TIME", "a range, as RFC 3339 or seconds since the epoch" },
	{ "to", 0, "TIME", "its end" },
	{ "mark", 0, "LABEL", "the interval of that mark, or of its begin's sequence" },
	{ "after", 0, "SEQUENCE", "what is behind it, of one boot and source, without header" },
	[FORMAT] = { "format", 0, "wide|long|jsonl", "CSV in one of two forms, or JSON lines [wide]" },
	[OUTPUT] = { "output", 'o', "FILE", "into a file, which is there when it is whole" },
	{ 0 },
};

static int run(const struct command_context *ctx, int argc, char **argv)
{
	const char *format = ctx->values[FORMAT] ? ctx->values[FORMAT] : "wide";
	bool is_json = strcmp(format, "jsonl") == 0;
	struct client_param params[PARAMS + 1];
	size_t count = 0;

	(void)argc;
	if (strcmp(format, "wide") != 0 && strcmp(format, "long") != 0 && !is_json) {
		log_error("format '%s' is none of wide, long and jsonl", format);
		return 2;
	}
	for (size_t i = 0; i < PARAMS; i++) {
		if (ctx->values[i])
			params[count++] = (struct client_param){ options[i].name, ctx->values[i] };
	}
	if (!is_json)
		params[count++] = (struct client_param){ "form", format };
	return download(ctx, "export", argv[0], is_json ? "samples.jsonl" : "samples.csv", params,
			count, format, ctx->values[OUTPUT]);
}

const struct command command_export = {
	.name = "export",
	.words = "VM",
	.words_min = 1,
	.words_max = 1,
	.help = "a VM's samples as CSV or JSON lines",
	.options = options,
	.run = run,
};
