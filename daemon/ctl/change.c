/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/answer.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

#define HZ_MIN 0.1
#define HZ_MAX 100.0

/* Post, and print what was answered in words, unless as it is. */
static int post(const struct command_context *ctx, const char *vm, const char *what,
		const char *body, int (*print)(json_t *root))
{
	_cleanup_free_ char *text = NULL;
	json_t *root;
	int r = client_post(ctx->socket, vm, what, body, &text);

	if (ctx->json && text && answer_print(text) < 0)
		return 1;
	if (r < 0)
		return 1;
	if (ctx->json)
		return 0;
	root = json_loads(text, 0, NULL);
	r = print(root);
	if (r)
		log_error("vmexitd's answer is not understood; are both of one version?");
	json_decref(root);
	return r;
}

/* ---- attach, detach ---- */

static void print_part(const char *where, const char *word)
{
	static const struct {
		const char *word, *text;
	} texts[] = {
		{ "added", "channel added" },
		{ "present", "it has the channel already" },
		{ "removed", "channel removed" },
		{ "absent", "it has no channel" },
		{ "requested", "QEMU was told to remove the channel, and has not yet" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(texts[i].word, word) == 0)
			word = texts[i].text;
	}
	printf("%s: %s\n", where, word);
}

static int print_change(json_t *root)
{
	const char *live, *config;

	if (!json_is_object(root) || !json_object_get(root, "live"))
		return 1;
	live = json_string_value(json_object_get(root, "live"));
	config = json_string_value(json_object_get(root, "config"));
	if (live)
		print_part("running machine", live);
	if (config)
		print_part("definition", config);
	return 0;
}

static int attach(const struct command_context *ctx, int argc, char **argv)
{
	(void)argc;
	return post(ctx, argv[0], "attach", "{}", print_change);
}

static int detach(const struct command_context *ctx, int argc, char **argv)
{
	(void)argc;
	return post(ctx, argv[0], "detach", "{}", print_change);
}

const struct command command_attach = {
	.name = "attach",
	.words = "DOMAIN",
	.words_min = 1,
	.words_max = 1,
	.help = "give a libvirt domain the agent's channel",
	.run = attach,
};

const struct command command_detach = {
	.name = "detach",
	.words = "DOMAIN",
	.words_min = 1,
	.words_max = 1,
	.help = "take it away",
	.run = detach,
};

/* ---- rate ---- */

static int print_rate(json_t *root)
{
	json_t *interval = json_object_get(root, "interval_ms");

	if (json_is_null(interval))
		puts("the agent samples as its guest has configured");
	else if (json_is_integer(interval))
		printf("the agent was asked for a sample every %lld ms\n",
		       (long long)json_integer_value(interval));
	else
		return 1;
	return 0;
}

/* "10", "0.5" or "auto" as a body. Returns 0 or -EINVAL. */
static int rate_body(const char *text, char *body, size_t size)
{
	double hz;
	char *end;

	if (strcmp(text, "auto") == 0) {
		snprintf(body, size, "{\"interval_ms\":null}");
		return 0;
	}
	errno = 0;
	hz = strtod(text, &end);
	if (errno || end == text || *end || !(hz >= HZ_MIN && hz <= HZ_MAX)) {
		log_error("rate '%s' is neither a number of samples a second from %g to %g nor 'auto'",
			  text, HZ_MIN, HZ_MAX);
		return -EINVAL;
	}
	snprintf(body, size, "{\"interval_ms\":%ld}", lround(1000 / hz));
	return 0;
}

static int rate(const struct command_context *ctx, int argc, char **argv)
{
	char body[64];

	(void)argc;
	if (rate_body(argv[1], body, sizeof(body)) < 0)
		return 2;
	return post(ctx, argv[0], "rate", body, print_rate);
}

const struct command command_rate = {
	.name = "rate",
	.words = "VM HZ|auto",
	.words_min = 2,
	.words_max = 2,
	.help = "ask a VM's agent for so many samples a second",
	.run = rate,
};
