/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/workload/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Fields of /proc/PID/stat behind the name, the first of which is the state. */
enum { FIELD_UTIME = 11, FIELD_STIME = 12, FIELD_START = 19, FIELDS };

void processes_init(struct processes *processes)
{
	processes->dir_fd = -1;
	processes->looked = false;
	processes->before = processes->now = 0;
}

void processes_done(struct processes *processes)
{
	lines_close(&processes->dir_fd);
}

/* The numbers behind the state, which is a letter; some are negative, none of those needed. */
static bool parse_fields(const char *p, uint64_t value[FIELDS])
{
	if (p[0] != ' ' || !isalpha((unsigned char)p[1]) || p[2] != ' ')
		return false;
	p += 2;
	for (int i = 1; i < FIELDS; i++) {
		char *end;

		if (*p++ != ' ' || !(isdigit((unsigned char)*p) || *p == '-'))
			return false;
		value[i] = strtoull(p, &end, 10);
		p = end;
	}
	return true;
}

bool processes_parse(const char *text, struct processes_stat *ret_stat)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	struct processes_stat stat = { 0 };
	uint64_t value[FIELDS];
	size_t len;

	if (!open || !close || close < open || lines_numbers(text, value, 1) != 1 ||
	    value[0] > UINT32_MAX)
		return false;
	stat.pid = value[0];
	len = close - open - 1;
	if (len > DETAIL_NAME_MAX)
		len = DETAIL_NAME_MAX;
	memcpy(stat.name, open + 1, len);
	if (!parse_fields(close + 1, value))
		return false;
	stat.ticks = value[FIELD_UTIME] + value[FIELD_STIME];
	stat.start = value[FIELD_START];
	*ret_stat = stat;
	return true;
}

static bool is_seen(const struct processes *ps, size_t i)
{
	return ps->seen[i / 8] >> (i % 8) & 1;
}

static struct processes_known *find(struct processes *ps, uint32_t pid)
{
	size_t low = 0, high = ps->before;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ps->known[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ps->before && ps->known[low].pid == pid ? &ps->known[low] : NULL;
}

/* Among the busiest, in order, if it is one of them. */
static void rank(struct processes *ps, const struct processes_stat *stat, uint32_t ticks)
{
	size_t i = ps->busy_count;

	if (i == ps->busy_max) {
		if (i == 0 || ps->busy[i - 1].ticks >= ticks)
			return;
		i--;
	} else {
		ps->busy_count++;
	}
	for (; i > 0 && ps->busy[i - 1].ticks < ticks; i--)
		ps->busy[i] = ps->busy[i - 1];
	ps->busy[i].pid = stat->pid;
	ps->busy[i].ticks = ticks;
	memcpy(ps->busy[i].name, stat->name, sizeof(stat->name));
}

/*
 * What the process used since the last look: all, if it began later. Of one that was
 * there already and is not known (there were too many) that cannot be told.
 */
static uint32_t used(const struct processes *ps, const struct processes_known *known,
		     const struct processes_stat *stat)
{
	if (known && known->start == stat->start)
		return stat->ticks - known->ticks;
	return (int32_t)(stat->start + 1 - ps->looked_ticks) < 0 ? 0 : stat->ticks;
}

static void look_at(struct processes *ps, const struct processes_stat *stat)
{
	struct processes_known *known = find(ps, stat->pid);
	uint32_t ticks = used(ps, known, stat);

	if (!known) {
		if (ps->now == PROCESSES_KNOWN)
			return;
		known = &ps->known[ps->now++];
	} else {
		size_t i = known - ps->known;

		ps->seen[i / 8] |= 1 << (i % 8);
	}
	*known = (struct processes_known){ stat->pid, stat->start, stat->ticks };
	if (ticks && ps->looked)
		rank(ps, stat, ticks);
}

/* Drop who was not seen, and bring the new into order: most have the highest ids anyway. */
static void settle(struct processes *ps)
{
	size_t kept = 0;

	for (size_t i = 0; i < ps->now; i++) {
		if (i >= ps->before || is_seen(ps, i))
			ps->known[kept++] = ps->known[i];
	}
	for (size_t i = 1; i < kept; i++) {
		struct processes_known moved = ps->known[i];
		size_t j = i;

		for (; j > 0 && ps->known[j - 1].pid > moved.pid; j--)
			ps->known[j] = ps->known[j - 1];
		ps->known[j] = moved;
	}
	ps->before = ps->now = kept;
	ps->looked = true;
}

/* One that ended meanwhile has no stat, or an empty one. */
static void look_up(struct processes *ps, const char *pid)
{
	struct processes_stat stat;
	char path[32], text[512];
	size_t len = strspn(pid, "0123456789");
	int fd, n;

	if (len + sizeof("/stat") > sizeof(path))
		return;
	memcpy(path, pid, len);
	memcpy(path + len, "/stat", sizeof("/stat"));
	fd = openat(ps->dir_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = lines_read_small(fd, text, sizeof(text));
	close(fd);
	if (n > 0 && processes_parse(text, &stat))
		look_at(ps, &stat);
}

static uint32_t boot_ticks(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * sysconf(_SC_CLK_TCK) + ts.tv_nsec / (1000000000 / sysconf(_SC_CLK_TCK));
}

static bool look(struct processes *ps, struct lines_buffer *buffer)
{
	uint32_t began = boot_ticks();
	ssize_t n;

	ps->busy_count = 0;
	memset(ps->seen, 0, (ps->before + 7) / 8);
	if (lseek(ps->dir_fd, 0, SEEK_SET) < 0)
		return false;
	while ((n = getdents64(ps->dir_fd, buffer->text, sizeof(buffer->text))) > 0) {
		for (char *p = buffer->text; p < buffer->text + n;) {
			struct dirent64 *entry = (struct dirent64 *)p;

			if (isdigit((unsigned char)entry->d_name[0]))
				look_up(ps, entry->d_name);
			p += entry->d_reclen;
		}
	}
	settle(ps);
	ps->looked_ticks = began;
	return n == 0;
}

/* A /proc that is not mounted yet would be another one later. */
static bool open_dir(struct processes *ps, const char *root)
{
	if (ps->dir_fd < 0)
		ps->dir_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ps->dir_fd >= 0 && faccessat(ps->dir_fd, "stat", R_OK, 0) < 0)
		lines_close(&ps->dir_fd);
	return ps->dir_fd >= 0;
}

void processes_put(struct processes *ps, const char *root, struct lines_buffer *buffer, size_t max,
		   struct wire_writer *detail)
{
	const uint64_t tick_us = 1000000 / sysconf(_SC_CLK_TCK);
	bool compared = ps->looked;
	size_t began;

	ps->busy_max = max < PROCESSES_MAX ? max : PROCESSES_MAX;
	if (!open_dir(ps, root) || !look(ps, buffer) || !compared)
		return;
	began = detail_begin(detail, DETAIL_PROCESSES);
	for (size_t i = 0; i < ps->busy_count; i++) {
		struct detail_entry entry = {
			.id = ps->busy[i].pid,
			.value = ps->busy[i].ticks * tick_us,
			.name = ps->busy[i].name,
			.name_len = strlen(ps->busy[i].name),
		};

		(void)detail_add(detail, DETAIL_PROCESSES, &entry);
	}
	detail_end(detail, began);
}
