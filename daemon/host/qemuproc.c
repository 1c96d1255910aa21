/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host/qemuproc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-agent/shared/cleanup.h"

/* QEMU's -uuid stands before its devices, which can be many. */
#define CMDLINE_MAX 65536
#define PID_MAX (4 << 20)		/* the kernel's PID_MAX_LIMIT */

static bool starts_with(const char *text, const char *with, const char **ret_rest)
{
	size_t len = strlen(with);

	if (strncmp(text, with, len) != 0)
		return false;
	*ret_rest = text + len;
	return true;
}

static bool is_path(const char *text, const char *path)
{
	size_t len = strlen(path);

	return strncmp(text, path, len) == 0 && (text[len] == '\0' || text[len] == '?');
}

/* Where GLib, and so a libvirt of a user, puts what a session needs. */
static bool runtime_dir(char *buf, size_t size)
{
	static const struct {
		const char *variable, *below;
	} places[] = { { "XDG_RUNTIME_DIR", "" }, { "XDG_CACHE_HOME", "" }, { "HOME", "/.cache" } };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *dir = getenv(places[i].variable);

		if (dir && *dir == '/')
			return snprintf(buf, size, "%s%s", dir, places[i].below) < (int)size;
	}
	return false;
}

int qemuproc_dir(const char *uri, char *buf, size_t size)
{
	char runtime[PATH_MAX];
	const char *path;
	int n = -1;

	/* With a host between the slashes the processes are there. */
	if (!starts_with(uri, "qemu://", &path) && !starts_with(uri, "qemu+unix://", &path))
		return -ENOENT;
	if (is_path(path, "/system"))
		n = snprintf(buf, size, "/run/libvirt/qemu");
	else if (is_path(path, "/session") && runtime_dir(runtime, sizeof(runtime)))
		n = snprintf(buf, size, "%s/libvirt/qemu/run", runtime);
	return n < 0 || (size_t)n >= size ? -ENOENT : 0;
}

/* Up to @size - 1 bytes of a file, and a NUL behind them. Returns their number or -errno. */
static ssize_t read_file(const char *path, int flags, char *buf, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
	size_t len = 0;

	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		ssize_t n = read(fd, buf + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += n;
	}
	buf[len] = '\0';
	return len;
}

static bool names_qemu(const char *exe)
{
	const char *base = strrchr(exe, '/');

	base = base ? base + 1 : exe;
	return strstr(base, "qemu-") || strcmp(base, "qemu") == 0 || strcmp(base, "kvm") == 0;
}

/* "-uuid", @uuid as two words of the command line of @n bytes. */
static bool has_uuid(const char *words, ssize_t n, const char *uuid)
{
	bool next = false;

	for (ssize_t at = 0; at < n; at += strlen(words + at) + 1) {
		if (next)
			return strcasecmp(words + at, uuid) == 0;
		next = strcmp(words + at, "-uuid") == 0;
	}
	return false;
}

bool qemuproc_is(const char *proc, pid_t pid, const char *uuid)
{
	_cleanup_free_ char *words = malloc(CMDLINE_MAX);
	char path[PATH_MAX], exe[PATH_MAX];
	ssize_t n, exe_len;

	if (!words)
		return false;
	snprintf(path, sizeof(path), "%s/%ld/exe", proc, (long)pid);
	exe_len = readlink(path, exe, sizeof(exe) - 1);
	if (exe_len <= 0 && errno != EACCES && errno != EPERM)
		return false;
	exe[exe_len > 0 ? exe_len : 0] = '\0';
	snprintf(path, sizeof(path), "%s/%ld/cmdline", proc, (long)pid);
	n = read_file(path, 0, words, CMDLINE_MAX);
	/*
	 * Of another user's process only root may see the program; the command line's first
	 * word is what it was started as. Whose process @pid is told somebody to be trusted.
	 */
	if (exe_len <= 0 && n > 0)
		snprintf(exe, sizeof(exe), "%s", words);
	return names_qemu(exe) && (!uuid || has_uuid(words, n, uuid));
}

/*
 * The file's name as libvirt makes it: its virPidFileBuildPath() writes the domain's
 * name as if into XML. False if it does not fit, or would lie elsewhere.
 */
static bool file_name(const char *name, char *buf, size_t size)
{
	size_t len = 0;

	if (!*name || strchr(name, '/'))
		return false;
	for (; *name; name++) {
		const char plain[] = { *name, '\0' };
		const char *text = *name == '<'	 ? "&lt;" :
				   *name == '>'	 ? "&gt;" :
				   *name == '&'	 ? "&amp;" :
				   *name == '"'	 ? "&quot;" :
				   *name == '\'' ? "&apos;" :
						   plain;

		if (strchr("\001\002\003\004\005\006\007\010\013\014\016\017\020\021\022\023"
			   "\024\025\026\027\030\031",
			   *name))
			continue;
		if (len + strlen(text) >= size)
			return false;
		len += snprintf(buf + len, size - len, "%s", text);
	}
	buf[len] = '\0';
	return true;
}

int qemuproc_find(const char *proc, const char *dir, const char *name, const char *uuid,
		  pid_t *ret_pid)
{
	char path[PATH_MAX], file[NAME_MAX + 1], text[24];
	char *end;
	long pid;
	ssize_t n;

	if (!file_name(name, file, sizeof(file)) ||
	    snprintf(path, sizeof(path), "%s/%s.pid", dir, file) >= (int)sizeof(path))
		return -ESRCH;
	n = read_file(path, O_NOFOLLOW, text, sizeof(text));
	if (n <= 0 || *text < '0' || *text > '9')
		return -ESRCH;
	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno || (*end && strcmp(end, "\n") != 0) || pid < 1 || pid > PID_MAX)
		return -ESRCH;
	if (!qemuproc_is(proc, pid, uuid))
		return -ESRCH;
	*ret_pid = pid;
	return 0;
}

int qemuproc_stat(const char *proc, pid_t pid, char *ret_state, uint64_t *ret_started)
{
	char path[PATH_MAX], text[1024];
	unsigned long long started;
	const char *behind;
	char state;

	snprintf(path, sizeof(path), "%s/%ld/stat", proc, (long)pid);
	if (read_file(path, 0, text, sizeof(text)) <= 0)
		return -ESRCH;
	/* The program's name stands in parentheses and may hold any others. */
	behind = strrchr(text, ')');
	if (!behind || sscanf(behind + 1,
			      " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d"
			      " %*d %*d %*d %llu",
			      &state, &started) != 2)
		return -ESRCH;
	*ret_state = state;
	*ret_started = started;
	return 0;
}

void qemuproc_boot_id(const char *proc, char *buf, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sys/kernel/random/boot_id", proc);
	if (read_file(path, 0, buf, size) < 0)
		*buf = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}
