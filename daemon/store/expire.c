/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/expire.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "daemon/store/db.h"
#include "daemon/store/forget.h"
#include "daemon/store/seal.h"
#include "daemon/store/sent.h"
#include "daemon/store/usage.h"
#include "guest-agent/shared/log.h"

#define S 1000000000LL
#define DAY (86400 * S)

/* What one step drops at most: a chunk costs reading its pages. */
#define CHUNKS_MAX 16
#define BYTES_MAX 1048576

/* Beside samples an eighth of what a VM may have, each row so many bytes with its indices. */
#define ROWS_IN(vm_bytes) ((vm_bytes) / 8 / 128)

/* Beyond a limit, so much more goes, for not to begin again with every chunk. */
#define SPARE(limit) ((limit) / 20)

/* A boot without samples is kept for so long, if samples are. */
#define BOOT_AGE_NS (30 * DAY)

/* What stands so shortly before a sample belongs to it: a boot's begin, a mark. */
#define NEAR_NS (3600 * S)

#define SWEEP_NS (60 * S)
#define SAY_NS DAY

const char *const expire_tier_names[ROLLUP_TIERS] = { "samples", "10s", "1min", "10min", "1h" };

struct expire {
	struct blocks *blocks;
	bool has_limits;
	struct expire_limits limits;
	struct usage usage;
	struct forget *forget;
	sqlite3_stmt *name_of;
	bool draining[ROLLUP_TIERS];
	int64_t said_ns[ROLLUP_TIERS];
	bool swept;
	int64_t swept_ns;
};

int expire_new(struct blocks *blocks, struct expire **ret_expire)
{
	struct expire *e = calloc(1, sizeof(*e));
	int r = e ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	e->blocks = blocks;
	r = usage_open(blocks->db, blocks->archive, &e->usage);
	if (r == 0)
		r = forget_new(blocks->db, &e->forget);
	if (r == 0)
		r = db_prepare(blocks->db, "SELECT name FROM vm WHERE id = ?", &e->name_of);
	if (r < 0)
		expire_free(e);
	else
		*ret_expire = e;
	return r;
}

void expire_free(struct expire *expire)
{
	if (!expire)
		return;
	usage_close(&expire->usage);
	forget_free(expire->forget);
	sqlite3_finalize(expire->name_of);
	free(expire);
}

void expire_set_limits(struct expire *expire, const struct expire_limits *limits)
{
	expire->limits = *limits;
	expire->has_limits = true;
}

void expire_get_limits(const struct expire *expire, struct expire_limits *ret_limits)
{
	*ret_limits = expire->limits;
}

void expire_settle(struct expire *expire, bool committed)
{
	usage_settle(&expire->usage, committed);
}

/* Whether something may be said again; then it is said at @now_ns. */
static bool may_say(int64_t *said_ns, int64_t now_ns)
{
	if (*said_ns != 0 && now_ns >= *said_ns && now_ns - *said_ns < SAY_NS)
		return false;
	*said_ns = now_ns;
	return true;
}

static void say_tier(struct expire *e, int tier, int64_t now_ns)
{
	if (may_say(&e->said_ns[tier], now_ns))
		log_notice("database: keep_%s: more than %llu MB are stored, dropping the oldest",
			   expire_tier_names[tier],
			   (unsigned long long)e->limits.tier[tier].bytes >> 20);
}

static void say_vm(struct expire *e, struct usage_vm *vm, int64_t now_ns)
{
	if (!may_say(&vm->said_ns, now_ns))
		return;
	if (DB_BIND(e->blocks->db, e->name_of, vm->id) < 0 ||
	    db_step(e->blocks->db, e->name_of) <= 0)
		return;
	log_notice("database: vm_disk_limit: more than %llu MB are of '%s', dropping the oldest of it",
		   (unsigned long long)e->limits.vm_bytes >> 20,
		   (const char *)sqlite3_column_text(e->name_of, 0));
	(void)sqlite3_reset(e->name_of);
}

/* Whether what takes @bytes is to become less. */
static bool exceeds(uint64_t bytes, uint64_t limit, bool draining)
{
	return limit > 0 && bytes > (draining ? limit - SPARE(limit) : limit);
}

static bool is_over(uint64_t bytes, uint64_t limit, bool *draining)
{
	*draining = exceeds(bytes, limit, *draining);
	return *draining;
}

/* See that the tier above @of's has what @entry says. 1 if it had not, 0, or -errno. */
static int roll_up_first(struct expire *e, const struct archive_of *of,
			 const struct archive_entry *entry)
{
	struct stream stream;
	int r;

	if (of->tier + 1 >= ROLLUP_TIERS)
		return 0;
	r = stream_get(e->blocks->streams, of->boot, of->source, &stream);
	if (r < 0)
		return r;
	if (stream.sealed[of->tier + 1] < entry->to_sequence) {
		r = seal_roll_up(e->blocks, &stream, of->tier + 1);
		if (r == 0)
			r = stream_put(e->blocks->streams, &stream);
		r = r < 0 ? r : 1;
	}
	stream_done(&stream);
	return r;
}

/* What a step has done so far. */
struct step {
	int chunks;
	uint64_t bytes;
	bool is_full;
};

static int drop(struct expire *e, struct step *step, const struct archive_of *of,
		const struct archive_entry *entry)
{
	int r = roll_up_first(e, of, entry);

	if (r == 0)
		r = archive_drop(e->blocks->archive, of, entry);
	if (r == 0 && of->tier == 0)
		r = sent_lose(e->blocks->db, of->boot, of->source, entry->from_sequence,
			      entry->to_sequence, entry->samples);
	step->chunks++;
	step->bytes += entry->bytes;
	step->is_full = r > 0 || step->chunks == CHUNKS_MAX || step->bytes >= BYTES_MAX;
	return r < 0 ? r : 0;
}

static bool is_tier_over(struct expire *e, int tier)
{
	return is_over(e->usage.bytes[tier], e->limits.tier[tier].bytes, &e->draining[tier]);
}

/* What ended before it is too old. */
static int64_t age_limit(const struct expire *e, int tier, int64_t now_ns)
{
	int64_t age_ns = e->limits.tier[tier].age_ns;

	return age_ns ? now_ns - age_ns : INT64_MIN;
}

static int expire_tier(struct expire *e, int tier, int64_t now_ns, struct step *step)
{
	int64_t before_ns = age_limit(e, tier, now_ns);
	bool over = is_tier_over(e, tier);

	while (!step->is_full && (over || e->usage.oldest_ns[tier] < before_ns)) {
		struct archive_entry entry;
		struct archive_of of;
		int r = archive_oldest(e->blocks->archive, tier, &of, &entry);

		e->usage.oldest_ns[tier] = r == 0 ? entry.to_ns : INT64_MAX;
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		if (entry.to_ns >= before_ns) {
			if (!over)
				return 0;
			say_tier(e, tier, now_ns);
		}
		r = drop(e, step, &of, &entry);
		if (r < 0)
			return r;
		over = is_tier_over(e, tier);
	}
	return 0;
}

/* The oldest chunk of a VM, of its finest tier. As archive_oldest_of(). */
static int finest_of(struct expire *e, int64_t vm, struct archive_of *ret_of,
		     struct archive_entry *ret_entry)
{
	int r = -ENOENT;

	for (int tier = 0; tier < ROLLUP_TIERS && r == -ENOENT; tier++)
		r = archive_oldest_of(e->blocks->archive, vm, tier, ret_of, ret_entry);
	return r;
}

static int expire_of_vm(struct expire *e, size_t i, int64_t now_ns, struct step *step)
{
	while (!step->is_full) {
		struct usage_vm *vm = &e->usage.vms[i];
		struct archive_entry entry;
		struct archive_of of;
		int r;

		if (!is_over(vm->bytes, e->limits.vm_bytes, &vm->draining))
			return 0;
		say_vm(e, vm, now_ns);
		r = finest_of(e, vm->id, &of, &entry);
		if (r == 0)
			r = drop(e, step, &of, &entry);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
	}
	return 0;
}

/*
 * Before which there are no numbers, and a boot may be forgotten. If the last tier is kept
 * forever, whatever it takes, so is the rest.
 */
static int find_horizon(struct expire *e, int64_t now_ns, int64_t *ret_ns)
{
	const struct expire_limit *last = &e->limits.tier[ROLLUP_TIERS - 1];
	int64_t horizon_ns, longest_ns = 0;

	if (last->age_ns == 0 && last->bytes == 0) {
		*ret_ns = INT64_MIN;
		return 0;
	}
	for (int tier = 0; tier < ROLLUP_TIERS; tier++) {
		int64_t age_ns = e->limits.tier[tier].age_ns;

		if (age_ns == 0 || age_ns > BOOT_AGE_NS)
			age_ns = BOOT_AGE_NS;
		longest_ns = age_ns > longest_ns ? age_ns : longest_ns;
	}
	horizon_ns = now_ns - longest_ns;
	for (int tier = 0; tier < ROLLUP_TIERS; tier++) {
		struct archive_entry entry;
		struct archive_of of;
		int r = archive_oldest(e->blocks->archive, tier, &of, &entry);

		if (r < 0 && r != -ENOENT)
			return r;
		if (r == 0 && entry.from_ns - NEAR_NS < horizon_ns)
			horizon_ns = entry.from_ns - NEAR_NS;
	}
	*ret_ns = horizon_ns;
	return 0;
}

static bool is_sweep_due(const struct expire *e, int64_t now_ns)
{
	return !e->swept || now_ns < e->swept_ns || now_ns - e->swept_ns >= SWEEP_NS;
}

/* Now and then: what stands beside samples. */
static int sweep(struct expire *e, int64_t now_ns)
{
	int64_t horizon_ns;
	int r;

	if (!is_sweep_due(e, now_ns))
		return 0;
	r = find_horizon(e, now_ns, &horizon_ns);
	if (r == 0)
		r = forget_before(e->forget, horizon_ns);
	if (r == 0 && e->limits.vm_bytes)
		r = forget_beyond(e->forget, ROWS_IN(e->limits.vm_bytes));
	e->swept = r == 0;
	e->swept_ns = now_ns;
	return r;
}

bool expire_is_due(const struct expire *expire, int64_t now_ns)
{
	const struct usage *u = &expire->usage;

	if (!expire->has_limits)
		return false;
	if (!u->known || is_sweep_due(expire, now_ns))
		return true;
	for (int tier = 0; tier < ROLLUP_TIERS; tier++) {
		if (u->oldest_ns[tier] < age_limit(expire, tier, now_ns) ||
		    exceeds(u->bytes[tier], expire->limits.tier[tier].bytes,
			    expire->draining[tier]))
			return true;
	}
	for (size_t i = 0; i < u->count; i++) {
		if (exceeds(u->vms[i].bytes, expire->limits.vm_bytes, u->vms[i].draining))
			return true;
	}
	return false;
}

int expire_due(struct expire *expire, int64_t now_ns)
{
	struct step step = { 0 };
	int r;

	if (!expire->has_limits)
		return 0;
	r = usage_know(&expire->usage);
	for (int tier = 0; tier < ROLLUP_TIERS && r == 0; tier++)
		r = expire_tier(expire, tier, now_ns, &step);
	for (size_t i = 0; i < expire->usage.count && r == 0; i++)
		r = expire_of_vm(expire, i, now_ns, &step);
	if (r < 0 || step.chunks > 0)
		return r < 0 ? r : 1;
	return sweep(expire, now_ns);
}

int expire_vm(struct expire *expire, int64_t vm, int64_t now_ns)
{
	int64_t horizon_ns;
	int r = find_horizon(expire, now_ns, &horizon_ns);

	return r < 0 ? r : forget_vm(expire->forget, vm, horizon_ns);
}
