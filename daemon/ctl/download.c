/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/download.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ctl/aside.h"
#include "daemon/ctl/progress.h"
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

int download(const struct command_context *ctx, const char *word, const char *vm, const char *page,
	     const struct client_param *params, size_t count, const char *file)
{
	struct into into = { .fd = STDOUT_FILENO };
	struct aside aside;
	int r;

	if (file) {
		r = aside_begin(&aside, file, true);
		if (r < 0)
			return r;
		into.fd = r = open_aside(&aside);
		if (r < 0) {
			aside_end(&aside);
			return r;
		}
	}
	progress_begin(&into.progress, word);
	r = client_stream(ctx->socket, vm, page, params, count, write_all, &into);
	progress_end(&into.progress);
	if (!file)
		return r;
	if (close(into.fd) < 0 && r == 0) {
		r = -errno;
		log_error("cannot write %s: %s", aside.path, strerror(-r));
	}
	if (r == 0)
		r = aside_keep(&aside, true);
	aside_end(&aside);
	return r;
}
