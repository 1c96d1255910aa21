/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/db.h"
#include "guest-agent/shared/log.h"

/* Samples are kept in chunks, so that a queue that never fills stays small. */
#define CHUNK 256

struct pending {
	struct boot *boot;
	enum sample_source source;
	struct sample sample;
};

struct chunk {
	struct chunk *next;
	size_t count;
	struct pending pending[CHUNK];
};

struct store {
	sqlite3 *db;
	int lock;
	sqlite3_stmt *put_vm;
	sqlite3_stmt *put_boot;
	sqlite3_stmt *add_sample;
	struct vm *vms;
	int64_t next_vm_id;
	int64_t next_boot_id;
	struct boot *dirty_boots;
	struct chunk *first, *last;
	struct store_stats stats;
};

static const char sql_put_vm[] =
	"INSERT INTO vm (id, key, name, state, agent, leaf, error) VALUES (?1,?2,?3,?4,?5,?6,?7)"
	" ON CONFLICT (id) DO UPDATE SET name=?3, state=?4, agent=?5, leaf=?6, error=?7";

static const char sql_put_boot[] =
	"INSERT INTO boot (id, vm, number, life, cause, opened_ns, closed_ns, guest_boot_id,"
	" kernel, agent, vcpus, tsc_khz, reason_namespace)"
	" VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)"
	" ON CONFLICT (id) DO UPDATE SET life=?4, cause=?5, closed_ns=?7, guest_boot_id=?8,"
	" kernel=?9, agent=?10, vcpus=?11, tsc_khz=?12, reason_namespace=?13";

static const char sql_add_sample[] =
	"INSERT OR IGNORE INTO sample (boot, source, sequence, t_ns, t_boot_ns, exits,"
	" handling_cycles"
#define X(identifier, type, unit) ", " #identifier
	WORKLOAD_MAP(X)
#undef X
	") VALUES (?,?,?,?,?,?,?"
#define X(identifier, type, unit) ",?"
	WORKLOAD_MAP(X)
#undef X
	")";

#define SAMPLE_FIXED_PARAMETERS 7

static const char sql_load_vms[] =
	"SELECT id, key, name, leaf FROM vm ORDER BY name DESC";

static const char sql_load_boot[] =
	"SELECT id, number, life, cause, opened_ns, closed_ns, guest_boot_id, kernel, agent,"
	" vcpus, tsc_khz, reason_namespace FROM boot WHERE vm = ? ORDER BY number DESC LIMIT 1";

static const char sql_load_last[] =
	"SELECT sequence, t_ns, exits FROM sample WHERE boot = ? AND source = ?"
	" ORDER BY sequence DESC LIMIT 1";

static void set_text(char *to, size_t size, const void *from)
{
	const char *text = from ? from : "";
	size_t len = strnlen(text, size - 1);

	memcpy(to, text, len);
	to[len] = '\0';
}

static int load_last(struct store *store, struct boot *boot, enum sample_source source)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(store->db, sql_load_last, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return db_error(store->db, "cannot read the last sample", rc);
	rc = sqlite3_bind_int64(stmt, 1, boot->id);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int(stmt, 2, source);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		boot->last_sequence[source] = sqlite3_column_int64(stmt, 0);
		boot->committed[source] = boot->last_sequence[source];
		boot->last_t_ns[source] = sqlite3_column_int64(stmt, 1);
		boot->last_exits[source] = sqlite3_column_int64(stmt, 2);
	}
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW || rc == SQLITE_DONE
		       ? 0
		       : db_error(store->db, "cannot read the last sample", rc);
}

static int read_boot(struct store *store, sqlite3_stmt *stmt, struct vm *vm)
{
	struct boot *boot = calloc(1, sizeof(*boot));

	if (!boot)
		return -ENOMEM;
	boot->id = sqlite3_column_int64(stmt, 0);
	boot->vm_id = vm->id;
	boot->number = sqlite3_column_int64(stmt, 1);
	set_text(boot->life, sizeof(boot->life), sqlite3_column_text(stmt, 2));
	boot->cause = sqlite3_column_int(stmt, 3);
	boot->opened_ns = sqlite3_column_int64(stmt, 4);
	boot->closed_ns = sqlite3_column_int64(stmt, 5);
	if (sqlite3_column_bytes(stmt, 6) == PROTO_BOOT_ID_SIZE) {
		memcpy(boot->guest_boot_id, sqlite3_column_blob(stmt, 6), PROTO_BOOT_ID_SIZE);
		boot->has_guest_boot_id = true;
	}
	set_text(boot->kernel, sizeof(boot->kernel), sqlite3_column_text(stmt, 7));
	set_text(boot->agent, sizeof(boot->agent), sqlite3_column_text(stmt, 8));
	boot->vcpus = sqlite3_column_int64(stmt, 9);
	boot->tsc_khz = sqlite3_column_int64(stmt, 10);
	boot->reason_namespace = sqlite3_column_int64(stmt, 11);
	boot->users = 1;
	vm->boot = boot;
	for (int source = 0; source < SOURCES; source++) {
		int r = load_last(store, boot, source);

		if (r < 0)
			return r;
	}
	return 0;
}

static int load_boot(struct store *store, struct vm *vm)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(store->db, sql_load_boot, -1, &stmt, NULL);
	int r = 0;

	if (rc == SQLITE_OK) {
		rc = sqlite3_bind_int64(stmt, 1, vm->id);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW)
			r = read_boot(store, stmt, vm);
		sqlite3_finalize(stmt);
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return db_error(store->db, "cannot read the boots", rc);
	return r;
}

static struct vm *add_vm(struct store *store, int64_t id, const char *key, const char *name)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	vm->id = id;
	set_text(vm->key, sizeof(vm->key), key);
	set_text(vm->name, sizeof(vm->name), name);
	vm->next = store->vms;
	store->vms = vm;
	return vm;
}

static int load_vms(struct store *store)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(store->db, sql_load_vms, -1, &stmt, NULL);
	int r = 0;

	if (rc != SQLITE_OK)
		return db_error(store->db, "cannot read the VMs", rc);
	while (r == 0 && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct vm *vm = add_vm(store, sqlite3_column_int64(stmt, 0),
				       (const char *)sqlite3_column_text(stmt, 1),
				       (const char *)sqlite3_column_text(stmt, 2));

		if (!vm) {
			r = -ENOMEM;
			break;
		}
		/* What a VM does now is for its sources to say; nobody has yet. */
		vm->state = VM_UNKNOWN;
		vm->agent = AGENT_NO_CHANNEL;
		vm->leaf = sqlite3_column_int(stmt, 3);
		vm->dirty = true;
		if (vm->id >= store->next_vm_id)
			store->next_vm_id = vm->id + 1;
		r = load_boot(store, vm);
	}
	sqlite3_finalize(stmt);
	if (r == 0 && rc != SQLITE_DONE)
		return db_error(store->db, "cannot read the VMs", rc);
	return r;
}

static int load_next_boot_id(struct store *store)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(store->db, "SELECT coalesce(max(id), 0) + 1 FROM boot", -1,
				    &stmt, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(stmt);
		if (rc == SQLITE_ROW)
			store->next_boot_id = sqlite3_column_int64(stmt, 0);
		sqlite3_finalize(stmt);
	}
	return rc == SQLITE_ROW ? 0 : db_error(store->db, "cannot read the boots", rc);
}

static int prepare(struct store *store, const char *sql, sqlite3_stmt **ret_stmt)
{
	int rc = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_stmt, NULL);

	return rc == SQLITE_OK ? 0 : db_error(store->db, "cannot prepare a statement", rc);
}

int store_open(const char *path, struct store **ret_store)
{
	struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return -ENOMEM;
	store->lock = -1;
	store->next_vm_id = 1;
	r = db_open_writer(path, &store->db, &store->lock);
	if (r == 0)
		r = prepare(store, sql_put_vm, &store->put_vm);
	if (r == 0)
		r = prepare(store, sql_put_boot, &store->put_boot);
	if (r == 0)
		r = prepare(store, sql_add_sample, &store->add_sample);
	if (r == 0)
		r = load_next_boot_id(store);
	if (r == 0)
		r = load_vms(store);
	if (r < 0) {
		store_free(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

static void drop_boot(struct boot *boot)
{
	if (boot && --boot->users == 0)
		free(boot);
}

static void mark_boot(struct store *store, struct boot *boot)
{
	boot->users++;
	boot->dirty = true;
	boot->next_dirty = store->dirty_boots;
	store->dirty_boots = boot;
}

static void drop_pending(struct store *store)
{
	while (store->first) {
		struct chunk *chunk = store->first;

		for (size_t i = 0; i < chunk->count; i++)
			drop_boot(chunk->pending[i].boot);
		store->first = chunk->next;
		free(chunk);
	}
	store->last = NULL;
	store->stats.pending = 0;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	if (store->add_sample)
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
		drop_boot(vm->boot);
		free(vm);
	}
	sqlite3_finalize(store->put_vm);
	sqlite3_finalize(store->put_boot);
	sqlite3_finalize(store->add_sample);
	if (store->db)
		(void)sqlite3_close(store->db);
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
	vm = add_vm(store, store->next_vm_id, key, name);
	if (vm) {
		store->next_vm_id++;
		vm->dirty = true;
	}
	return vm;
}

struct boot *store_boot(struct store *store, struct vm *vm, enum boot_cause cause,
			const char *life, int64_t opened_ns)
{
	struct boot *boot = calloc(1, sizeof(*boot));

	if (!boot)
		return NULL;
	boot->id = store->next_boot_id++;
	boot->vm_id = vm->id;
	boot->number = vm->boot ? vm->boot->number + 1 : 1;
	set_text(boot->life, sizeof(boot->life), life);
	boot->cause = cause;
	boot->opened_ns = opened_ns;
	boot->users = 1;
	mark_boot(store, boot);
	drop_boot(vm->boot);
	vm->boot = boot;
	return boot;
}

void store_boot_changed(struct store *store, struct boot *boot)
{
	if (!boot->dirty)
		mark_boot(store, boot);
}

bool store_is_full(const struct store *store)
{
	return store->stats.pending >= STORE_PENDING_MAX;
}

int store_add(struct store *store, struct boot *boot, enum sample_source source,
	      const struct sample *sample)
{
	struct chunk *chunk = store->last;

	if (store_is_full(store)) {
		store->stats.refused++;
		return -ENOBUFS;
	}
	if (!chunk || chunk->count == CHUNK) {
		chunk = malloc(sizeof(*chunk));
		if (!chunk) {
			store->stats.refused++;
			return -ENOBUFS;
		}
		chunk->next = NULL;
		chunk->count = 0;
		if (store->last)
			store->last->next = chunk;
		else
			store->first = chunk;
		store->last = chunk;
	}
	chunk->pending[chunk->count++] = (struct pending){ boot, source, *sample };
	boot->users++;
	store->stats.pending++;
	return 0;
}

static int run(struct store *store, sqlite3_stmt *stmt, int rc, const char *what)
{
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	(void)sqlite3_reset(stmt);
	if (rc == SQLITE_DONE)
		return 0;
	/* A full disk is reported once, by store_flush(). */
	return (rc & 0xff) == SQLITE_FULL ? -ENOSPC : db_error(store->db, what, rc);
}

/* Zero stands for "not known" in a record, NULL in the database. */
static int bind_known(sqlite3_stmt *stmt, int index, int64_t value)
{
	return value ? sqlite3_bind_int64(stmt, index, value) : sqlite3_bind_null(stmt, index);
}

static int bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
	return sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC);
}

static int write_vm(struct store *store, const struct vm *vm)
{
	sqlite3_stmt *s = store->put_vm;
	int rc = sqlite3_bind_int64(s, 1, vm->id);

	rc = rc ? rc : bind_text(s, 2, vm->key);
	rc = rc ? rc : bind_text(s, 3, vm->name);
	rc = rc ? rc : sqlite3_bind_int(s, 4, vm->state);
	rc = rc ? rc : sqlite3_bind_int(s, 5, vm->agent);
	rc = rc ? rc : sqlite3_bind_int(s, 6, vm->leaf);
	rc = rc ? rc : bind_text(s, 7, vm->error);
	return run(store, s, rc, "cannot write a VM");
}

static int write_boot(struct store *store, const struct boot *boot)
{
	sqlite3_stmt *s = store->put_boot;
	int rc = sqlite3_bind_int64(s, 1, boot->id);

	rc = rc ? rc : sqlite3_bind_int64(s, 2, boot->vm_id);
	rc = rc ? rc : sqlite3_bind_int64(s, 3, boot->number);
	rc = rc ? rc : bind_text(s, 4, boot->life);
	rc = rc ? rc : sqlite3_bind_int(s, 5, boot->cause);
	rc = rc ? rc : sqlite3_bind_int64(s, 6, boot->opened_ns);
	rc = rc ? rc : bind_known(s, 7, boot->closed_ns);
	if (rc == SQLITE_OK)
		rc = boot->has_guest_boot_id
			     ? sqlite3_bind_blob(s, 8, boot->guest_boot_id, PROTO_BOOT_ID_SIZE,
						 SQLITE_STATIC)
			     : sqlite3_bind_null(s, 8);
	rc = rc ? rc : bind_text(s, 9, boot->kernel[0] ? boot->kernel : NULL);
	rc = rc ? rc : bind_text(s, 10, boot->agent[0] ? boot->agent : NULL);
	rc = rc ? rc : bind_known(s, 11, boot->vcpus);
	rc = rc ? rc : bind_known(s, 12, boot->tsc_khz);
	rc = rc ? rc : bind_known(s, 13, boot->reason_namespace);
	return run(store, s, rc, "cannot write a boot");
}

static int bind_if(sqlite3_stmt *stmt, int index, bool present, uint64_t value)
{
	return present ? sqlite3_bind_int64(stmt, index, (int64_t)value)
		       : sqlite3_bind_null(stmt, index);
}

static int write_sample(struct store *store, const struct pending *p)
{
	const struct sample *sample = &p->sample;
	sqlite3_stmt *s = store->add_sample;
	int rc = sqlite3_bind_int64(s, 1, p->boot->id);

	rc = rc ? rc : sqlite3_bind_int(s, 2, p->source);
	rc = rc ? rc : sqlite3_bind_int64(s, 3, sample->sequence);
	rc = rc ? rc : sqlite3_bind_int64(s, 4, sample->t_wall_ns);
	rc = rc ? rc : bind_if(s, 5, p->source == SOURCE_GUEST, sample->t_boot_ns);
	rc = rc ? rc : bind_if(s, 6, sample->has & SAMPLE_HAS_EXITS, sample->exits);
	rc = rc ? rc : bind_if(s, 7, sample->has & SAMPLE_HAS_HANDLING, sample->handling_cycles);
	for (int i = 0; i < WORKLOAD_COUNT && rc == SQLITE_OK; i++)
		rc = bind_if(s, SAMPLE_FIXED_PARAMETERS + 1 + i, sample->workload.mask >> i & 1,
			     sample->workload.value[i]);
	return run(store, s, rc, "cannot write a sample");
}

static int write_all(struct store *store)
{
	int r = 0;

	for (struct vm *vm = store->vms; vm && r == 0; vm = vm->next) {
		if (vm->dirty)
			r = write_vm(store, vm);
	}
	for (struct boot *boot = store->dirty_boots; boot && r == 0; boot = boot->next_dirty)
		r = write_boot(store, boot);
	for (struct chunk *chunk = store->first; chunk && r == 0; chunk = chunk->next) {
		for (size_t i = 0; i < chunk->count && r == 0; i++)
			r = write_sample(store, &chunk->pending[i]);
	}
	return r;
}

static int commit(struct store *store)
{
	int rc = sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	int r;

	if (rc != SQLITE_OK)
		return db_error(store->db, "cannot begin", rc);
	r = write_all(store);
	if (r == 0) {
		rc = sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
		if ((rc & 0xff) == SQLITE_FULL)
			r = -ENOSPC;
		else if (rc != SQLITE_OK)
			r = db_error(store->db, "cannot commit", rc);
	}
	/* SQLite may have rolled back by itself; then there is nothing to do. */
	if (r < 0 && !sqlite3_get_autocommit(store->db))
		(void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
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
	for (struct chunk *chunk = store->first; chunk; chunk = chunk->next) {
		for (size_t i = 0; i < chunk->count; i++) {
			struct pending *p = &chunk->pending[i];

			if (p->sample.sequence > p->boot->committed[p->source])
				p->boot->committed[p->source] = p->sample.sequence;
		}
	}
	drop_pending(store);
}

static int waiting(const struct store *store)
{
	int what = (store->first ? STORE_SAMPLES : 0) | (store->dirty_boots ? STORE_RECORDS : 0);

	for (const struct vm *vm = store->vms; vm; vm = vm->next) {
		if (vm->dirty)
			what |= STORE_RECORDS;
	}
	return what;
}

int store_flush(struct store *store, int64_t now_ns)
{
	int what = waiting(store);
	int r;

	if (what == 0)
		return 0;
	r = commit(store);
	if (r < 0) {
		if (store->stats.error == 0) {
			store->stats.error_since_ns = now_ns;
			log_error("database: samples cannot be committed (%s); what is stored is "
				  "safe, new samples wait, will retry",
				  r == -ENOSPC ? "the disk is full" : strerror(-r));
		}
		store->stats.error = r;
		return r;
	}
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
}
