/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/procfs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512			/* of /proc/diskstats, whatever the disk's is */
#define NAME_MAX_LEN 32

static void set(struct workload *w, enum workload_index i, uint64_t value)
{
	w->value[i] = value;
	w->mask |= 1ULL << i;
}

static void add(struct workload *w, enum workload_index i, uint64_t value)
{
	set(w, i, (w->mask >> i & 1 ? w->value[i] : 0) + value);
}

/* Up to @max numbers from @p; returns how many. Stops at what is none. */
static size_t numbers(const char *p, uint64_t *values, size_t max)
{
	size_t n = 0;

	while (n < max) {
		char *end;

		while (*p == ' ')
			p++;
		if (!isdigit((unsigned char)*p))
			break;
		values[n++] = strtoull(p, &end, 10);
		p = end;
	}
	return n;
}

static bool starts(const char *line, const char *word, const char **ret_rest)
{
	size_t len = strlen(word);

	if (strncmp(line, word, len) != 0)
		return false;
	*ret_rest = line + len;
	return true;
}

static void parse_stat(char *line, struct workload *w)
{
	const uint64_t tick_ms = 1000 / sysconf(_SC_CLK_TCK);
	const char *rest;
	uint64_t v[8];

	if (starts(line, "cpu ", &rest) && numbers(rest, v, 8) == 8) {
		for (int i = 0; i < 8; i++)
			set(w, WORKLOAD_cpu_user_ms + i, v[i] * tick_ms);
	} else if (starts(line, "ctxt ", &rest) && numbers(rest, v, 1)) {
		set(w, WORKLOAD_context_switches, v[0]);
	} else if (starts(line, "intr ", &rest) && numbers(rest, v, 1)) {
		set(w, WORKLOAD_interrupts, v[0]);
	} else if (starts(line, "softirq ", &rest) && numbers(rest, v, 1)) {
		set(w, WORKLOAD_softirqs, v[0]);
	} else if (starts(line, "processes ", &rest) && numbers(rest, v, 1)) {
		set(w, WORKLOAD_forks, v[0]);
	} else if (starts(line, "procs_running ", &rest) && numbers(rest, v, 1)) {
		/* The reader itself runs; it is not what the guest is asked about. */
		set(w, WORKLOAD_tasks_runnable, v[0] ? v[0] - 1 : 0);
	} else if (starts(line, "procs_blocked ", &rest) && numbers(rest, v, 1)) {
		set(w, WORKLOAD_tasks_blocked, v[0]);
	}
}

static void parse_meminfo(char *line, struct workload *w)
{
	const char *rest;
	uint64_t kib;

	if (starts(line, "MemTotal:", &rest) && numbers(rest, &kib, 1))
		set(w, WORKLOAD_memory_total_bytes, kib * 1024);
	else if (starts(line, "MemAvailable:", &rest) && numbers(rest, &kib, 1))
		set(w, WORKLOAD_memory_available_bytes, kib * 1024);
}

/* "vda1" of "vda", "nvme0n1p2" of "nvme0n1"; but not "sdaa" of "sda". */
static bool is_partition(const char *name, const char *disk)
{
	size_t len = strlen(disk);

	if (len == 0 || strncmp(name, disk, len) != 0)
		return false;
	name += len;
	if (isdigit((unsigned char)disk[len - 1]) && *name++ != 'p')
		return false;
	if (!*name)
		return false;
	return name[strspn(name, "0123456789")] == '\0';
}

static bool is_stacked(const char *name)
{
	static const char *const prefixes[] = { "loop", "ram", "zram", "dm-", "md", "sr", "fd" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

/* A partition follows its disk, so the last disk is all there is to remember. */
static char last_disk[NAME_MAX_LEN];

static void parse_diskstats(char *line, struct workload *w)
{
	char name[NAME_MAX_LEN];
	uint64_t v[7];
	int end = 0;

	if (sscanf(line, " %*u %*u %31s%n", name, &end) != 1 || end == 0 || is_stacked(name) ||
	    is_partition(name, last_disk) || numbers(line + end, v, 7) != 7)
		return;
	memcpy(last_disk, name, sizeof(name));
	add(w, WORKLOAD_disk_reads, v[0]);
	add(w, WORKLOAD_disk_read_bytes, v[2] * SECTOR);
	add(w, WORKLOAD_disk_writes, v[4]);
	add(w, WORKLOAD_disk_written_bytes, v[6] * SECTOR);
}

static void parse_net(char *line, struct workload *w)
{
	char *colon = strchr(line, ':');
	uint64_t v[10];

	if (!colon || numbers(colon + 1, v, 10) != 10)
		return;
	*colon = '\0';
	line += strspn(line, " ");
	if (strcmp(line, "lo") == 0)
		return;
	add(w, WORKLOAD_net_received_bytes, v[0]);
	add(w, WORKLOAD_net_received_packets, v[1]);
	add(w, WORKLOAD_net_sent_bytes, v[8]);
	add(w, WORKLOAD_net_sent_packets, v[9]);
}

static const struct {
	const char *name;
	void (*parse)(char *line, struct workload *w);
} files[PROCFS_FILES] = {
	{ "stat", parse_stat },
	{ "meminfo", parse_meminfo },
	{ "diskstats", parse_diskstats },
	{ "net/dev", parse_net },
};

void procfs_init(struct procfs *procfs, const char *root)
{
	procfs->root = root;
	for (int i = 0; i < PROCFS_FILES; i++)
		procfs->fd[i] = -1;
}

void procfs_done(struct procfs *procfs)
{
	for (int i = 0; i < PROCFS_FILES; i++) {
		if (procfs->fd[i] >= 0)
			close(procfs->fd[i]);
		procfs->fd[i] = -1;
	}
}

/*
 * Parse the lines among @len bytes in procfs->buf, move what is behind the last to
 * the front and return its length. A line longer than the buffer is parsed as far
 * as it fits (a sum is in front of its terms) and the rest of it skipped: *@inside.
 */
static size_t parse_lines(struct procfs *procfs, int i, size_t len, bool last, bool *inside,
			  struct workload *w)
{
	char *line = procfs->buf, *end = procfs->buf + len, *newline;

	while ((newline = memchr(line, '\n', end - line))) {
		*newline = '\0';
		if (!*inside)
			files[i].parse(line, w);
		*inside = false;
		line = newline + 1;
	}
	if (line < end && (last || (line == procfs->buf && len == PROCFS_BUFFER - 1))) {
		*end = '\0';
		if (!*inside)
			files[i].parse(line, w);
		*inside = true;
		line = end;
	}
	memmove(procfs->buf, line, end - line);
	return end - line;
}

static int open_file(struct procfs *procfs, int i)
{
	char path[128];

	if (procfs->fd[i] < 0) {
		snprintf(path, sizeof(path), "%s/%s", procfs->root, files[i].name);
		procfs->fd[i] = open(path, O_RDONLY | O_CLOEXEC);
	}
	return procfs->fd[i];
}

/* Add the file's values to @ret_workload: all that it has, or after an error none. */
static void read_file(struct procfs *procfs, int i, struct workload *ret_workload)
{
	struct workload w = *ret_workload;
	bool inside = false;
	size_t len = 0;
	off_t at = 0;
	ssize_t n;

	if (open_file(procfs, i) < 0)
		return;
	do {
		n = pread(procfs->fd[i], procfs->buf + len, PROCFS_BUFFER - 1 - len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			close(procfs->fd[i]);
			procfs->fd[i] = -1;
			return;
		}
		at += n;
		len = parse_lines(procfs, i, len + n, n == 0, &inside, &w);
	} while (n != 0);
	*ret_workload = w;
}

void procfs_read(struct procfs *procfs, struct workload *ret_workload)
{
	ret_workload->mask = 0;
	last_disk[0] = '\0';
	for (int i = 0; i < PROCFS_FILES; i++)
		read_file(procfs, i, ret_workload);
}
