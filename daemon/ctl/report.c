/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "daemon/ctl/answer.h"
#include "daemon/ctl/aside.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/download.h"
#include "daemon/ctl/reporttext.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

/* Lines that are longer are hard to read; where nobody knows better they are this long. */
#define WIDTH_MAX 96
#define WIDTH_DEFAULT 80

/* The first ones are what vmexitd is asked with. */
enum { PARAMS = 4, FORMAT = PARAMS, OUTPUT };

static const struct command_option options[] = {
	{ "boot", 0, "BOOT", "on one boot: its number, or latest [latest, without a range]" },
	{ "source", 0, "guest|host", "who counted [the guest, if it does]" },
	{ "from", 0, "TIME", "a range, as RFC 3339 or seconds since the epoch" },
	{ "to", 0, "TIME", "its end" },
	[FORMAT] = { "format", 0, "text|html|json", "[what FILE ends in, else text]" },
	[OUTPUT] = { "output", 'o', "FILE", "into a file, which is there when it is whole" },
	{ 0 },
};

static const char *const formats[] = { "text", "html", "json" };

/* One of formats; NULL: said why not. */
static const char *format_of(const struct command_context *ctx)
{
	const char *file = ctx->values[OUTPUT], *dot = file ? strrchr(file, '.') : NULL;
	const char *word = ctx->values[FORMAT];

	if (!word && !file && ctx->json)
		word = "json";
	if (!word)
		word = dot && strcasecmp(dot, ".json") == 0 ? "json"
		       : dot && (strcasecmp(dot, ".html") == 0 || strcasecmp(dot, ".htm") == 0)
			       ? "html" : "text";
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i], word) == 0)
			return formats[i];
	}
	log_error("format '%s' is none of text, html and json", word);
	return NULL;
}

static int width_of(FILE *f)
{
	struct winsize size;

	if (ioctl(fileno(f), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return WIDTH_DEFAULT;
	return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
}

static int write_file(json_t *root, const char *file)
{
	struct aside aside;
	FILE *f = NULL;
	int r = aside_begin(&aside, file, true);

	if (r < 0)
		return r;
	f = fopen(aside.path, "wxe");
	if (f) {
		reporttext_write(f, root, WIDTH_DEFAULT);
		r = ferror(f) ? -EIO : 0;
		if (fclose(f) != 0 && r == 0)
			r = -errno;
	} else {
		r = -errno;
	}
	if (r < 0)
		log_error("cannot write %s: %s", aside.path, strerror(-r));
	else
		r = aside_keep(&aside, true);
	aside_end(&aside);
	return r;
}

static int tell(const struct command_context *ctx)
{
	return !ctx->json || answer_print("{\"format\":\"text\"}") == 0 ? 0 : 1;
}

static int print_text(const struct command_context *ctx, const char *vm,
		      const struct client_param *params, size_t count)
{
	const char *file = ctx->values[OUTPUT];
	_cleanup_free_ char *text = NULL;
	json_t *root;
	int r = 0;

	if (ctx->json && !file) {
		log_error("--json and --format=text do not go together");
		return 2;
	}
	if (client_ask(ctx->socket, vm, "report.json", params, count, &text) < 0)
		return 1;
	root = json_loads(text, 0, NULL);
	if (!json_is_object(json_object_get(root, "vm"))) {
		log_error("vmexitd's answer is not understood; are both of one version?");
		r = -EPROTO;
	} else if (file) {
		r = write_file(root, file);
	} else {
		reporttext_write(stdout, root, width_of(stdout));
	}
	json_decref(root);
	return r < 0 ? 1 : file ? tell(ctx) : 0;
}

static int run(const struct command_context *ctx, int argc, char **argv)
{
	struct client_param params[PARAMS];
	const char *format = format_of(ctx);
	_cleanup_free_ char *text = NULL;
	char page[32];
	size_t count = 0;

	(void)argc;
	if (!format)
		return 2;
	for (size_t i = 0; i < PARAMS; i++) {
		if (ctx->values[i])
			params[count++] = (struct client_param){ options[i].name, ctx->values[i] };
	}
	if (strcmp(format, "text") == 0)
		return print_text(ctx, argv[0], params, count);
	if (strcmp(format, "json") == 0 && !ctx->values[OUTPUT]) {
		if (client_ask(ctx->socket, argv[0], "report.json", params, count, &text) < 0)
			return 1;
		return answer_print(text) < 0 ? 1 : 0;
	}
	snprintf(page, sizeof(page), "report.%s", format);
	return download(ctx, "report", argv[0], page, params, count, format, ctx->values[OUTPUT]);
}

const struct command command_report = {
	.name = "report",
	.words = "VM",
	.words_min = 1,
	.words_max = 1,
	.help = "what there is to say about a boot's exits, in words",
	.about = "As text for a terminal, as one HTML document with graphs, or as JSON.",
	.options = options,
	.run = run,
};
