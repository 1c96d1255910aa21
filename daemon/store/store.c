/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/store.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/db.h"
#include "daemon/store/expire.h"
#include "daemon/store/openrange.h"
#include "daemon/store/queue.h"
#include "daemon/store/schema.h"
#include "daemon/store/storeload.h"
#include "daemon/store/storewrite.h"
#include "daemon/store/upkeep.h"
#include "guest-agent/shared/log.h"

struct store {
	sqlite3 *db;
	int lock;
	struct blocks blocks;
	struct storewrite *writer;
	struct expire *expire;
	struct vm *vms;
	struct storeload_ids last;	/* ids given so far */
	struct boot *dirty_boots;
	struct queue queue;
	struct sent_list sent;		/* that wait */
	struct upkeep upkeep;
	struct store_stats stats;
};

static void set_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

int store_open(const char *path, struct store **ret_store)
{
	struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return -ENOMEM;
	store->lock = -1;
	r = db_open_writer(path, &store->db, &store->lock);
	if (r == 0)
		r = schema_prepare(store->db, path);
	if (r == 0)
		r = blocks_open(store->db, &store->blocks);
	if (r == 0)
		r = storewrite_new(store->db, &store->blocks, &store->writer);
	if (r == 0)
		r = expire_new(&store->blocks, &store->expire);
	upkeep_init(&store->upkeep, &store->blocks, store->expire);
	if (r == 0)
		r = storeload_ids(store->db, &store->last);
	if (r == 0)
		r = storeload_vms(store->db, &store->blocks, &store->vms);
	if (r < 0) {
		store_free(store);
		return r;
	}
	db_defer_checkpoints(store->db, &store->upkeep.wal_pages);
	*ret_store = store;
	return 0;
}

static void drop_boot(struct boot *boot)
{
	if (!boot || --boot->users > 0)
		return;
	for (int source = 0; source < SOURCES; source++)
		counters_done(&boot->last[source]);
	free(boot);
}

static void mark_dirty(struct store *store, struct boot *boot)
{
	boot->users++;
	boot->dirty = true;
	boot->next_dirty = store->dirty_boots;
	store->dirty_boots = boot;
}

static int drop_one(void *ctx, struct pending *p)
{
	(void)ctx;
	if (p->boot->open.pending == &p->range)
		p->boot->open.pending = NULL;
	if (p->boot->refused == &p->range)
		p->boot->refused = NULL;
	if (p->boot->retracted == &p->range)
		p->boot->retracted = NULL;
	drop_boot(p->boot);
	return 0;
}

static void free_vm(struct vm *vm)
{
	drop_boot(vm->boot);
	drop_boot(vm->before);
	drop_boot(vm->earlier);
	free(vm);
}

static void drop_pending(struct store *store)
{
	(void)queue_walk(&store->queue, drop_one, NULL);
	queue_clear(&store->queue);
}

void store_free(struct store *store)
{
	if (!store)
		return;
	if (store->writer)
		(void)store_flush(store, 0);
	drop_pending(store);
	while (store->dirty_boots) {
		struct boot *boot = store->dirty_boots;

		store->dirty_boots = boot->next_dirty;
		drop_boot(boot);
	}
	while (store->vms) {
		struct vm *vm = store->vms;

		store->vms = vm->next;
		free_vm(vm);
	}
	sent_list_done(&store->sent);
	expire_free(store->expire);
	storewrite_free(store->writer);
	blocks_close(&store->blocks);
	db_close_writer(store->db);
	if (store->lock >= 0)
		close(store->lock);
	free(store);
}

struct vm *store_vms(struct store *store)
{
	return store->vms;
}

struct vm *store_vm(struct store *store, const char *key, const char *name)
{
	struct vm *vm;

	for (vm = store->vms; vm; vm = vm->next) {
		if (strcmp(vm->key, key) == 0)
			return vm;
	}
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return NULL;
	vm->id = ++store->last.vm;
	set_text(vm->key, sizeof(vm->key), key);
	set_text(vm->name, sizeof(vm->name), name);
	vm->dirty = true;
	vm->next = store->vms;
	store->vms = vm;
	return vm;
}

/* Where the guest may have been, now that the latest boot is no more the latest. */
static void set_earlier(struct vm *vm)
{
	struct boot *boot = vm->boot, *earlier = vm->earlier;

	if (earlier && record_is_silent(boot) && !record_other_guest(boot, earlier) &&
	    boot->number - earlier->number < RECORD_BOOTS_SILENT) {
		record_pass(&vm->silent, boot);
		return;
	}
	vm->earlier = boot;
	vm->silent = (struct silent){ 0 };
	boot->users++;
	drop_boot(earlier);
}

struct boot *store_boot(struct store *store, struct vm *vm, enum boot_cause cause,
			const char *life, int64_t opened_ns)
{
	struct boot *boot = calloc(1, sizeof(*boot));

	if (!boot)
		return NULL;
	boot->id = ++store->last.boot;
	boot->vm_id = vm->id;
	boot->number = vm->boot ? vm->boot->number + 1 : 1;
	set_text(boot->life, sizeof(boot->life), life);
	boot->cause = cause;
	boot->opened_ns = opened_ns;
	boot->users = 1;
	mark_dirty(store, boot);
	/* What was loaded is for the next hello. */
	if (vm->boot && cause == BOOT_RESUMED) {
		boot->has_taken = vm->boot->has_taken;
		boot->taken = vm->boot->taken;
	}
	if (vm->boot)
		set_earlier(vm);
	drop_boot(vm->before);
	vm->before = vm->boot;
	vm->boot = boot;
	return boot;
}

void store_boot_changed(struct store *store, struct boot *boot)
{
	if (!boot->dirty)
		mark_dirty(store, boot);
}

bool store_is_full(const struct store *store)
{
	return store->queue.count >= STORE_PENDING_MAX ||
	       store->queue.bytes >= STORE_PENDING_BYTES_MAX;
}

/* Room for one more record of @boot, zeroed; NULL for want of memory. */
static struct pending *push(struct store *store, struct boot *boot, enum pending_kind kind)
{
	struct pending *p = queue_push(&store->queue);

	if (!p)
		return NULL;
	p->kind = kind;
	p->boot = boot;
	boot->users++;
	boot->retracted = NULL;
	return p;
}

/* As push(), within the limits and counting what is refused. */
static struct pending *push_limited(struct store *store, struct boot *boot, enum pending_kind kind)
{
	struct pending *p = store_is_full(store) ? NULL : push(store, boot, kind);

	if (!p)
		store->stats.refused++;
	return p;
}

static void set_last(struct boot *boot, enum sample_source source, const struct sample *sample)
{
	boot->last_t_ns[source] = sample->t_wall_ns;
	if (sample->has & SAMPLE_HAS_EXITS)
		counters_set(&boot->last[source], sample);
}

/* No room for a reading of the host's: it makes a gap, of which each boot has but one waiting. */
static void refuse_reading(struct store *store, struct boot *boot, const struct sample *sample)
{
	struct pending *p = boot->refused ? NULL : push(store, boot, PENDING_GAP);
	int64_t t_ns = sample->t_wall_ns;

	if (p) {
		p->source = SOURCE_HOST;
		p->range = (struct range){
			.from = boot->last_sequence[SOURCE_HOST] + 1,
			.from_ns = t_ns,
			.cause = GAP_DISK,
		};
		boot->refused = &p->range;
	}
	if (!boot->refused)
		return;
	boot->refused->to = sample->sequence;
	boot->refused->to_ns = t_ns;
	boot->refused->count++;
	boot->last_sequence[SOURCE_HOST] = sample->sequence;
	set_last(boot, SOURCE_HOST, sample);
}

int store_add_stored(struct store *store, struct boot *boot, enum sample_source source,
		     const struct sample *sample)
{
	uint8_t *detail;
	struct pending *p = NULL;

	if (sample->sequence <= boot->last_sequence[source])
		return 0;
	detail = sample->detail_len ? malloc(sample->detail_len) : NULL;
	if (!sample->detail_len || detail)
		p = push_limited(store, boot, PENDING_SAMPLE);
	if (!p) {
		free(detail);
		return -ENOBUFS;
	}
	p->source = source;
	p->sequence = sample->sequence;
	p->sample = *sample;
	p->sample.detail = detail;
	if (detail)
		memcpy(detail, sample->detail, sample->detail_len);
	store->queue.bytes += sample->detail_len;
	boot->last_sequence[source] = sample->sequence;
	set_last(boot, source, sample);
	return 0;
}

int store_add(struct store *store, struct boot *boot, enum sample_source source,
	      const struct sample *sample)
{
	struct sample whole = *sample;
	int r;

	whole.has |= SAMPLE_HAS_CLOCK_ERROR;
	r = store_add_stored(store, boot, source, &whole);
	if (r < 0 && source == SOURCE_HOST)
		refuse_reading(store, boot, sample);
	return r;
}

int store_add_mark(struct store *store, struct boot *boot, const struct mark *mark)
{
	struct pending *p = push_limited(store, boot, PENDING_MARK);

	if (!p)
		return -ENOBUFS;
	p->sequence = mark->sequence;
	p->mark = *mark;
	boot->last_sequence[SOURCE_GUEST] = mark->sequence;
	boot->marks++;
	return 0;
}

static int add_range(struct store *store, struct boot *boot, enum range_kind kind,
		     const struct range *range, const struct sample *claim)
{
	struct open_range *open = &boot->open;
	struct pending *p;

	if (openrange_goes_on(boot, kind, range) && open->pending) {
		(void)openrange_extend(boot, kind, range);
		*open->pending = open->range;
		boot->last_sequence[SOURCE_GUEST] = range->to;
		return 0;
	}
	p = push_limited(store, boot, kind == RANGE_GAP ? PENDING_GAP : PENDING_QUARANTINE);
	if (!p)
		return -ENOBUFS;
	if (openrange_extend(boot, kind, range) && kind == RANGE_QUARANTINE)
		boot->quarantines++;
	p->range = open->range;
	if (claim)
		p->sample = *claim;
	p->sample.detail = NULL;
	open->pending = &p->range;
	boot->last_sequence[SOURCE_GUEST] = range->to;
	return 0;
}

int store_add_gap(struct store *store, struct boot *boot, enum sample_source source,
		  const struct range *gap)
{
	struct pending *p;

	if (source == SOURCE_GUEST)
		return add_range(store, boot, RANGE_GAP, gap, NULL);
	p = push_limited(store, boot, PENDING_GAP);
	if (!p)
		return -ENOBUFS;
	p->source = source;
	p->range = *gap;
	boot->last_sequence[source] = gap->to;
	return 0;
}

int store_add_quarantine(struct store *store, struct boot *boot, const struct range *range,
			 const struct sample *claim)
{
	return add_range(store, boot, RANGE_QUARANTINE, range, claim);
}

int store_retract(struct store *store, struct boot *boot, uint64_t after,
		  enum quarantine_cause cause)
{
	struct range *waiting = boot->retracted;
	struct pending *p;

	/* A guest may be found lying for as long as nothing can be committed. */
	if (waiting && waiting->cause == (int)cause) {
		waiting->from = after < waiting->from ? after : waiting->from;
	} else {
		p = push(store, boot, PENDING_RETRACT);
		if (!p)
			return -ENOMEM;
		p->range.from = after;
		p->range.cause = cause;
		boot->retracted = &p->range;
	}
	counters_done(&boot->last[SOURCE_GUEST]);
	return 0;
}

int store_sent(struct store *store, const struct sent *sent)
{
	return sent_note(&store->sent, sent);
}

static int write_pending(void *ctx, struct pending *p)
{
	struct store *store = ctx;

	switch (p->kind) {
	case PENDING_SAMPLE:
		return storewrite_sample(store->writer, ++store->last.sample, p->boot, p->source,
					 &p->sample);
	case PENDING_MARK:
		return storewrite_mark(store->writer, p->boot, &p->mark);
	case PENDING_GAP:
		return storewrite_gap(store->writer, p->boot, p->source, &p->range);
	case PENDING_QUARANTINE:
		return storewrite_quarantine(store->writer, p->boot, &p->range, &p->sample);
	case PENDING_RETRACT:
		p->ranges = 0;
		/* What comes behind it in the queue may be the first again. */
		p->boot->has_base[SOURCE_GUEST] = false;
		return storewrite_retract(store->writer, p->boot, p->range.from, p->range.cause,
					  &p->ranges);
	}
	return -EINVAL;
}

static int write_all(void *ctx)
{
	struct store *store = ctx;
	int r = 0;

	for (struct vm *vm = store->vms; vm && r == 0; vm = vm->next) {
		if (vm->dirty)
			r = storewrite_vm(store->writer, vm);
	}
	for (struct boot *boot = store->dirty_boots; boot && r == 0; boot = boot->next_dirty)
		r = storewrite_boot(store->writer, boot);
	if (r == 0)
		r = queue_walk(&store->queue, write_pending, store);
	if (r == 0)
		r = sent_put(store->db, &store->sent);
	return r < 0 ? r : journal_finish(store->blocks.journal);
}

static int settle_one(void *ctx, struct pending *p)
{
	uint64_t sequence = p->range.to ? p->range.to : p->sequence;

	(void)ctx;
	if (sequence > p->boot->committed[p->source])
		p->boot->committed[p->source] = sequence;
	p->boot->quarantines += p->ranges;
	if (p->kind == PENDING_SAMPLE && p->sample.has & SAMPLE_HAS_EXITS)
		p->boot->has_base[p->source] = true;
	if (p->kind == PENDING_RETRACT)
		p->boot->has_base[SOURCE_GUEST] = false;
	return 0;
}

static void settle(struct store *store)
{
	for (struct vm *vm = store->vms; vm; vm = vm->next)
		vm->dirty = false;
	while (store->dirty_boots) {
		struct boot *boot = store->dirty_boots;

		store->dirty_boots = boot->next_dirty;
		boot->next_dirty = NULL;
		boot->dirty = false;
		drop_boot(boot);
	}
	(void)queue_walk(&store->queue, settle_one, NULL);
	drop_pending(store);
	store->sent.count = 0;
}

static int waiting(const struct store *store)
{
	int what = (store->queue.count ? STORE_SAMPLES : 0) | (store->dirty_boots ? STORE_RECORDS : 0);

	for (const struct vm *vm = store->vms; vm; vm = vm->next) {
		if (vm->dirty)
			what |= STORE_RECORDS;
	}
	return what;
}

static int note_error(struct store *store, int error, int64_t now_ns)
{
	if (store->stats.error == 0)
		store->stats.error_since_ns = now_ns;
	if (store->stats.error != error)
		log_error("database: samples cannot be committed (%s); new samples wait, will retry",
			  db_error_words(error));
	store->stats.error = error;
	return error;
}

int store_flush(struct store *store, int64_t now_ns)
{
	int what = waiting(store);
	int r;

	if (what == 0 && store->sent.count == 0)
		return 0;
	/* What is tried again says nothing new each time. */
	db_quiet(store->stats.error != 0 || store->upkeep.error != 0);
	r = transaction_run(&store->upkeep.of, write_all, store);
	db_quiet(false);
	if (r < 0)
		return note_error(store, r, now_ns);
	if (store->stats.error != 0)
		log_notice("database: samples are committed again");
	store->stats.error = 0;
	store->stats.error_since_ns = 0;
	settle(store);
	return what;
}

void store_get_stats(const struct store *store, struct store_stats *ret_stats)
{
	*ret_stats = store->stats;
	expire_get_limits(store->expire, &ret_stats->limits);
	ret_stats->pending = store->queue.count;
}

struct forgetting {
	struct store *store;
	int64_t vm, now_ns;
};

static int forget_one(void *ctx)
{
	struct forgetting *f = ctx;

	return expire_vm(f->store->expire, f->vm, f->now_ns);
}

int store_set_limits(struct store *store, const struct expire_limits *limits, int64_t now_ns)
{
	struct forgetting forgetting = { .store = store, .now_ns = now_ns };
	struct vm **slot = &store->vms;
	int r = 0;

	expire_set_limits(store->expire, limits);
	while (*slot && r >= 0) {
		struct vm *vm = *slot;

		forgetting.vm = vm->id;
		r = transaction_run(&store->upkeep.of, forget_one, &forgetting);
		if (r > 0) {
			*slot = vm->next;
			free_vm(vm);
		} else {
			slot = &vm->next;
		}
	}
	return r < 0 ? r : 0;
}

int store_work(struct store *store, int64_t now_ns)
{
	/* Without room for samples there is none for moving them. */
	return store->stats.error ? 0 : upkeep_step(&store->upkeep, now_ns);
}

void store_set_age(struct store *store, int64_t now_ns)
{
	store->upkeep.age_ns = now_ns;
}

static int64_t newest_of(const struct boot *boot, int64_t newest_ns)
{
	for (int source = 0; boot && source < SOURCES; source++) {
		if (boot->last_t_ns[source] > newest_ns)
			newest_ns = boot->last_t_ns[source];
	}
	return newest_ns;
}

int64_t store_newest_ns(const struct store *store)
{
	int64_t newest_ns = 0;

	for (const struct vm *vm = store->vms; vm; vm = vm->next)
		newest_ns = newest_of(vm->boot, newest_of(vm->earlier, newest_ns));
	return newest_ns;
}
