/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/ctl/command.h"
#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

#define EXTENSION "vmexit.so"

/* In the build it is beside this program; installed, in lib/vmexit beside its directory. */
static int find_extension(char path[PATH_MAX])
{
	static const char *const places[] = { "", "/../lib/vmexit" };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return -errno;
	self[n] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char own[PATH_MAX];
		int len;

		memcpy(own, self, n + 1);
		len = snprintf(path, PATH_MAX, "%s%s/" EXTENSION, dirname(own), places[i]);
		if (len > 0 && len < PATH_MAX && access(path, R_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

/* sqlite3's own words are between quotes; within them nothing is special but the quote. */
static int load_command(char *command, size_t size)
{
	char path[PATH_MAX];

	if (find_extension(path) < 0 || strchr(path, '\'')) {
		log_error(EXTENSION " is neither beside this program nor in ../lib/vmexit; "
				    "install it from where vmexitctl is from");
		return -ENOENT;
	}
	(void)snprintf(command, size, ".load '%s'", path);
	return 0;
}

static const struct command_option options[] = {
	COMMAND_OPTION_DATABASE,
	{ 0 },
};

static int run(const struct command_context *ctx, int argc, char **argv)
{
	static const char option[] = "--database";
	const char *database = COMMAND_DATABASE;
	char load[PATH_MAX + 16];
	_cleanup_free_ char **words = NULL;
	size_t count = 0;
	int from = 0;

	/* All other words are sqlite3's. */
	if (argc > 0 && strncmp(argv[0], "--database=", sizeof(option)) == 0) {
		database = argv[0] + sizeof(option);
		from = 1;
	} else if (argc > 0 && strcmp(argv[0], option) == 0) {
		if (argc == 1) {
			log_error("--database needs a file");
			return 2;
		}
		database = argv[1];
		from = 2;
	}
	if (access(database, R_OK) < 0) {
		log_error("cannot read %s: %s; %s--database names another", database, strerror(errno),
			  errno == EACCES ? "root can, or " : "");
		return 1;
	}
	words = calloc(argc + 9, sizeof(*words));
	if (!words || load_command(load, sizeof(load)) < 0)
		return 1;
	words[count++] = "sqlite3";
	words[count++] = "-readonly";
	if (ctx->json)
		words[count++] = "-json";
	words[count++] = "-cmd";
	words[count++] = load;
	words[count++] = (char *)database;
	for (int i = from; i < argc; i++)
		words[count++] = argv[i];
	execvp(words[0], words);
	log_error("cannot run sqlite3: %s; it is in the package sqlite3", strerror(errno));
	return 1;
}

const struct command command_sql = {
	.name = "sql",
	.words = "[WORD]...",
	.help = "run sqlite3 on the database, read-only, with its tables",
	.about = "All words but a first --database are sqlite3's.",
	.options = options,
	.raw = true,
	.run = run,
};
