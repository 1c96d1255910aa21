/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/form/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/monotonic.h"
#include "guest-agent/shared/cleanup.h"

#define DEADLINE_MS 20000
#define PICTURE_MAX (16 << 20)

/*
 * The child gets a pipe with the script as 3, the data as 4 and a pipe as standard output.
 * dup2() onto the same number would keep close-on-exec, so all are moved up first.
 */
static int start(const char *gnuplot, int script, int data, int out, pid_t *ret_pid)
{
	char *const argv[] = { (char *)gnuplot, "--default-settings", "/proc/self/fd/3", NULL };
	char path[4096] = "PATH=/usr/local/bin:/usr/bin:/bin";
	char *const envp[] = { path, "HOME=/nonexistent", "LC_ALL=C.UTF-8", NULL };
	int high_script = fcntl(script, F_DUPFD_CLOEXEC, 10);
	int high_data = fcntl(data, F_DUPFD_CLOEXEC, 10);
	int high_out = fcntl(out, F_DUPFD_CLOEXEC, 10);
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, defaults;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, high_out, 1);
	posix_spawn_file_actions_adddup2(&actions, high_script, 3);
	posix_spawn_file_actions_adddup2(&actions, high_data, 4);
	posix_spawnattr_init(&attr);
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	r = high_script < 0 || high_data < 0 || high_out < 0
		    ? EMFILE
		    : posix_spawnp(ret_pid, gnuplot, &actions, &attr, argv, envp);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (high_script >= 0)
		close(high_script);
	if (high_data >= 0)
		close(high_data);
	if (high_out >= 0)
		close(high_out);
	return -r;
}

/* Everything that comes out of @fd until its end. */
static int read_picture(int fd, int64_t deadline_ms, char **ret_data, size_t *ret_size)
{
	_cleanup_free_ char *data = NULL;
	size_t size = 0, room = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int64_t left_ms = deadline_ms - monotonic_ms();
		ssize_t n;

		if (left_ms <= 0 || poll(&p, 1, left_ms) == 0)
			return -ETIMEDOUT;
		if (room - size < 65536) {
			char *more = room < PICTURE_MAX ? realloc(data, room + 262144) : NULL;

			if (!more)
				return -ENOMEM;
			data = more;
			room += 262144;
		}
		n = read(fd, data + size, room - size);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		if (n > 0)
			size += n;
	}
	*ret_data = data;
	*ret_size = size;
	data = NULL;
	return 0;
}

/* A program that has closed its output may still hang; it is not waited for for ever. */
static int reap(pid_t pid, int64_t deadline_ms)
{
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		struct timespec pause = { 0, 2000000 };

		if (got == pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (monotonic_ms() >= deadline_ms) {
			/* Its own process group: what it started goes with it. */
			kill(-pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return -ETIMEDOUT;
		}
		nanosleep(&pause, NULL);
	}
}

/* What a program of this kind may take at most: it reads two files, and writes to a pipe. */
static void confine(pid_t pid)
{
	static const struct {
		int resource;
		rlim_t most;
	} limits[] = {
		{ RLIMIT_CPU, DEADLINE_MS / 1000 },	{ RLIMIT_AS, 2UL << 30 },
		{ RLIMIT_FSIZE, 0 },			{ RLIMIT_CORE, 0 },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit = { limits[i].most, limits[i].most };

		(void)prlimit(pid, limits[i].resource, &limit, NULL);
	}
}

/* gnuplot on its way, with what this end has of it. */
struct process {
	pid_t pid;
	int script, picture;		/* pipes' ends */
};

static int begin(const char *gnuplot, int data, struct process *ret_process)
{
	int script[2], out[2], r;

	if (pipe2(script, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(out, O_CLOEXEC) < 0) {
		r = -errno;
		close(script[0]);
		close(script[1]);
		return r;
	}
	r = start(gnuplot, script[0], data, out[1], &ret_process->pid);
	close(script[0]);
	close(out[1]);
	ret_process->script = script[1];
	ret_process->picture = out[0];
	if (r < 0) {
		close(script[1]);
		close(out[0]);
	}
	return r;
}

int gnuplot_run(const char *gnuplot, const char *text, size_t len, int data, char **ret_picture,
		size_t *ret_size)
{
	int64_t deadline_ms = monotonic_ms() + DEADLINE_MS;
	struct process p;
	int r, reaped;

	if (len > GNUPLOT_SCRIPT_MAX)
		return -E2BIG;
	r = begin(gnuplot, data, &p);
	if (r < 0)
		return r;
	/* It waits for its script until it is confined. */
	confine(p.pid);
	/* What does not read it draws nothing, which is noticed below. */
	(void)!write(p.script, text, len);
	close(p.script);
	r = read_picture(p.picture, deadline_ms, ret_picture, ret_size);
	close(p.picture);
	reaped = reap(p.pid, r < 0 ? 0 : deadline_ms);
	if (r == 0 && reaped < 0)
		free(*ret_picture);
	return r < 0 ? r : reaped;
}
