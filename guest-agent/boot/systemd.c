/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/boot/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_NS 10000000000ULL

static const struct {
	const char *name;
	size_t offset;
} properties[] = {
	{ "InitRDTimestampMonotonic=", offsetof(struct systemd_times, initrd_us) },
	{ "UserspaceTimestampMonotonic=", offsetof(struct systemd_times, userspace_us) },
	{ "FinishTimestampMonotonic=", offsetof(struct systemd_times, finish_us) },
};

void systemd_init(struct systemd_query *query)
{
	*query = (struct systemd_query){ .fd = -1 };
}

static void finish(struct systemd_query *query)
{
	if (query->fd >= 0)
		close(query->fd);
	query->fd = -1;
	query->pid = 0;
}

void systemd_done(struct systemd_query *query)
{
	if (query->pid) {
		kill(query->pid, SIGKILL);
		(void)waitpid(query->pid, NULL, 0);
	}
	finish(query);
}

bool systemd_is_there(void)
{
	/* As sd_booted(3) does. */
	return faccessat(AT_FDCWD, "/run/systemd/system", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* As any process is started: no signals blocked or ignored, no descriptors of ours. */
static void __attribute__((noreturn)) execute(const char *program, int out)
{
	static const char *const programs[] = { "/usr/bin/systemctl", "/bin/systemctl" };
	static char *const arguments[] = {
		(char *)"systemctl", (char *)"show",
		(char *)"--property=InitRDTimestampMonotonic,UserspaceTimestampMonotonic,"
			"FinishTimestampMonotonic",
		NULL,
	};
	static char *const environment[] = { (char *)"LC_ALL=C", NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (null >= 0 && dup2(null, 0) == 0 && dup2(null, 2) == 2 && dup2(out, 1) == 1) {
		if (program)
			execve(program, arguments, environment);
		for (size_t i = 0; !program && i < sizeof(programs) / sizeof(programs[0]); i++)
			execve(programs[i], arguments, environment);
	}
	_exit(127);
}

int systemd_ask(struct systemd_query *query, const char *program, uint64_t now_ns)
{
	int fds[2], error;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	/* Not posix_spawn(): that would wait until the program is read from its disk. */
	query->pid = fork();
	if (query->pid == 0)
		execute(program, fds[1]);
	error = errno;
	close(fds[1]);
	if (query->pid < 0) {
		close(fds[0]);
		query->pid = 0;
		return -error;
	}
	query->fd = fds[0];
	query->len = 0;
	query->until_ns = now_ns + PATIENCE_NS;
	return 0;
}

static void parse(const char *text, struct systemd_times *ret_times)
{
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
		const char *value = strstr(text, properties[i].name);
		uint64_t *time_us = (uint64_t *)((char *)ret_times + properties[i].offset);

		*time_us = value ? strtoull(value + strlen(properties[i].name), NULL, 10) : 0;
		/* Beyond what any boot takes: not a time. */
		if (*time_us > INT64_MAX / 1000)
			*time_us = 0;
	}
}

int systemd_answer(struct systemd_query *query, uint64_t now_ns, struct systemd_times *ret_times)
{
	int status;
	ssize_t n;

	if (query->pid == 0)
		return -EIO;
	/* What does not fit is not what was asked for. */
	while (query->len < sizeof(query->text) - 1 &&
	       (n = read(query->fd, query->text + query->len,
			 sizeof(query->text) - 1 - query->len)) > 0)
		query->len += n;
	if (waitpid(query->pid, &status, WNOHANG) == 0) {
		if (now_ns < query->until_ns)
			return -EAGAIN;
		systemd_done(query);
		return -EIO;
	}
	finish(query);
	query->text[query->len] = '\0';
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return -EIO;
	parse(query->text, ret_times);
	return 0;
}
