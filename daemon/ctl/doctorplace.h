/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host that vmexitctl doctor looks at: its files below a root, which tests set up. Non-logging. */
#ifndef DAEMON_CTL_DOCTORPLACE_H
#define DAEMON_CTL_DOCTORPLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct doctor_place {
	const char *root;		/* "" but for tests */
	char release[128];		/* of the running kernel */
	bool is_root;			/* whether this user is */
};

/* This host, and this user. */
void doctorplace_init(struct doctor_place *place);

/* The root's @path as a whole. Returns @buf; what is too long is cut. */
const char *doctorplace_path(const struct doctor_place *place, const char *path, char *buf, size_t size);

/*
 * A file's first bytes, up to @size - 1, with '\0' behind. Returns their number, -EINVAL for what
 * is no regular file, which is not opened, or another -errno.
 */
long doctorplace_read(const struct doctor_place *place, const char *path, char *buf, size_t size);

/* A file's first line without its end. Returns 0 or -errno. */
int doctorplace_line(const struct doctor_place *place, const char *path, char *buf, size_t size);

/* Returns 0 or -errno; links are followed. */
int doctorplace_stat(const struct doctor_place *place, const char *path, struct stat *ret_st);
bool doctorplace_exists(const struct doctor_place *place, const char *path);

#endif
