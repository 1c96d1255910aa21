/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "daemon/ctl/aside.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/options.h"
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

int command_backup(const struct command_context *ctx, int argc, char **argv)
{
	static const struct option options[] = {
		{ "database", required_argument, NULL, OPTION_DATABASE },
		{ 0 },
	};
	const char *database = OPTIONS_DATABASE;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != OPTION_DATABASE)
			return 2;
		database = optarg;
	}
	if (argc - optind != 1) {
		log_error("backup takes one word, the file to write");
		return 2;
	}
	return copy(ctx, database, argv[optind]) < 0 ? 1 : 0;
}
