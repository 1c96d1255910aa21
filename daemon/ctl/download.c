/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/download.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ctl/answer.h"
#include "daemon/ctl/aside.h"
#include "daemon/ctl/progress.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

struct into {
	int fd;
	uint64_t bytes;
	struct progress progress;
};

static int write_all(void *ctx, const char *data, size_t len)
{
	struct into *into = ctx;

	for (size_t done = 0; done < len;) {
		ssize_t n = write(into->fd, data + done, len - done);

		if (n < 0 && errno == EINTR && !aside_is_interrupted())
			continue;
		if (n < 0) {
			int error = errno;

			log_error("cannot write: %s", strerror(error));
			return -error;
		}
		done += n;
	}
	into->bytes += len;
	progress_show(&into->progress, into->bytes, 0);
	if (aside_is_interrupted()) {
		log_error("interrupted");
		return -EINTR;
	}
	return 0;
}

static int open_aside(const struct aside *aside)
{
	int fd = open(aside->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int error = errno;

	if (fd >= 0)
		return fd;
	log_error("cannot write %s: %s", aside->path, strerror(error));
	return -error;
}

struct request {
	const char *socket, *word, *vm, *page;
	const struct client_param *params;
	size_t count;
};

static int ask(const struct request *request, struct into *into)
{
	int r;

	progress_begin(&into->progress, request->word);
	r = client_stream(request->socket, request->vm, request->page, request->params,
			  request->count, write_all, into);
	progress_end(&into->progress);
	return r;
}

static int to_file(const struct request *request, struct into *into, const char *file)
{
	struct aside aside;
	int r = aside_begin(&aside, file, true);

	if (r < 0)
		return r;
	into->fd = r = open_aside(&aside);
	if (r >= 0) {
		r = ask(request, into);
		if (close(into->fd) < 0 && r == 0) {
			r = -errno;
			log_error("cannot write %s: %s", aside.path, strerror(-r));
		}
	}
	if (r == 0)
		r = aside_keep(&aside, true);
	aside_end(&aside);
	return r;
}

static int tell(const char *format, uint64_t bytes)
{
	json_t *root = json_pack("{ss,sI}", "format", format, "bytes", (json_int_t)bytes);
	_cleanup_free_ char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

	json_decref(root);
	return text ? answer_print(text) : -ENOMEM;
}

int download(const struct command_context *ctx, const char *word, const char *vm, const char *page,
	     const struct client_param *params, size_t count, const char *format, const char *file)
{
	struct request request = { ctx->socket, word, vm, page, params, count };
	struct into into = { .fd = STDOUT_FILENO };

	if (ctx->json && !file) {
		log_error("--json tells what was written to a file, which --output names");
		return 2;
	}
	if ((file ? to_file(&request, &into, file) : ask(&request, &into)) < 0)
		return 1;
	return ctx->json && tell(format, into.bytes) < 0 ? 1 : 0;
}
