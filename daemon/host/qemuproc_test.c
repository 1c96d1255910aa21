/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host/qemuproc.c"

#include <ftw.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "guest-agent/shared/tap.h"

#define UUID "76d86578-6974-4000-8000-000000000001"

static char top[] = "/tmp/vmexit-qemuproc-XXXXXX";
static char proc[64], dir[64];

static void put(const char *path, const char *text, size_t len)
{
	char full[PATH_MAX];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", top, path);
	f = fopen(full, "w");
	if (f) {
		fwrite(text, 1, len, f);
		fclose(f);
	}
}

static void put_text(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

static void make(const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", top, path);
	(void)mkdir(full, 0755);
}

static void point(const char *path, const char *target)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", top, path);
	(void)unlink(full);
	(void)symlink(target, full);
}

static void test_dir(void)
{
	char buf[PATH_MAX];

	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	ok(qemuproc_dir("qemu:///system", buf, sizeof(buf)) == 0 &&
		   strcmp(buf, "/run/libvirt/qemu") == 0,
	   "the system's libvirt");
	ok(qemuproc_dir("qemu+unix:///system?socket=/x", buf, sizeof(buf)) == 0 &&
		   strcmp(buf, "/run/libvirt/qemu") == 0,
	   "by its socket");
	ok(qemuproc_dir("qemu:///session", buf, sizeof(buf)) == 0 &&
		   strcmp(buf, "/run/user/7/libvirt/qemu/run") == 0,
	   "a user's");
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("XDG_CACHE_HOME");
	setenv("HOME", "/home/u", 1);
	ok(qemuproc_dir("qemu:///session", buf, sizeof(buf)) == 0 &&
		   strcmp(buf, "/home/u/.cache/libvirt/qemu/run") == 0,
	   "a user's without a runtime directory");
	ok(qemuproc_dir("qemu+ssh://host/system", buf, sizeof(buf)) == -ENOENT &&
		   qemuproc_dir("qemu://host/system", buf, sizeof(buf)) == -ENOENT &&
		   qemuproc_dir("test:///default", buf, sizeof(buf)) == -ENOENT &&
		   qemuproc_dir("qemu:///systemd", buf, sizeof(buf)) == -ENOENT &&
		   qemuproc_dir("qemu:///system", buf, 5) == -ENOENT,
	   "none for other hosts, and other kinds");
}

static bool finds(const char *name, pid_t expected)
{
	pid_t pid = -1;
	int r = qemuproc_find(proc, dir, name, UUID, &pid);

	return expected ? r == 0 && pid == expected : r == -ESRCH && pid == -1;
}

static void test_finding(void)
{
	static const char words[] = "/usr/bin/qemu-system-x86_64\0-name\0guest=g,debug-threads=on\0"
				    "-uuid\0" UUID "\0-display\0none";
	static const char other[] = "/usr/bin/qemu-system-x86_64\0-uuid\0"
				    "76d86578-6974-4000-8000-000000000002\0-name\0" UUID;

	make("run"), make("proc"), make("proc/4242"), make("proc/4243");
	ok(finds("g", 0), "no file");
	put_text("run/g.pid", "4242");
	ok(finds("g", 0), "no such process");
	point("proc/4242/exe", "/usr/bin/qemu-system-x86_64");
	put("proc/4242/cmdline", words, sizeof(words));
	ok(finds("g", 4242), "a domain's process");
	put_text("run/g.pid", "4242\n");
	ok(finds("g", 4242), "with a newline behind its number");
	point("proc/4242/exe", "/usr/bin/qemu-system-x86_64 (deleted)");
	ok(finds("g", 4242), "of a QEMU that was updated meanwhile");
	point("proc/4242/exe", "/usr/bin/sleep");
	ok(finds("g", 0), "a number that another program has by now");
	point("proc/4242/exe", "/usr/libexec/qemu-kvm");
	put("proc/4242/cmdline", other, sizeof(other));
	ok(finds("g", 0), "or another domain's QEMU, even if our UUID stands elsewhere in it");
	put("proc/4242/cmdline", "-uuid", 5);
	ok(finds("g", 0), "a command line that ends too early");
	put("proc/4242/cmdline", words, sizeof(words));
	for (int i = 0; i < 9; i++) {
		static const char *const numbers[] = { "",     "x",    "-4242", " 4242",
						       "4242x", "4242 1", "0",    "99999999999",
						       "4242\n\n" };
		put_text("run/g.pid", numbers[i]);
		ok(finds("g", 0), "a file with '%s'", numbers[i]);
	}
	put_text("secret.pid", "4242");
	ok(finds("../secret", 0) && finds("", 0) && finds("/etc/x", 0), "names that lead elsewhere");
	point("run/link.pid", "../secret.pid");
	ok(finds("link", 0), "a link is not followed");
}

/* As virPidFileBuildPath() of libvirt 9.0 makes it. */
static void test_names(void)
{
	char name[400], buf[NAME_MAX + 1];

	ok(file_name("a<b>&\"c'd", buf, sizeof(buf)) &&
		   strcmp(buf, "a&lt;b&gt;&amp;&quot;c&apos;d") == 0,
	   "what XML has to write in another way, file names have so too");
	ok(file_name("two words, ünïcode %s .pid", buf, sizeof(buf)) &&
		   strcmp(buf, "two words, ünïcode %s .pid") == 0,
	   "all else stays");
	ok(file_name("a\001\tb\031c\032", buf, sizeof(buf)) && strcmp(buf, "a\tbc\032") == 0,
	   "but for control characters");
	memset(name, '&', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ok(!file_name(name, buf, sizeof(buf)), "a name that gets too long is none");
	put_text("run/a&amp;b.pid", "4242");
	ok(finds("a&b", 4242) && finds("a&amp;b", 0), "so it is found");
}

static void test_stat(void)
{
	uint64_t started = 0;
	char state = 0;

	put_text("proc/4243/stat",
		 "4243 (CPU 0/KVM) S) T 1 4243 4243 0 -1 1077936448 94309 0 0 0 1512 2080 0 0 20 0 4 0 "
		 "987654321 2222 33 18446744073709551615\n");
	ok(qemuproc_stat(proc, 4243, &state, &started) == 0 && state == 'T' &&
		   started == 987654321,
	   "a process's state and start, whatever it is called");
	put_text("proc/4243/stat", "4243 (qemu) S 1 2");
	ok(qemuproc_stat(proc, 4243, &state, &started) == -ESRCH, "one that is not whole");
	ok(qemuproc_stat(proc, 4244, &state, &started) == -ESRCH, "one that is not there");
	ok(qemuproc_stat("/proc", getpid(), &state, &started) == 0 && state == 'R' && started > 0,
	   "this one");
	ok(!qemuproc_is("/proc", getpid(), NULL), "which is no QEMU");
}

#define AS_QEMU "as-qemu"

/* A process whose program others may not see, called as its first word says. */
static pid_t start_hidden(const char *called, int *ret_fd)
{
	int fds[2];
	char byte;
	pid_t pid;

	if (pipe(fds) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)dup2(fds[1], 1);
		close(fds[0]);
		execl("/proc/self/exe", called, "-uuid", UUID, AS_QEMU, NULL);
		_exit(1);
	}
	close(fds[1]);
	/* Until it is what it shall be. */
	(void)!read(fds[0], &byte, 1);
	*ret_fd = fds[0];
	return pid;
}

static int be_hidden(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)!write(1, "", 1);
	pause();
	return 0;
}

/* As a user without any rights would see it. */
static bool is_for_others(pid_t pid, const char *uuid)
{
	int status;
	pid_t other = fork();

	if (other == 0) {
		char path[64], exe[64];

		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(2);
		snprintf(path, sizeof(path), "/proc/%ld/exe", (long)pid);
		if (readlink(path, exe, sizeof(exe)) >= 0 || errno != EACCES)
			_exit(3);
		_exit(qemuproc_is("/proc", pid, uuid));
	}
	(void)waitpid(other, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static void test_hidden(void)
{
	int fd, other_fd;
	pid_t qemu = start_hidden("/usr/bin/qemu-system-x86_64", &fd);
	pid_t other = start_hidden("/usr/bin/sleep", &other_fd);

	ok(is_for_others(qemu, UUID), "a QEMU whose program may not be seen, by its command line");
	ok(is_for_others(qemu, NULL), "whatever its UUID");
	ok(!is_for_others(qemu, "76d86578-6974-4000-8000-000000000002"), "but not another domain's");
	ok(!is_for_others(other, UUID), "nor one that is called otherwise");
	kill(qemu, SIGKILL);
	kill(other, SIGKILL);
	(void)waitpid(qemu, NULL, 0);
	(void)waitpid(other, NULL, 0);
	close(fd);
	close(other_fd);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[argc - 1], AS_QEMU) == 0)
		return be_hidden();
	test_dir();
	test_hidden();
	if (ok(mkdtemp(top), "a directory")) {
		snprintf(proc, sizeof(proc), "%s/proc", top);
		snprintf(dir, sizeof(dir), "%s/run", top);
		test_finding();
		test_names();
		test_stat();
		nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	}
	return done_testing();
}
