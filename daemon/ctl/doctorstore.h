/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The database and the disk that it is on: for vmexitctl doctor. Non-logging. */
#ifndef DAEMON_CTL_DOCTORSTORE_H
#define DAEMON_CTL_DOCTORSTORE_H

#include <stdint.h>
#include <sys/types.h>

#include "daemon/base/config.h"
#include "daemon/ctl/doctorplace.h"
#include "daemon/ctl/doctorsay.h"

/* Of the file system. */
struct doctor_disk {
	long type;			/* statfs' f_type */
	uint64_t free_bytes, all_bytes;	/* free: for the daemon's user */
};

/* That of @path, or of its directory. Returns 0 or -errno. */
int doctorstore_disk(const struct doctor_place *place, const char *path, struct doctor_disk *ret_disk);

/* Who has the database. */
struct doctor_owner {
	bool runs;			/* a daemon does, and has it open */
	bool has_uid;			/* it runs as uid, or its service would */
	uid_t uid;
};

/* Say what is to be said of @config's database on @disk (NULL: it is not known). */
void doctorstore_look(const struct doctor_place *place, const struct config *config,
		      const struct doctor_disk *disk, const struct doctor_owner *owner,
		      struct doctorsay *say);

#endif
