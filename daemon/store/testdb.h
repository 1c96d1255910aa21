/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A place for databases that are written often and kept by nobody: in memory if there is
 * such a file system. For x_test.c only.
 */
#ifndef DAEMON_TESTDB_H
#define DAEMON_TESTDB_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char testdb_dir[256];

/* Make the directory; 0 if that failed. The path of @name in it is in @path. */
static inline int testdb_make(void)
{
	const char *base = getenv("TMPDIR");

	if (!base)
		base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(testdb_dir, sizeof(testdb_dir), "%s/vmexit-test-XXXXXX", base);
	return mkdtemp(testdb_dir) != NULL;
}

static inline void testdb_path(char *path, size_t size, const char *name)
{
	if (snprintf(path, size, "%s/%s", testdb_dir, name) >= (int)size)
		abort();
}

/* Remove the files in it whose name begins with @name; and itself, if that is "". */
static inline void testdb_remove(const char *name)
{
	char path[512];
	DIR *dir = opendir(testdb_dir);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strncmp(entry->d_name, name, strlen(name)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", testdb_dir, entry->d_name);
		(void)unlink(path);
	}
	if (dir)
		closedir(dir);
	if (name[0] == '\0')
		(void)rmdir(testdb_dir);
}

#endif
