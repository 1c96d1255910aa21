/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/testvfs.h"

#include <string.h>

struct file {
	sqlite3_file base;		/* SQLite's: first */
	enum testvfs_file kind;
	const char *path;
	sqlite3_file *real;		/* in the memory behind this */
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
	testvfs_fn fn;
	void *ctx;
} shim;

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct file *)file)->real;
}

/* Tell of an event; the rest of @event is filled in. */
static int tell(sqlite3_file *file, struct testvfs_event event)
{
	struct file *f = (struct file *)file;

	event.file = f->kind;
	event.path = f->path;
	event.handle = f;
	event.real = f->real;
	return shim.fn ? shim.fn(shim.ctx, &event) : SQLITE_OK;
}

static int file_close(sqlite3_file *file)
{
	(void)tell(file, (struct testvfs_event){ .op = TESTVFS_CLOSE });
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *to, int count, sqlite3_int64 offset)
{
	int rc = tell(file, (struct testvfs_event){
		.op = TESTVFS_READ, .count = count, .offset = offset });

	return rc ? rc : real_of(file)->pMethods->xRead(real_of(file), to, count, offset);
}

static int file_write(sqlite3_file *file, const void *from, int count, sqlite3_int64 offset)
{
	int rc = tell(file, (struct testvfs_event){
		.op = TESTVFS_WRITE, .data = from, .count = count, .offset = offset });

	if (rc == TESTVFS_DONE)
		return SQLITE_OK;
	return rc ? rc : real_of(file)->pMethods->xWrite(real_of(file), from, count, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int rc = tell(file, (struct testvfs_event){ .op = TESTVFS_TRUNCATE, .offset = size });

	if (rc == TESTVFS_DONE)
		return SQLITE_OK;
	return rc ? rc : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
	int rc = tell(file, (struct testvfs_event){ .op = TESTVFS_SYNC });

	if (rc == TESTVFS_DONE)
		return SQLITE_OK;
	return rc ? rc : real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
	return real_of(file)->pMethods->xFileSize(real_of(file), ret_size);
}

static int file_lock(sqlite3_file *file, int lock)
{
	return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int file_unlock(sqlite3_file *file, int lock)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int file_is_reserved(sqlite3_file *file, int *ret_is)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret_is);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int file_sector_size(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_characteristics(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **ret_map)
{
	return real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, ret_map);
}

static int shm_lock(sqlite3_file *file, int first, int count, int flags)
{
	int rc = tell(file, (struct testvfs_event){
		.op = TESTVFS_SHM_LOCK, .offset = first, .count = count, .flags = flags });

	return rc ? rc : real_of(file)->pMethods->xShmLock(real_of(file), first, count, flags);
}

static void shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shm_unmap(sqlite3_file *file, int delete)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), delete);
}

static int file_fetch(sqlite3_file *file, sqlite3_int64 offset, int count, void **ret_page)
{
	int rc = tell(file, (struct testvfs_event){
		.op = TESTVFS_FETCH, .offset = offset, .count = count });

	return rc ? rc : real_of(file)->pMethods->xFetch(real_of(file), offset, count, ret_page);
}

static int file_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page)
{
	return real_of(file)->pMethods->xUnfetch(real_of(file), offset, page);
}

static const sqlite3_io_methods methods = {
	.iVersion = 3,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_is_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_characteristics,
	.xShmMap = shm_map,
	.xShmLock = shm_lock,
	.xShmBarrier = shm_barrier,
	.xShmUnmap = shm_unmap,
	.xFetch = file_fetch,
	.xUnfetch = file_unfetch,
};

static enum testvfs_file kind_of(int flags)
{
	return flags & SQLITE_OPEN_MAIN_DB	? TESTVFS_DATABASE :
	       flags & SQLITE_OPEN_WAL		? TESTVFS_WAL :
	       flags & SQLITE_OPEN_MAIN_JOURNAL ? TESTVFS_JOURNAL :
						  TESTVFS_OTHER;
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
		    int *ret_flags)
{
	struct file *f = (struct file *)file;
	int there = 0, given = flags, rc;

	(void)vfs;
	memset(f, 0, sizeof(*f));
	f->real = (sqlite3_file *)(f + 1);
	f->kind = kind_of(flags);
	f->path = path;
	if (path)
		(void)shim.real->xAccess(shim.real, path, SQLITE_ACCESS_EXISTS, &there);
	rc = shim.real->xOpen(shim.real, path, f->real, flags, &given);
	if (rc != SQLITE_OK)
		return rc;
	f->base.pMethods = &methods;
	if (ret_flags)
		*ret_flags = given;
	rc = tell(file, (struct testvfs_event){
		.op = TESTVFS_OPEN, .is_new = !there, .flags = given });
	if (rc != SQLITE_OK) {
		(void)f->real->pMethods->xClose(f->real);
		f->base.pMethods = NULL;
	}
	return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_directory)
{
	size_t len = strlen(path);
	struct testvfs_event event = {
		.op = TESTVFS_DELETE,
		.path = path,
		.count = sync_directory,
		.file = len > 4 && strcmp(path + len - 4, "-wal") == 0	   ? TESTVFS_WAL :
			len > 8 && strcmp(path + len - 8, "-journal") == 0 ? TESTVFS_JOURNAL :
									     TESTVFS_OTHER,
	};
	int rc = shim.fn ? shim.fn(shim.ctx, &event) : SQLITE_OK;

	(void)vfs;
	if (rc == TESTVFS_DONE)
		return SQLITE_OK;
	return rc ? rc : shim.real->xDelete(shim.real, path, sync_directory);
}

int testvfs_install(testvfs_fn fn, void *ctx)
{
	if (!shim.real) {
		shim.real = sqlite3_vfs_find(NULL);
		/* The other methods, which SQLite calls with this, are the real one's. */
		shim.vfs = *shim.real;
		shim.vfs.pNext = NULL;
		shim.vfs.zName = "testvfs";
		shim.vfs.szOsFile = sizeof(struct file) + shim.real->szOsFile;
		shim.vfs.xOpen = vfs_open;
		shim.vfs.xDelete = vfs_delete;
	}
	shim.fn = fn;
	shim.ctx = ctx;
	return sqlite3_vfs_register(&shim.vfs, 1);
}

void testvfs_remove(void)
{
	shim.fn = NULL;
	(void)sqlite3_vfs_unregister(&shim.vfs);
}
