/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/livebench/livebench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/store/store.h"

#define S 1000000000LL

static int add_second(struct store *store, struct boot **boots, unsigned int vms, int64_t t_ns,
		      unsigned int second)
{
	int r = 0;

	for (unsigned int i = 0; i < vms && r == 0; i++) {
		struct sample sample = {
			.sequence = (second + 1) * 1000000ULL,
			.t_boot_ns = (second + 1) * (uint64_t)S,
			.t_wall_ns = t_ns + i * 1000,
			.has = SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY,
			.exits = second * (i + 1ULL),
			.handling_cycles = second * 20000ULL * (i + 1),
			.away_cycles = second * 40000ULL * (i + 1),
		};

		r = store_add(store, boots[i], SOURCE_GUEST, &sample);
		if (r == 0)
			r = store_add(store, boots[i], SOURCE_HOST, &sample);
	}
	return r;
}

static int new_boots(struct store *store, struct boot **boots, unsigned int vms, int64_t t_ns)
{
	for (unsigned int i = 0; i < vms; i++) {
		char key[32];
		struct vm *vm;

		snprintf(key, sizeof(key), "vm%u", i);
		vm = store_vm(store, key, key);
		boots[i] = vm ? store_boot(store, vm, BOOT_CREATED, "life", t_ns) : NULL;
		if (!boots[i])
			return -ENOMEM;
		vm->state = VM_RUNNING;
		vm->dirty = true;
		boots[i]->vcpus = 2;
		boots[i]->tsc_khz = 2000000;
		store_boot_changed(store, boots[i]);
	}
	return 0;
}

int fill(const char *path, unsigned int vms, unsigned int seconds)
{
	struct boot **boots = calloc(vms, sizeof(*boots));
	int64_t from_ns = (time(NULL) - (int64_t)seconds) * S, t_ns = from_ns;
	struct store *store = NULL;
	int r = boots ? store_open(path, &store) : -ENOMEM;

	if (r == 0)
		r = new_boots(store, boots, vms, from_ns - S);
	for (unsigned int second = 0; second < seconds && r >= 0; second++, t_ns += S) {
		r = add_second(store, boots, vms, t_ns, second);
		if (r == 0)
			r = store_flush(store, t_ns);
		while (r >= 0 && (r = store_work(store, t_ns)) > 0)
			;
	}
	store_free(store);
	free(boots);
	return r < 0 ? r : 0;
}
