/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ctl/aside.h"
#include "daemon/ctl/client.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/progress.h"
#include "guest-agent/shared/cleanup.h"
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

struct export {
	const char *vm, *format, *file;
	const char *const *values;	/* of PARAMS */
	int fd;
	uint64_t bytes;
	struct progress progress;
};

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
			query[count++] = (struct client_param){ options[i].name, x->values[i] };
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

static int run(const struct command_context *ctx, int argc, char **argv)
{
	struct export x = {
		.vm = argv[0],
		.format = ctx->values[FORMAT] ? ctx->values[FORMAT] : "wide",
		.file = ctx->values[OUTPUT],
		.values = ctx->values,
		.fd = STDOUT_FILENO,
	};

	(void)argc;
	if (strcmp(x.format, "wide") != 0 && strcmp(x.format, "long") != 0 &&
	    strcmp(x.format, "jsonl") != 0) {
		log_error("format '%s' is none of wide, long and jsonl", x.format);
		return 2;
	}
	return (x.file ? to_file(ctx, &x) : ask(ctx, &x)) < 0 ? 1 : 0;
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
