/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/control/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guest-agent/shared/cleanup.h"
#include "guest-agent/shared/log.h"

/* For an end in order, which takes an agent half a second, and for one without. */
#define TERM_TRIES 500
#define KILL_TRIES 200
#define TRY_NS 10000000L

/* The last directory, as the control socket's: by whoever comes first. */
static void make_directory(const char *path)
{
	char directory[PATH_MAX];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (!slash || slash == directory)
		return;
	*slash = '\0';
	if (mkdir(directory, 0755) == 0)
		(void)chmod(directory, 0755);
}

/* Whoever else could write it could have the host told anything, or us end anything. */
static bool is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & 022);
}

static int open_file(const char *path)
{
	_cleanup_close_ int fd = -1;
	int r;

	make_directory(path);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (!is_ours(fd))
		return -EPERM;
	r = fd;
	fd = -1;
	return r;
}

/* 0 if the lock is ours now, or -errno; -EAGAIN with the process that has it. */
static int try_lock(int fd, pid_t *ret_pid)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_SETLK, &lock) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return -errno;
	if (fcntl(fd, F_GETLK, &lock) < 0)
		return -errno;
	/* It may have ended between the two. */
	*ret_pid = lock.l_type == F_UNLCK ? 0 : lock.l_pid;
	return -EAGAIN;
}

/* Have who has the lock end by @signal. Returns 0 with the lock, or -errno. */
static int end_by(int fd, int signal, int tries)
{
	const struct timespec pause = { .tv_nsec = TRY_NS };
	pid_t signalled = 0, pid = 0;
	int r;

	while ((r = try_lock(fd, &pid)) == -EAGAIN && tries-- > 0) {
		/* One of another PID namespace has no number here. */
		if (pid < 0)
			return -ESRCH;
		/* Whoever comes next in between is another one. */
		if (pid > 0 && pid != signalled) {
			if (kill(pid, signal) < 0 && errno != ESRCH)
				return -errno;
			signalled = pid;
		}
		(void)nanosleep(&pause, NULL);
	}
	return r;
}

static int take(int fd)
{
	pid_t pid = 0;
	int r = try_lock(fd, &pid);

	if (r != -EAGAIN)
		return r;
	log_notice("process %d is the agent so far, taking over from it", (int)pid);
	r = end_by(fd, SIGTERM, TERM_TRIES);
	if (r != -EAGAIN)
		return r;
	log_warning("it does not end, killing it; what the host has not stored of it is lost");
	return end_by(fd, SIGKILL, KILL_TRIES);
}

int claim_take(const char *path, int *ret_fd)
{
	_cleanup_close_ int fd = open_file(path);
	int r = fd < 0 ? fd : take(fd);

	if (r < 0) {
		log_warning("cannot have %s to itself: %s; no agent is taken over from, nor will one be",
			    path, r == -EPERM ? "it is another user's, or others can write it" :
			    r == -EAGAIN ? "the agent that has it does not end" : strerror(-r));
		return r;
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}
