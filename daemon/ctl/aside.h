/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that is there under its name when it is whole, and not before: it is made in a
 * directory of its own beside it. An interrupted program leaves nothing behind. Logging.
 */
#ifndef DAEMON_CTL_ASIDE_H
#define DAEMON_CTL_ASIDE_H

#include <limits.h>
#include <stdbool.h>

struct aside {
	char target[PATH_MAX];
	char dir[PATH_MAX + 8];
	char path[PATH_MAX + 16];		/* where to make the file */
};

/*
 * Begin; from here on SIGINT, SIGTERM and SIGHUP only make aside_is_interrupted() true.
 * @may_replace: it may be there already if it is a file, whose mode the new one gets; of a
 * link that to which it points. Returns 0 or -errno.
 */
int aside_begin(struct aside *aside, const char *target, bool may_replace);

bool aside_is_interrupted(void);

/* The file, on disk, gets its name. Returns 0 or -errno; aside_end() in every case. */
int aside_keep(struct aside *aside, bool may_replace);

/* Remove what was not kept. */
void aside_end(struct aside *aside);

#endif
