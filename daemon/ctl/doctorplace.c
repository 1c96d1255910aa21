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

long doctorplace_read(const struct doctor_place *place, const char *path, char *buf, size_t size)
{
	char full[PATH_MAX];
	_cleanup_close_ int fd = open(doctorplace_path(place, path, full, sizeof(full)),
				      O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
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
