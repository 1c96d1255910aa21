/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Children have the file; what becomes of them when the test wants it. */
#include "guest-agent/control/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

static char top[] = "/tmp/vmexit-claim-XXXXXX";
static char path[64], link_path[64];

static void leave(int signal)
{
	(void)signal;
	_exit(3);
}

/* Has the file until it is ended, which @handler does. */
static pid_t start(void (*handler)(int))
{
	int fds[2], fd;
	char byte;
	pid_t pid;

	if (pipe(fds) < 0)
		exit(1);
	pid = fork();
	if (pid == 0) {
		signal(SIGTERM, handler);
		byte = claim_take(path, &fd) < 0;
		if (write(fds[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 1 || byte)
		exit(1);
	close(fds[0]);
	return pid;
}

/* How it ended, or -1 if it has not. */
static int end_of(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WNOHANG) == pid ? status : -1;
}

static void test_alone(void)
{
	struct stat st = { 0 };
	int fd = -1;

	umask(077);
	ok(claim_take(path, &fd) == 0 && fstat(fd, &st) == 0 && st.st_size == 0 &&
		   (st.st_mode & 07777) == 0600,
	   "who is alone has it, and makes it");
	umask(022);
	*strrchr(path, '/') = '\0';
	ok(stat(path, &st) == 0 && (st.st_mode & 07777) == 0755, "its directory too, for all to see");
	path[strlen(path)] = '/';
	close(fd);
}

static void test_taken(void)
{
	pid_t pid = start(leave);
	int fd = -1, status;

	ok(end_of(pid) == -1 && claim_take(path, &fd) == 0, "one that another has is taken");
	status = end_of(pid);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 3, "the other has ended, by itself");
	close(fd);
	pid = start(SIG_IGN);
	ok(claim_take(path, &fd) == 0, "so is that of one who will not go");
	status = end_of(pid);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "who is killed");
	close(fd);
	pid = start(leave);
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	ok(claim_take(path, &fd) == 0, "one that was killed has it no more");
	close(fd);
}

static void test_refused(void)
{
	int fd = -1;

	(void)chmod(path, 0620);
	ok(claim_take(path, &fd) == -EPERM && fd == -1, "a file that others can write is left alone");
	(void)chmod(path, 0600);
	ok(symlink(path, link_path) == 0 && claim_take(link_path, &fd) == -ELOOP,
	   "so is what a link leads to");
	(void)unlink(link_path);
	ok(mkfifo(link_path, 0600) == 0 && claim_take(link_path, &fd) == -EPERM, "and what is no file");
	(void)unlink(link_path);
	ok(claim_take("/nowhere/at/all", &fd) == -ENOENT && fd == -1, "where there is no room there is none");
}

int main(void)
{
	if (!mkdtemp(top)) {
		perror(top);
		return 1;
	}
	snprintf(path, sizeof(path), "%s/run/handover", top);
	snprintf(link_path, sizeof(link_path), "%s/link", top);
	log_init("claim_test", 0);
	test_alone();
	test_taken();
	test_refused();
	(void)unlink(path);
	*strrchr(path, '/') = '\0';
	ok(rmdir(path) == 0 && rmdir(top) == 0, "nothing else is left");
	return done_testing();
}
