/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest-agent/workload/units.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void units_init(struct units *units)
{
	units->sys_fd = units->root_fd = -1;
	units->scan_ns = 0;
	units->count = 0;
}

static void drop(struct units *units, size_t i)
{
	lines_close(&units->unit[i].fd);
	units->unit[i] = units->unit[--units->count];
}

void units_done(struct units *units)
{
	while (units->count)
		drop(units, 0);
	lines_close(&units->root_fd);
	lines_close(&units->sys_fd);
}

bool units_parse(const char *text, uint64_t *ret_usage_us)
{
	const char *p = strstr(text, "usage_usec ");

	/* At the begin of a line. */
	if (!p || (p > text && p[-1] != '\n'))
		return false;
	return lines_numbers(p + strlen("usage_usec "), ret_usage_us, 1) == 1;
}

static bool ends(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static bool is_unit(const char *name)
{
	static const char *const kinds[] = { ".service", ".slice", ".scope", ".socket", ".mount",
					     ".swap" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (ends(name, kinds[i]))
			return true;
	}
	return false;
}

static struct units_unit *find(struct units *units, const char *name)
{
	for (size_t i = 0; i < units->count; i++) {
		if (strncmp(units->unit[i].name, name, DETAIL_NAME_MAX) == 0)
			return &units->unit[i];
	}
	return NULL;
}

static void see(struct units *units, int dir_fd, const char *name)
{
	struct units_unit *unit = find(units, name);
	char path[NAME_MAX + 16];
	int fd;

	if (unit) {
		unit->seen = true;
		return;
	}
	if (units->count == UNITS_KNOWN)
		return;
	snprintf(path, sizeof(path), "%s/cpu.stat", name);
	fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	unit = &units->unit[units->count++];
	*unit = (struct units_unit){ .fd = fd, .seen = true };
	snprintf(unit->name, sizeof(unit->name), "%.*s", DETAIL_NAME_MAX, name);
}

/* Whose groups are units of their own. */
static bool is_divided(const char *name)
{
	return strcmp(name, "system.slice") == 0 || strcmp(name, "user.slice") == 0;
}

static void see_all(struct units *units, int dir_fd, struct lines_buffer *buffer, bool divide)
{
	ssize_t n;

	while ((n = getdents64(dir_fd, buffer->text, sizeof(buffer->text))) > 0) {
		for (char *p = buffer->text; p < buffer->text + n;) {
			struct dirent64 *entry = (struct dirent64 *)p;

			if (is_unit(entry->d_name) && !(divide && is_divided(entry->d_name)))
				see(units, dir_fd, entry->d_name);
			p += entry->d_reclen;
		}
	}
}

static void see_below(struct units *units, const char *name, struct lines_buffer *buffer)
{
	int fd = openat(units->root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	see_all(units, fd, buffer, false);
	close(fd);
}

static void scan(struct units *units, struct lines_buffer *buffer)
{
	for (size_t i = 0; i < units->count; i++)
		units->unit[i].seen = false;
	if (lseek(units->root_fd, 0, SEEK_SET) == 0)
		see_all(units, units->root_fd, buffer, true);
	see_below(units, "system.slice", buffer);
	see_below(units, "user.slice", buffer);
	for (size_t i = units->count; i-- > 0;) {
		if (!units->unit[i].seen)
			drop(units, i);
	}
}

/*
 * The descriptor of /sys outlives a switch of the root, in which the path is lost. So
 * it is kept, once there is something in it.
 */
static bool open_root(struct units *units, const char *sys)
{
	static const char *const roots[] = { "fs/cgroup", "fs/cgroup/unified" };

	if (units->sys_fd < 0)
		units->sys_fd = open(sys, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (units->sys_fd >= 0 && faccessat(units->sys_fd, "fs", F_OK, 0) < 0)
		lines_close(&units->sys_fd);
	for (size_t i = 0; i < 2 && units->sys_fd >= 0 && units->root_fd < 0; i++) {
		units->root_fd = openat(units->sys_fd, roots[i],
					O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (units->root_fd >= 0 &&
		    (faccessat(units->root_fd, "cgroup.controllers", F_OK, 0) < 0 ||
		     faccessat(units->root_fd, "system.slice", F_OK, 0) < 0))
			lines_close(&units->root_fd);
	}
	return units->root_fd >= 0;
}

/* A group that is gone says so. */
static void look(struct units *units)
{
	for (size_t i = units->count; i-- > 0;) {
		struct units_unit *unit = &units->unit[i];
		uint64_t usage_us;
		char text[256];

		if (lines_read_small(unit->fd, text, sizeof(text)) <= 0 ||
		    !units_parse(text, &usage_us)) {
			drop(units, i);
			continue;
		}
		unit->recent_us = usage_us - unit->usage_us;
		unit->usage_us = usage_us;
	}
}

static bool precedes(const struct units_unit *a, const struct units_unit *b)
{
	return a->recent_us != b->recent_us ? a->recent_us > b->recent_us
					    : a->usage_us > b->usage_us;
}

static void sort(struct units *units)
{
	for (size_t i = 1; i < units->count; i++) {
		struct units_unit moved = units->unit[i];
		size_t j = i;

		for (; j > 0 && precedes(&moved, &units->unit[j - 1]); j--)
			units->unit[j] = units->unit[j - 1];
		units->unit[j] = moved;
	}
}

void units_put(struct units *units, const char *sys, struct lines_buffer *buffer, uint64_t now_ns,
	       size_t max, struct wire_writer *detail)
{
	size_t began;

	if (!open_root(units, sys))
		return;
	if (now_ns >= units->scan_ns) {
		scan(units, buffer);
		units->scan_ns = now_ns + UNITS_SCAN_NS;
	}
	look(units);
	sort(units);
	if (units->count == 0)
		return;
	began = detail_begin(detail, DETAIL_UNITS);
	for (size_t i = 0; i < units->count && i < max && i < UNITS_MAX; i++) {
		struct detail_entry entry = {
			.value = units->unit[i].usage_us,
			.name = units->unit[i].name,
			.name_len = strlen(units->unit[i].name),
		};

		(void)detail_add(detail, DETAIL_UNITS, &entry);
	}
	detail_end(detail, began);
}
