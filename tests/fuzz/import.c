/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any file given to vmexitctl import: the real readers, on a store that keeps nothing and
 * checks what it is given as the real one may expect it. The first byte says in which
 * pieces the file comes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/import/import.h"
#include "guest-agent/shared/log.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct store {
	struct vm *vms;
	int64_t ids;
};

static void check(bool good)
{
	if (!good)
		abort();
}

/* ---- the store ---- */

int store_open(const char *path, struct store **ret_store)
{
	(void)path;
	*ret_store = calloc(1, sizeof(**ret_store));
	return *ret_store ? 0 : -1;
}

void store_free(struct store *store)
{
	while (store && store->vms) {
		struct vm *vm = store->vms;

		store->vms = vm->next;
		free(vm->boot);
		free(vm);
	}
	free(store);
}

struct vm *store_vm(struct store *store, const char *key, const char *name)
{
	struct vm *vm = store->vms;

	check(*key && strlen(key) <= RECORD_KEY_MAX && strlen(name) <= RECORD_NAME_MAX);
	while (vm && strcmp(vm->key, key) != 0)
		vm = vm->next;
	if (vm)
		return vm;
	vm = calloc(1, sizeof(*vm));
	check(vm);
	strcpy(vm->key, key);
	strcpy(vm->name, name);
	vm->next = store->vms;
	store->vms = vm;
	return vm;
}

struct boot *store_boot(struct store *store, struct vm *vm, enum boot_cause cause,
			const char *life, int64_t opened_ns)
{
	struct boot *boot = calloc(1, sizeof(*boot));

	check(boot && strlen(life) <= RECORD_LIFE_MAX);
	boot->id = ++store->ids;
	boot->cause = cause;
	boot->opened_ns = opened_ns;
	boot->number = vm->boot ? vm->boot->number + 1 : 1;
	free(vm->boot);
	vm->boot = boot;
	return boot;
}

void store_boot_changed(struct store *store, struct boot *boot)
{
	(void)store;
	check(boot);
}

static void next(struct boot *boot, enum sample_source source, uint64_t from, uint64_t to)
{
	check(boot && source < SOURCES && from > boot->last_sequence[source] && to >= from &&
	      to <= INT64_MAX);
	boot->last_sequence[source] = to;
}

int store_add_stored(struct store *store, struct boot *boot, enum sample_source source,
		     const struct sample *sample)
{
	(void)store;
	next(boot, source, sample->sequence, sample->sequence);
	boot->last_t_ns[source] = sample->t_wall_ns;
	check(sample->detail_len <= FRAME_PAYLOAD_MAX &&
	      detail_is_valid(sample->detail, sample->detail_len));
	check(sample->workload.mask >> WORKLOAD_COUNT == 0);
	return 0;
}

int store_add_mark(struct store *store, struct boot *boot, const struct mark *mark)
{
	(void)store;
	next(boot, SOURCE_GUEST, mark->sequence, mark->sequence);
	check(strlen(mark->label) <= PROTO_LABEL_MAX);
	return 0;
}

int store_add_gap(struct store *store, struct boot *boot, enum sample_source source,
		  const struct range *gap)
{
	(void)store;
	next(boot, source, gap->from, gap->to);
	return 0;
}

int store_add_quarantine(struct store *store, struct boot *boot, const struct range *range,
			 const struct sample *claim)
{
	(void)store;
	check(claim);
	next(boot, SOURCE_GUEST, range->from, range->to);
	return 0;
}

bool store_is_full(const struct store *store)
{
	(void)store;
	return false;
}

int store_flush(struct store *store, int64_t now_ns)
{
	(void)store;
	(void)now_ns;
	return 0;
}

int store_work(struct store *store, int64_t now_ns)
{
	(void)store;
	(void)now_ns;
	return 0;
}

/* ---- the file ---- */

struct input {
	const uint8_t *data;
	size_t left, piece;
};

static ssize_t give(void *ctx, char *buf, size_t size)
{
	struct input *in = ctx;
	size_t n = in->left < in->piece ? in->left : in->piece;

	n = n < size ? n : size;
	memcpy(buf, in->data, n);
	in->data += n;
	in->left -= n;
	return n;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_init("import", LOG_ERROR - 1);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .data = data + 1, .left = size - 1 };
	struct csvread *reader;
	struct rebuild *rebuild;
	char error[256];

	if (size == 0)
		return 0;
	in.piece = data[0] ? data[0] : 65536;
	reader = csvread_new(give, &in);
	if (!reader || rebuild_new("", &rebuild) < 0)
		abort();
	(void)import_csv(reader, rebuild, NULL, NULL, error, sizeof(error));
	rebuild_free(rebuild);
	csvread_free(reader);
	return 0;
}
