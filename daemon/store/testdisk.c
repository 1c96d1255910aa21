/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/testdisk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/testvfs.h"

#define SECTOR 512
#define SHM_SIZE 32768
#define PATH_SIZE 256

/* A database's files. */
enum { DATABASE, WAL, JOURNAL, NAMES };

static const char *const suffixes[NAMES] = { "", "-wal", "-journal" };

enum kind { CREATE, WRITE, TRUNCATE, SYNC, DELETE, MARK };

struct event {
	enum kind kind;
	int name;
	size_t inode;			/* what had that name then */
	bool syncs_directory;
	size_t offset, len;		/* TRUNCATE: the size is `offset` */
	uint8_t *data;
};

struct testdisk {
	uint64_t random;
	char path[PATH_SIZE];
	struct event *events;
	size_t count, room;
	size_t first;			/* behind those of what was there */
	size_t inodes;
	size_t now[NAMES];		/* inode of each name while recording; 0: none */
	bool synced[NAMES];		/* that inode was, once */
};

struct testdisk *testdisk_new(uint64_t seed)
{
	struct testdisk *disk = calloc(1, sizeof(*disk));

	if (disk)
		disk->random = seed ? seed : 1;
	printf("# SEED=%llu repeats this\n", (unsigned long long)seed);
	return disk;
}

uint64_t testdisk_random(struct testdisk *disk, uint64_t below)
{
	disk->random ^= disk->random << 13;
	disk->random ^= disk->random >> 7;
	disk->random ^= disk->random << 17;
	return (disk->random >> 8) % below;
}

static void forget(struct testdisk *disk)
{
	for (size_t i = 0; i < disk->count; i++)
		free(disk->events[i].data);
	disk->count = disk->inodes = 0;
	memset(disk->now, 0, sizeof(disk->now));
	memset(disk->synced, 0, sizeof(disk->synced));
}

void testdisk_free(struct testdisk *disk)
{
	if (!disk)
		return;
	forget(disk);
	free(disk->events);
	free(disk);
}

static void add(struct testdisk *disk, struct event event, const void *data)
{
	if (disk->count == disk->room) {
		disk->room = disk->room ? 2 * disk->room : 1024;
		disk->events = realloc(disk->events, disk->room * sizeof(*disk->events));
	}
	if (data && event.len > 0) {
		event.data = malloc(event.len);
		if (event.data)
			memcpy(event.data, data, event.len);
	}
	if (!disk->events || (data && event.len && !event.data))
		abort();
	disk->events[disk->count++] = event;
}

static void create(struct testdisk *disk, int name)
{
	disk->now[name] = ++disk->inodes;
	disk->synced[name] = false;
	add(disk, (struct event){ .kind = CREATE, .name = name, .inode = disk->now[name] }, NULL);
}

static void sync_file(struct testdisk *disk, int name)
{
	struct event event = { .kind = SYNC, .name = name, .inode = disk->now[name] };

	event.syncs_directory = name != DATABASE && !disk->synced[name];
	disk->synced[name] = true;
	add(disk, event, NULL);
}

static int on_event(void *ctx, const struct testvfs_event *e)
{
	static const int names[TESTVFS_FILES] = { DATABASE, WAL, JOURNAL, NAMES };
	struct testdisk *disk = ctx;
	int name = names[e->file];
	struct event event = { .name = name, .offset = e->offset };

	if (name == NAMES || !e->path || strncmp(e->path, disk->path, strlen(disk->path)) != 0)
		return SQLITE_OK;
	event.inode = disk->now[name];
	if (e->op == TESTVFS_OPEN && e->is_new) {
		create(disk, name);
	} else if (e->op == TESTVFS_WRITE) {
		event.kind = WRITE;
		event.len = e->count;
		add(disk, event, e->data);
	} else if (e->op == TESTVFS_TRUNCATE) {
		event.kind = TRUNCATE;
		add(disk, event, NULL);
	} else if (e->op == TESTVFS_SYNC) {
		sync_file(disk, name);
		return TESTVFS_DONE;
	} else if (e->op == TESTVFS_DELETE && disk->now[name]) {
		event.kind = DELETE;
		event.syncs_directory = e->count;
		add(disk, event, NULL);
		disk->now[name] = 0;
	}
	return SQLITE_OK;
}

/* What is there already is there for sure. */
static void take_file(struct testdisk *disk, int name)
{
	struct event event = { .kind = WRITE, .name = name };
	char path[PATH_SIZE + 16];
	uint8_t *data = NULL;
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", disk->path, suffixes[name]);
	file = fopen(path, "r");
	if (!file)
		return;
	create(disk, name);
	(void)fseek(file, 0, SEEK_END);
	event.len = ftell(file);
	event.inode = disk->now[name];
	rewind(file);
	data = malloc(event.len + 1);
	if (!data || fread(data, 1, event.len, file) != event.len)
		abort();
	fclose(file);
	add(disk, event, data);
	free(data);
	sync_file(disk, name);
	disk->events[disk->count - 1].syncs_directory = true;
}

void testdisk_begin(struct testdisk *disk, const char *path)
{
	forget(disk);
	snprintf(disk->path, sizeof(disk->path), "%s", path);
	for (int name = 0; name < NAMES; name++)
		take_file(disk, name);
	disk->first = disk->count;
	if (testvfs_install(on_event, disk) != SQLITE_OK)
		abort();
}

static int sync_nothing(void *ctx, const struct testvfs_event *e)
{
	(void)ctx;
	return e->op == TESTVFS_SYNC ? TESTVFS_DONE : SQLITE_OK;
}

void testdisk_end(struct testdisk *disk)
{
	(void)disk;
	if (testvfs_install(sync_nothing, NULL) != SQLITE_OK)
		abort();
}

void testdisk_mark(struct testdisk *disk, const void *data, size_t len)
{
	add(disk, (struct event){ .kind = MARK, .len = len }, data);
}

size_t testdisk_first(const struct testdisk *disk)
{
	return disk->first;
}

size_t testdisk_end_of(const struct testdisk *disk)
{
	return disk->count;
}

bool testdisk_is_sync(const struct testdisk *disk, size_t event)
{
	return event < disk->count && disk->events[event].kind == SYNC;
}

struct testdisk_counts testdisk_count(const struct testdisk *disk)
{
	struct testdisk_counts counts = { 0 };
	size_t wal_size = 0;
	bool database_written = false;

	for (size_t i = 0; i < disk->count; i++) {
		const struct event *e = &disk->events[i];

		counts.writes += e->kind == WRITE;
		counts.syncs += e->kind == SYNC;
		if (e->name == WAL && (e->kind == DELETE || e->kind == TRUNCATE))
			wal_size = e->kind == TRUNCATE ? e->offset : 0;
		if (e->name == WAL && e->kind == WRITE) {
			counts.growing += e->offset + e->len > wal_size;
			counts.overwriting += e->offset + e->len <= wal_size;
			if (e->offset + e->len > wal_size)
				wal_size = e->offset + e->len;
		}
		if (e->name == DATABASE && e->kind == SYNC && database_written)
			counts.checkpoints++;
		if (e->name == DATABASE && (e->kind == SYNC || e->kind == WRITE))
			database_written = e->kind == WRITE;
	}
	return counts;
}

struct testdisk_cut testdisk_cut(const struct testdisk *disk, size_t at)
{
	struct testdisk_cut cut = { .at = at };

	for (size_t i = 0; i < at && i < disk->count; i++) {
		if (disk->events[i].kind == MARK)
			cut.mark = disk->events[i].data;
	}
	return cut;
}

/* ---- a state ---- */

/* Which of what was not synced is there. */
enum policy { NONE, ALL, HALF, FEW, MOST, TORN, LATER, POLICIES };

struct fate {
	enum policy policy;
	size_t from;			/* TORN: up to this event; LATER: behind it */
	unsigned int sectors;		/* TORN: so many of that event itself */
	enum { SIZE_AS_WRITTEN, SIZE_OLD, SIZE_NEW } size;
	bool garbage;			/* in what was not written of a longer file */
};

struct image {
	uint8_t *data;
	size_t size, room;
	size_t durable_size;		/* as of the last sync */
	size_t full_size;		/* as the program saw it */
	struct fate fate;
};

static void grow(struct testdisk *disk, struct image *image, size_t size)
{
	size_t from = image->size;

	if (size <= from)
		return;
	if (size > image->room) {
		image->room = size * 2;
		image->data = realloc(image->data, image->room);
		if (!image->data)
			abort();
	}
	memset(image->data + from, 0, size - from);
	for (size_t i = from; image->fate.garbage && i < size; i++)
		image->data[i] = testdisk_random(disk, 256);
	image->size = size;
}

static bool survives(struct testdisk *disk, const struct fate *fate, size_t event,
		     unsigned int sector)
{
	switch (fate->policy) {
	case NONE:
		return false;
	case HALF:
		return testdisk_random(disk, 2);
	case FEW:
		return testdisk_random(disk, 10) == 0;
	case MOST:
		return testdisk_random(disk, 10) != 0;
	case TORN:
		return event < fate->from || (event == fate->from && sector < fate->sectors);
	case LATER:
		return event > fate->from;
	default:
		return true;
	}
}

static void put(struct testdisk *disk, struct image *image, const struct event *e, size_t from,
		size_t len)
{
	grow(disk, image, from + len);
	memcpy(image->data + from, e->data + (from - e->offset), len);
}

/* A write or truncation; @durable: all of it is there. */
static void apply(struct testdisk *disk, struct image *image, size_t index, bool durable)
{
	const struct event *e = &disk->events[index];
	size_t end = e->offset + e->len;
	unsigned int sector = 0;

	if (e->kind == TRUNCATE) {
		image->full_size = e->offset;
		if (durable || survives(disk, &image->fate, index, 0)) {
			grow(disk, image, e->offset);
			image->size = e->offset;
		}
	} else {
		if (end > image->full_size)
			image->full_size = end;
		for (size_t at = e->offset, next; at < end; at = next, sector++) {
			next = (at / SECTOR + 1) * SECTOR;
			next = next < end ? next : end;
			if (durable || survives(disk, &image->fate, index, sector))
				put(disk, image, e, at, next - at);
		}
	}
	if (durable)
		image->durable_size = image->size;
}

/* What the directory says: of its changes behind the last sync, some first ones are there. */
static void look_up(struct testdisk *disk, size_t at, size_t inodes[NAMES])
{
	size_t changes = 0, kept, synced = 0;

	memset(inodes, 0, NAMES * sizeof(inodes[0]));
	for (size_t i = 0; i < at; i++) {
		const struct event *e = &disk->events[i];

		changes += e->kind == CREATE || e->kind == DELETE;
		if (e->syncs_directory)
			synced = changes;
	}
	kept = synced + testdisk_random(disk, changes - synced + 1);
	for (size_t i = 0, n = 0; i < at && n < kept; i++) {
		const struct event *e = &disk->events[i];

		if (e->kind != CREATE && e->kind != DELETE)
			continue;
		inodes[e->name] = e->kind == CREATE ? e->inode : 0;
		n++;
	}
}

static struct fate choose(struct testdisk *disk, size_t at)
{
	size_t last = at > 64 ? 64 : at;

	return (struct fate){
		.policy = testdisk_random(disk, POLICIES),
		.from = at - (last ? 1 + testdisk_random(disk, last) : 0),
		.sectors = testdisk_random(disk, 9),
		.size = testdisk_random(disk, 3),
		.garbage = testdisk_random(disk, 4) == 0,
	};
}

static void make_image(struct testdisk *disk, size_t inode, size_t at, struct image *image)
{
	size_t synced = 0;

	for (size_t i = 0; i < at; i++) {
		if (disk->events[i].inode == inode && disk->events[i].kind == SYNC)
			synced = i;
	}
	for (size_t i = 0; i < at; i++) {
		const struct event *e = &disk->events[i];

		if (e->inode == inode && (e->kind == WRITE || e->kind == TRUNCATE))
			apply(disk, image, i, i < synced);
	}
	if (image->fate.size == SIZE_OLD && image->size > image->durable_size)
		image->size = image->durable_size;
	if (image->fate.size == SIZE_NEW)
		grow(disk, image, image->full_size);
}

static int write_file(const char *path, const char *suffix, const uint8_t *data, size_t size)
{
	char name[PATH_SIZE + 16];
	FILE *file;
	bool good;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	file = fopen(name, "w");
	if (!file)
		return -errno;
	good = fwrite(data, 1, size, file) == size;
	return fclose(file) == 0 && good ? 0 : -EIO;
}

/* An index that is older than the cut must not be believed. */
static int write_shm(struct testdisk *disk, const char *path)
{
	uint8_t shm[SHM_SIZE];

	for (size_t i = 0; i < sizeof(shm); i++)
		shm[i] = testdisk_random(disk, 256);
	return write_file(path, "-shm", shm, sizeof(shm));
}

int testdisk_write(struct testdisk *disk, const struct testdisk_cut *cut, const char *path)
{
	size_t inodes[NAMES], at = cut->at < disk->count ? cut->at : disk->count;
	struct fate fate = choose(disk, at);
	bool alike = testdisk_random(disk, 2);
	int r = 0;

	testdisk_remove(path);
	look_up(disk, at, inodes);
	for (int name = 0; name < NAMES && r == 0; name++) {
		struct image image = { .fate = alike ? fate : choose(disk, at) };

		if (!inodes[name])
			continue;
		grow(disk, &image, 1);
		image.size = 0;
		make_image(disk, inodes[name], at, &image);
		r = write_file(path, suffixes[name], image.data, image.size);
		free(image.data);
	}
	if (r == 0 && testdisk_random(disk, 4) == 0)
		r = write_shm(disk, path);
	return r;
}

void testdisk_remove(const char *path)
{
	static const char *const all[] = { "", "-wal", "-journal", "-shm", ".lock" };
	char name[PATH_SIZE + 16];

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, all[i]);
		unlink(name);
	}
}
