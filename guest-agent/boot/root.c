/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/boot/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

/* The file system that the kernel unpacked the initramfs into is the first of all. */
static bool root_is_rootfs(void)
{
	_cleanup_close_ int fd = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
	char mounts[1024];
	ssize_t n = fd >= 0 ? read(fd, mounts, sizeof(mounts) - 1) : -1;

	if (n <= 0)
		return false;
	mounts[n] = '\0';
	mounts[strcspn(mounts, "\n")] = '\0';
	return strstr(mounts, " / rootfs ");
}

/* A root in memory alone does not say it: a live system may have one. */
static bool is_initramfs(void)
{
	struct statfs fs;

	return statfs("/", &fs) == 0 && (fs.f_type == RAMFS_MAGIC || fs.f_type == TMPFS_MAGIC) &&
	       (access("/etc/initrd-release", F_OK) == 0 || root_is_rootfs());
}

void root_init(struct root *root, char *argv0)
{
	struct stat st;

	*root = (struct root){ .proc_fd = -1 };
	if (!is_initramfs() || stat("/", &st) < 0)
		return;
	root->in_initramfs = true;
	root->device = st.st_dev;
	root->inode = st.st_ino;
	if (argv0 && *argv0) {
		root->argv0 = argv0;
		root->argv0_first = *argv0;
		*argv0 = '@';
	}
}

static void forget(struct root *root)
{
	if (root->argv0)
		*root->argv0 = root->argv0_first;
	if (root->proc_fd >= 0)
		close(root->proc_fd);
	root->argv0 = NULL;
	root->proc_fd = -1;
	root->in_initramfs = false;
}

void root_done(struct root *root)
{
	forget(root);
}

/*
 * Only pid 1 says where the system is, and only if it was where we are: who was
 * started in a chroot stays there.
 */
static bool init_has_moved(struct root *root)
{
	struct stat st;

	if (root->proc_fd < 0)
		root->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root->proc_fd < 0 || fstatat(root->proc_fd, "1/root/.", &st, 0) < 0)
		return false;
	if (st.st_dev == root->device && st.st_ino == root->inode) {
		root->was_init = true;
		return false;
	}
	return root->was_init;
}

bool root_check(struct root *root)
{
	_cleanup_close_ int fd = -1;

	if (!root->in_initramfs || !init_has_moved(root))
		return false;
	fd = openat(root->proc_fd, "1/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fchdir(fd) < 0 || chroot(".") < 0 || chdir("/") < 0) {
		log_warning("cannot follow to the system's root: %s; ports that appear later are "
			    "not seen", strerror(errno));
		forget(root);
		return false;
	}
	forget(root);
	return true;
}
