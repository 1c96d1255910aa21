/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/ctl/aside.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/progress.h"
#include "daemon/store/backup.h"
#include "guest-agent/shared/log.h"

static int show(void *ctx, uint64_t bytes, uint64_t total)
{
	progress_show(ctx, bytes, total);
	if (!aside_is_interrupted())
		return 0;
	log_error("interrupted");
	return -EINTR;
}

static int copy(const struct command_context *ctx, const char *database, const char *file)
{
	struct progress progress;
	struct aside aside;
	struct stat st;
	int r = aside_begin(&aside, file, false);

	if (r < 0)
		return r;
	progress_begin(&progress, "backup");
	r = backup_copy(database, aside.path, show, &progress);
	progress_end(&progress);
	if (r == 0)
		r = aside_keep(&aside, false);
	if (r == 0 && stat(aside.target, &st) == 0)
		printf(ctx->json ? "{\"bytes\":%jd}\n" : "%jd bytes\n", (intmax_t)st.st_size);
	aside_end(&aside);
	return r;
}

enum { DATABASE };

static const struct command_option options[] = {
	[DATABASE] = COMMAND_OPTION_DATABASE,
	{ 0 },
};

static int run(const struct command_context *ctx, int argc, char **argv)
{
	const char *database = ctx->values[DATABASE] ? ctx->values[DATABASE] : COMMAND_DATABASE;

	(void)argc;
	/* SQLite would only say that it cannot. */
	if (access(database, R_OK) < 0) {
		log_error("cannot read %s: %s; %s--database names another", database, strerror(errno),
			  errno == EACCES ? "root can, or " : "");
		return 1;
	}
	return copy(ctx, database, argv[0]) < 0 ? 1 : 0;
}

const struct command command_backup = {
	.name = "backup",
	.words = "FILE",
	.words_min = 1,
	.words_max = 1,
	.help = "copy the database, also while it is written to",
	.options = options,
	.run = run,
};
