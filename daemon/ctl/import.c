/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/ctl/aside.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/progress.h"
#include "daemon/import/import.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

struct import {
	const char *file, *database;
	int fd;
	uint64_t size;			/* of the file; 0: not known */
	struct progress progress;
	struct rebuild_counts counts;
};

static ssize_t read_some(void *ctx, char *buf, size_t size)
{
	struct import *m = ctx;
	ssize_t n;

	do {
		n = read(m->fd, buf, size);
	} while (n < 0 && errno == EINTR && !aside_is_interrupted());
	if (n < 0) {
		int error = errno;

		log_error("cannot read %s: %s", m->file, strerror(error));
		return -error;
	}
	return n;
}

static int show(void *ctx, uint64_t bytes)
{
	struct import *m = ctx;

	progress_show(&m->progress, bytes, m->size);
	if (!aside_is_interrupted())
		return 0;
	log_error("interrupted");
	return -EINTR;
}

static int read_in(struct import *m, struct rebuild *rebuild)
{
	struct csvread *reader = csvread_new(read_some, m);
	char error[REBUILD_ERROR_MAX + 64] = "";
	int r;

	if (!reader)
		return -ENOMEM;
	progress_begin(&m->progress, "import");
	r = import_csv(reader, rebuild, show, m, error, sizeof(error));
	progress_end(&m->progress);
	csvread_free(reader);
	if (*error)
		log_error("%s: %s", m->file, error);
	m->counts = rebuild_counts(rebuild);
	return r;
}

/* Whether the store has put all into the one file when it was closed. */
static int check_closed(const char *path)
{
	char wal[PATH_MAX + 32];

	(void)snprintf(wal, sizeof(wal), "%s-wal", path);
	if (access(wal, F_OK) < 0)
		return 0;
	log_error("the new database could not be closed; is the disk full?");
	return -EIO;
}

static int to_database(struct import *m)
{
	struct rebuild *rebuild;
	struct aside aside;
	int r = aside_begin(&aside, m->database, false);

	if (r < 0)
		return r;
	r = rebuild_new(aside.path, &rebuild);
	if (r == 0) {
		r = read_in(m, rebuild);
		rebuild_free(rebuild);
	}
	if (r == 0)
		r = check_closed(aside.path);
	if (r == 0)
		r = aside_keep(&aside, false);
	aside_end(&aside);
	return r;
}

static int open_file(struct import *m)
{
	struct stat st;

	m->fd = strcmp(m->file, "-") == 0 ? dup(STDIN_FILENO) : open(m->file, O_RDONLY | O_CLOEXEC);
	if (m->fd < 0 || fstat(m->fd, &st) < 0) {
		int error = errno;

		log_error("cannot open %s: %s", m->file, strerror(error));
		return -error;
	}
	m->size = S_ISREG(st.st_mode) ? st.st_size : 0;
	return 0;
}

static void tell(const struct command_context *ctx, const struct import *m)
{
	const struct rebuild_counts *c = &m->counts;

	if (ctx->json)
		printf("{\"boots\":%" PRIu64 ",\"samples\":%" PRIu64 ",\"marks\":%" PRIu64
		       ",\"ranges\":%" PRIu64 "}\n",
		       c->boots, c->samples, c->marks, c->ranges);
	else
		printf("%s: %" PRIu64 " boots, %" PRIu64 " samples, %" PRIu64 " marks, %" PRIu64
		       " gaps and quarantines\n",
		       m->database, c->boots, c->samples, c->marks, c->ranges);
}

enum { DATABASE };

static const struct command_option options[] = {
	[DATABASE] = { "database", 0, "FILE", "the database to make [" COMMAND_DATABASE "]" },
	{ 0 },
};

static int run(const struct command_context *ctx, int argc, char **argv)
{
	struct import m = { .file = argv[0], .database = ctx->values[DATABASE], .fd = -1 };
	int r;

	(void)argc;
	if (!m.database)
		m.database = COMMAND_DATABASE;
	r = open_file(&m);
	if (r == 0)
		r = to_database(&m);
	if (m.fd >= 0)
		close(m.fd);
	if (r == -ENOMEM)
		log_error("out of memory");
	if (r == -ENOSPC)
		log_error("there is no room for the database; --database names another file");
	if (r == 0)
		tell(ctx, &m);
	return r < 0 ? 1 : 0;
}

const struct command command_import = {
	.name = "import",
	.words = "FILE",
	.words_min = 1,
	.words_max = 1,
	.help = "make a new database of an exported CSV",
	.about = "'-' is the standard input.",
	.options = options,
	.run = run,
};
