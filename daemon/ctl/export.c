/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ctl/aside.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/options.h"
#include "daemon/ctl/progress.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

/* What vmexitd is asked with, in this order. */
static const char *const params[] = { "boot", "source", "from", "to", "mark", "after" };

#define PARAMS (sizeof(params) / sizeof(params[0]))

struct export {
	const char *vm, *format, *file;
	const char *values[PARAMS];
	int fd;
	uint64_t bytes;
	struct progress progress;
};

/* Returns 0, or 2 for wrong usage. */
static int parse(struct export *x, int argc, char **argv)
{
	static const struct option options[] = {
		{ "boot", required_argument, NULL, OPTION_BOOT },
		{ "source", required_argument, NULL, OPTION_SOURCE },
		{ "from", required_argument, NULL, OPTION_FROM },
		{ "to", required_argument, NULL, OPTION_TO },
		{ "mark", required_argument, NULL, OPTION_MARK },
		{ "after", required_argument, NULL, OPTION_AFTER },
		{ "format", required_argument, NULL, OPTION_FORMAT },
		{ "output", required_argument, NULL, 'o' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (c >= OPTION_BOOT && c <= OPTION_AFTER)
			x->values[c - OPTION_BOOT] = optarg;
		else if (c == OPTION_FORMAT)
			x->format = optarg;
		else if (c == 'o')
			x->file = optarg;
		else
			return 2;
	}
	if (strcmp(x->format, "wide") != 0 && strcmp(x->format, "long") != 0 &&
	    strcmp(x->format, "jsonl") != 0) {
		log_error("format '%s' is none of wide, long and jsonl", x->format);
		return 2;
	}
	if (argc - optind != 1) {
		log_error("export takes one VM");
		return 2;
	}
	x->vm = argv[optind];
	return 0;
}

static int write_all(void *ctx, const char *data, size_t len)
{
	struct export *x = ctx;

	for (size_t done = 0; done < len;) {
		ssize_t n = write(x->fd, data + done, len - done);

		if (n < 0 && errno == EINTR && !aside_is_interrupted())
			continue;
		if (n < 0) {
			int error = errno;

			log_error("cannot write: %s", strerror(error));
			return -error;
		}
		done += n;
	}
	x->bytes += len;
	progress_show(&x->progress, x->bytes, 0);
	if (aside_is_interrupted()) {
		log_error("interrupted");
		return -EINTR;
	}
	return 0;
}

static int ask(const struct command_context *ctx, struct export *x)
{
	struct client_param query[PARAMS + 1];
	bool is_json = strcmp(x->format, "jsonl") == 0;
	size_t count = 0;
	int r;

	for (size_t i = 0; i < PARAMS; i++) {
		if (x->values[i])
			query[count++] = (struct client_param){ params[i], x->values[i] };
	}
	if (!is_json)
		query[count++] = (struct client_param){ "form", x->format };
	progress_begin(&x->progress, "export");
	r = client_stream(ctx->socket, x->vm, is_json ? "samples.jsonl" : "samples.csv", query,
			  count, write_all, x);
	progress_end(&x->progress);
	return r;
}

static int to_file(const struct command_context *ctx, struct export *x)
{
	struct aside aside;
	int r = aside_begin(&aside, x->file, true);

	if (r < 0)
		return r;
	x->fd = open(aside.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (x->fd < 0) {
		r = -errno;
		log_error("cannot write %s: %s", aside.path, strerror(-r));
	} else {
		r = ask(ctx, x);
		if (close(x->fd) < 0 && r == 0) {
			r = -errno;
			log_error("cannot write %s: %s", aside.path, strerror(-r));
		}
	}
	if (r == 0)
		r = aside_keep(&aside, true);
	aside_end(&aside);
	return r;
}

int command_export(const struct command_context *ctx, int argc, char **argv)
{
	struct export x = { .format = "wide", .fd = STDOUT_FILENO };

	if (parse(&x, argc, argv))
		return 2;
	return (x.file ? to_file(ctx, &x) : ask(ctx, &x)) < 0 ? 1 : 0;
}
