/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

bool aside_is_interrupted(void)
{
	return interrupted;
}

static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* What is replaced is a file: of a link what it points to, and never a device. */
static int find_target(struct aside *aside, const char *target, bool may_replace)
{
	struct stat st;

	if (!may_replace && lstat(target, &st) == 0) {
		log_error("%s is there already; name another file", target);
		return -EEXIST;
	}
	if (may_replace && stat(target, &st) == 0 && !S_ISREG(st.st_mode)) {
		log_error("%s is no file that can be replaced; name another one", target);
		return -EEXIST;
	}
	if (may_replace && realpath(target, aside->target))
		return 0;
	if (snprintf(aside->target, PATH_MAX, "%s", target) >= PATH_MAX) {
		log_error("%.80s...: the name is too long", target);
		return -ENAMETOOLONG;
	}
	return 0;
}

int aside_begin(struct aside *aside, const char *target, bool may_replace)
{
	int error;

	*aside->dir = '\0';
	error = find_target(aside, target, may_replace);
	if (error < 0)
		return error;
	catch_signals();
	(void)snprintf(aside->dir, sizeof(aside->dir), "%s.XXXXXX", aside->target);
	if (!mkdtemp(aside->dir)) {
		error = errno;
		*aside->dir = '\0';
		log_error("cannot make a directory beside %s: %s", target, strerror(error));
		return -error;
	}
	(void)snprintf(aside->path, sizeof(aside->path), "%s/new", aside->dir);
	return 0;
}

static int sync_path(const char *path, int flags)
{
	_cleanup_close_ int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0) {
		int error = errno;

		log_error("%s cannot be written to the disk: %s", path, strerror(error));
		return -error;
	}
	return 0;
}

int aside_keep(struct aside *aside, bool may_replace)
{
	char parent[PATH_MAX];
	struct stat st;
	int r;

	/* Who may not read the old one is not to read the new one. */
	if (may_replace && stat(aside->target, &st) == 0)
		(void)chmod(aside->path, st.st_mode & 0777);
	r = sync_path(aside->path, O_RDONLY);
	if (r < 0)
		return r;
	if ((may_replace ? rename(aside->path, aside->target)
			 : link(aside->path, aside->target)) < 0) {
		r = -errno;
		log_error("cannot make %s: %s", aside->target, strerror(-r));
		return r;
	}
	memcpy(parent, aside->target, sizeof(parent));
	return sync_path(dirname(parent), O_RDONLY | O_DIRECTORY);
}

/* Files only: nobody makes anything else there. */
static void empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
}

void aside_end(struct aside *aside)
{
	if (!*aside->dir)
		return;
	empty(aside->dir);
	(void)rmdir(aside->dir);
	*aside->dir = '\0';
}
