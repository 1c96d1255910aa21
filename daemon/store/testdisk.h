/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk that remembers: what SQLite writes to one database's files is recorded, and the
 * states made from that which a power cut at any moment may have left. For x_test.c only.
 * Non-logging.
 *
 * What was written to a file before its last sync is there. Of each sector of 512 bytes
 * written since it is open whether it is; likewise of a file's new size, where sectors that
 * are not there read as zeros or anything. A file that was made or deleted is so for sure
 * once the directory is synced, which SQLite does with the first sync of a new journal or
 * WAL. The WAL's index is memory and gone.
 */
#ifndef DAEMON_TESTDISK_H
#define DAEMON_TESTDISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct testdisk;

/* The same @seed makes the same states of the same record; it is told in the output. */
struct testdisk *testdisk_new(uint64_t seed);
void testdisk_free(struct testdisk *disk);

/*
 * Forget what was recorded, and record what is done to the database at @path, which
 * may be there already. Nothing is really synced, also after the end: it is not this
 * machine's power that fails.
 */
void testdisk_begin(struct testdisk *disk, const char *path);
void testdisk_end(struct testdisk *disk);

/* Something the test wants to know again: @data (copied) is true from here on. */
void testdisk_mark(struct testdisk *disk, const void *data, size_t len);

/* The number of the first event that was recorded, and the one behind the last. */
size_t testdisk_first(const struct testdisk *disk);
size_t testdisk_end_of(const struct testdisk *disk);
bool testdisk_is_sync(const struct testdisk *disk, size_t event);

struct testdisk_counts {
	unsigned int writes, syncs;
	unsigned int checkpoints;	/* times that the database itself was written and synced */
	unsigned int growing, overwriting;	/* writes to the WAL */
};
struct testdisk_counts testdisk_count(const struct testdisk *disk);

/* A moment: in front of the event of that number. */
struct testdisk_cut {
	size_t at;
	const void *mark;		/* the last one before it; NULL: none was */
};
struct testdisk_cut testdisk_cut(const struct testdisk *disk, size_t at);

/* Write a state that @cut may have left to @path, and the files beside it. 0 or -errno. */
int testdisk_write(struct testdisk *disk, const struct testdisk_cut *cut, const char *path);

/* Remove a database and what belongs to it. */
void testdisk_remove(const char *path);

/* A number below @below. */
uint64_t testdisk_random(struct testdisk *disk, uint64_t below);

#endif
