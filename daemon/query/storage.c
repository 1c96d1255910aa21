/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/query/storage.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "daemon/query/querypart.h"
#include "daemon/store/db.h"

/* The entry of VM @id, which is the last one or a new one; NULL for want of memory. */
static struct storage_vm *last_vm(struct storage *s, int64_t id)
{
	struct storage_vm *vms;

	if (s->vms_count && s->vms[s->vms_count - 1].id == id)
		return &s->vms[s->vms_count - 1];
	vms = realloc(s->vms, (s->vms_count + 1) * sizeof(*vms));
	if (!vms)
		return NULL;
	s->vms = vms;
	vms[s->vms_count] = (struct storage_vm){ .id = id };
	return &vms[s->vms_count++];
}

static int add_share(void *ctx, const struct archive_share *share)
{
	struct storage *s = ctx;
	struct storage_vm *vm = last_vm(s, share->vm);
	struct storage_tier *tier;

	if (!vm)
		return -ENOMEM;
	vm->bytes += share->bytes;
	if (share->tier < 0 || share->tier >= ROLLUP_TIERS)
		return 0;
	tier = &s->tier[share->tier];
	if (tier->samples == 0 || share->from_ns < tier->from_ns)
		tier->from_ns = share->from_ns;
	if (tier->samples == 0 || share->to_ns > tier->to_ns)
		tier->to_ns = share->to_ns;
	tier->samples += share->samples;
	tier->bytes += share->bytes;
	return 0;
}

struct figure {
	const char *sql;
	uint64_t *value;
};

static int read_in(struct query *query, struct storage *s)
{
	const struct figure figures[] = {
		{ "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
		  &s->file_bytes },
		{ "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size",
		  &s->free_bytes },
		{ "SELECT coalesce(sum(samples), 0) FROM journal_end", &s->journal_samples },
		{ "SELECT coalesce(sum(bytes), 0) FROM journal_end", &s->journal_bytes },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]) && r == 0; i++)
		r = db_number(query_part_db(query), figures[i].sql, (int64_t *)figures[i].value);
	return r < 0 ? r : archive_shares(query_part_blocks(query)->archive, add_share, s);
}

int storage_read(struct query *query, struct storage *ret_storage)
{
	int r;

	memset(ret_storage, 0, sizeof(*ret_storage));
	r = query_part_begin(query);
	if (r < 0)
		return r;
	r = read_in(query, ret_storage);
	query_part_end(query);
	return r;
}

void storage_done(struct storage *storage)
{
	free(storage->vms);
	memset(storage, 0, sizeof(*storage));
}

uint64_t storage_of_vm(const struct storage *storage, int64_t id)
{
	for (size_t i = 0; i < storage->vms_count; i++) {
		if (storage->vms[i].id == id)
			return storage->vms[i].bytes;
	}
	return 0;
}

int storage_disk(struct query *query, uint64_t *ret_size, uint64_t *ret_free)
{
	const char *file = query_part_file(query);
	struct stat database, wal;
	struct statvfs left;
	char name[PATH_MAX];

	if (stat(file, &database) < 0 || statvfs(file, &left) < 0)
		return -errno;
	snprintf(name, sizeof(name), "%s-wal", file);
	/* There is none while nobody writes. */
	if (stat(name, &wal) < 0)
		wal.st_size = 0;
	*ret_size = database.st_size + wal.st_size;
	*ret_free = (uint64_t)left.f_bavail * left.f_frsize;
	return 0;
}
