/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ctl/doctorplace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest-agent/shared/cleanup.h"

void doctorplace_init(struct doctor_place *place)
{
	struct utsname name;

	*place = (struct doctor_place){ .root = "", .is_root = geteuid() == 0 };
	if (uname(&name) == 0)
		(void)snprintf(place->release, sizeof(place->release), "%s", name.release);
}

const char *doctorplace_path(const struct doctor_place *place, const char *path, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s%s", place->root, path);
	return buf;
}

/* The daemon's user can name others and put links anywhere, and to open a device may do something. */
static int open_regular(const char *full)
{
	_cleanup_close_ int found = open(full, O_PATH | O_CLOEXEC);
	char again[64];
	struct stat st;
	int fd;

	if (found < 0 || fstat(found, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	(void)snprintf(again, sizeof(again), "/proc/self/fd/%d", found);
	fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

long doctorplace_read(const struct doctor_place *place, const char *path, char *buf, size_t size)
{
	char full[PATH_MAX];
	_cleanup_close_ int fd = open_regular(doctorplace_path(place, path, full, sizeof(full)));
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return fd;
	while (len < size - 1 && n > 0) {
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0)
			return -errno;
		len += n;
	}
	buf[len] = '\0';
	return len;
}

int doctorplace_line(const struct doctor_place *place, const char *path, char *buf, size_t size)
{
	long n = doctorplace_read(place, path, buf, size);

	if (n < 0)
		return n;
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

int doctorplace_stat(const struct doctor_place *place, const char *path, struct stat *ret_st)
{
	char full[PATH_MAX];

	return stat(doctorplace_path(place, path, full, sizeof(full)), ret_st) < 0 ? -errno : 0;
}

bool doctorplace_exists(const struct doctor_place *place, const char *path)
{
	struct stat st;

	return doctorplace_stat(place, path, &st) == 0;
}
