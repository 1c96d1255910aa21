/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/usage.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/db.h"

/* Where @vm is among the VMs, or is to be. */
static size_t place_of(const struct usage *u, int64_t vm)
{
	size_t from = 0, to = u->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (u->vms[middle].id < vm)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* The entry of @vm, made if there is none; NULL for want of memory. */
static struct usage_vm *get_vm(struct usage *u, int64_t vm)
{
	size_t i = place_of(u, vm);

	if (i < u->count && u->vms[i].id == vm)
		return &u->vms[i];
	if (u->count == u->room) {
		size_t room = u->room ? 2 * u->room : 64;
		struct usage_vm *vms = realloc(u->vms, room * sizeof(*vms));

		if (!vms)
			return NULL;
		u->vms = vms;
		u->room = room;
	}
	memmove(&u->vms[i + 1], &u->vms[i], (u->count - i) * sizeof(*u->vms));
	u->vms[i] = (struct usage_vm){ .id = vm };
	u->count++;
	return &u->vms[i];
}

static int find_vm_of(struct usage *u, int64_t boot, int64_t *ret_vm)
{
	int r = DB_BIND(u->db, u->vm_of, boot);

	if (r == 0)
		r = db_step(u->db, u->vm_of);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_vm = sqlite3_column_int64(u->vm_of, 0);
	(void)sqlite3_reset(u->vm_of);
	return 0;
}

static int on_change(void *ctx, const struct archive_of *of, const struct archive_entry *entry,
		     int64_t bytes)
{
	struct usage *u = ctx;
	struct usage_vm *vm;
	int64_t id;
	int r;

	if (!u->known)
		return 0;
	u->changed = true;
	r = find_vm_of(u, of->boot, &id);
	if (r < 0)
		return r;
	vm = get_vm(u, id);
	if (!vm)
		return -ENOMEM;
	vm->bytes += bytes;
	u->bytes[of->tier] += bytes;
	if (entry->to_ns < u->oldest_ns[of->tier])
		u->oldest_ns[of->tier] = entry->to_ns;
	return 0;
}

int usage_open(sqlite3 *db, struct archive *archive, struct usage *ret_usage)
{
	struct usage u = { .db = db, .archive = archive };
	int r = db_prepare(db, "SELECT vm FROM boot WHERE id = ?", &u.vm_of);

	if (r < 0)
		return r;
	*ret_usage = u;
	archive_watch(archive, on_change, ret_usage);
	return 0;
}

void usage_close(struct usage *usage)
{
	if (usage->archive)
		archive_watch(usage->archive, NULL, NULL);
	sqlite3_finalize(usage->vm_of);
	free(usage->vms);
	memset(usage, 0, sizeof(*usage));
}

static int add_share(void *ctx, const struct archive_share *share)
{
	struct usage *u = ctx;
	struct usage_vm *vm = get_vm(u, share->vm);

	if (!vm)
		return -ENOMEM;
	/* A newer daemon's tier is none of ours. */
	if (share->tier < 0 || share->tier >= ROLLUP_TIERS)
		return 0;
	vm->bytes += share->bytes;
	u->bytes[share->tier] += share->bytes;
	return 0;
}

int usage_know(struct usage *usage)
{
	int r;

	if (usage->known)
		return 0;
	for (size_t i = 0; i < usage->count; i++)
		usage->vms[i].bytes = 0;
	for (int tier = 0; tier < ROLLUP_TIERS; tier++) {
		usage->bytes[tier] = 0;
		usage->oldest_ns[tier] = INT64_MIN;
	}
	r = archive_shares(usage->archive, add_share, usage);
	usage->known = r == 0;
	return r;
}

void usage_settle(struct usage *usage, bool committed)
{
	if (!committed && usage->changed)
		usage->known = false;
	usage->changed = false;
}
