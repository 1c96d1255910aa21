/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Phases by what is known of a boot: marks, samples, how it began, and lies. */
#include "daemon/query/bootphase.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/store/store.h"
#include "daemon/store/testdb.h"
#include "daemon/store/testsample.h"
#include "guest-agent/shared/log.h"
#include "guest-agent/shared/tap.h"

#define S 1000000000LL
#define T0 (1763874000 * S)
#define MARKS 8

struct mark_at {
	const char *label;		/* NULL: no more */
	double t;			/* seconds after T0 */
};

/* One boot, opened at T0. */
struct history {
	const char *what;
	enum boot_cause cause;
	double closed;			/* 0: open */
	struct mark_at marks[MARKS];
	double sample, uptime;		/* the guest's first one; 0: none */
	const char *phases;		/* "name from, name from" */
};

static const struct history histories[] = {
	{ "all marks", BOOT_CREATED, 60,
	  { { "kernel", 2 }, { "initramfs", 3 }, { "userspace", 5 }, { "finished", 20 } }, 4, 2,
	  "firmware 0.00, kernel 2.00, initramfs 3.00, userspace 5.00, running 20.00" },
	{ "a guest without initramfs", BOOT_CREATED, 0, { { "kernel", 2 }, { "userspace", 5 } }, 0, 0,
	  "firmware 0.00, kernel 2.00, userspace 5.00" },
	{ "a reset", BOOT_REBOOT, 0, { { "kernel", 2 }, { "initramfs", 3 } }, 0, 0,
	  "firmware 0.00, kernel 2.00, initramfs 3.00" },
	{ "nothing known", BOOT_CREATED, 0, { { 0 } }, 0, 0, "unknown 0.00" },
	{ "an agent that only samples", BOOT_CREATED, 0, { { 0 } }, 30, 26,
	  "firmware 0.00, unknown 4.00" },
	{ "a mark of the kernel alone", BOOT_CREATED, 0, { { "kernel", 4 } }, 30, 26,
	  "firmware 0.00, unknown 4.00" },
	{ "the kernel's mark before a sample's word", BOOT_CREATED, 0,
	  { { "kernel", 2 }, { "userspace", 5 } }, 10, 9, "firmware 0.00, kernel 2.00, userspace 5.00" },
	{ "a sample in the place of the kernel's mark", BOOT_CREATED, 0, { { "userspace", 5 } }, 10, 9,
	  "firmware 0.00, kernel 1.00, userspace 5.00" },
	{ "a guest that has run for long", BOOT_FOUND, 0,
	  { { "kernel", -900 }, { "initramfs", -899 }, { "userspace", -890 }, { "finished", -880 } }, 1,
	  901, "running 0.00" },
	{ "one found while it booted", BOOT_FOUND, 0,
	  { { "kernel", -3 }, { "initramfs", -2 }, { "userspace", 1 }, { "finished", 9 } }, 1, 4,
	  "initramfs 0.00, userspace 1.00, running 9.00" },
	{ "one found, that only samples", BOOT_FOUND, 0, { { 0 } }, 1, 900, "unknown 0.00" },
	{ "one that only its kernel opened", BOOT_GUEST, 0,
	  { { "kernel", 0.01 }, { "userspace", 2 }, { "finished", 9 } }, 3, 2.99,
	  "kernel 0.00, userspace 2.00, running 9.00" },
	{ "another agent, which says it again", BOOT_CREATED, 0,
	  { { "kernel", 2 }, { "userspace", 5 }, { "kernel", 2.1 }, { "finished", 7 },
	    { "userspace", 5.3 }, { "finished", 90 } }, 0, 0,
	  "firmware 0.00, kernel 2.00, userspace 5.00, running 7.00" },
	{ "an end before they all came", BOOT_CREATED, 4,
	  { { "kernel", 2 }, { "initramfs", 3 }, { "userspace", 5 }, { "finished", 20 } }, 0, 0,
	  "firmware 0.00, kernel 2.00, initramfs 3.00" },
	{ "marks in a wrong order", BOOT_CREATED, 0,
	  { { "finished", 2 }, { "userspace", 4 }, { "kernel", 6 }, { "initramfs", 5 } }, 0, 0,
	  "firmware 0.00, running 6.00" },
	{ "words that are no phases", BOOT_CREATED, 0,
	  { { "firmware", 1 }, { "running", 2 }, { "Kernel", 3 }, { "kernel\n", 4 } }, 0, 0,
	  "unknown 0.00" },
	{ "an uptime beyond all times", BOOT_CREATED, 0, { { 0 } }, 30, 1e10, "unknown 0.00" },
};

#define HISTORIES (sizeof(histories) / sizeof(histories[0]))

static void add_marks(struct store *store, struct boot *boot, const struct mark_at *marks)
{
	for (size_t i = 0; i < MARKS && marks[i].label; i++) {
		struct mark mark = { .sequence = 1000 + i,
				     .t_ns = T0 + (int64_t)(marks[i].t * S),
				     .kind = PROTO_MARK_PHASE };

		snprintf(mark.label, sizeof(mark.label), "%s", marks[i].label);
		if (store_add_mark(store, boot, &mark) < 0)
			abort();
	}
}

static void add_sample(struct store *store, struct boot *boot, double t, double uptime)
{
	struct sample sample = testsample(1, 1000);

	sample.t_wall_ns = T0 + (int64_t)(t * S);
	sample.t_boot_ns = (uint64_t)(uptime * S);
	if (store_add(store, boot, SOURCE_GUEST, &sample) < 0)
		abort();
}

static void fill(const char *path)
{
	struct store *store;
	char key[32];

	if (store_open(path, &store) < 0)
		abort();
	for (size_t i = 0; i < HISTORIES; i++) {
		const struct history *h = &histories[i];
		struct boot *boot;

		snprintf(key, sizeof(key), "%zu", i);
		boot = store_boot(store, store_vm(store, key, key), h->cause, "life", T0);
		if (h->sample > 0)
			add_sample(store, boot, h->sample, h->uptime);
		add_marks(store, boot, h->marks);
		boot->closed_ns = h->closed > 0 ? T0 + (int64_t)(h->closed * S) : 0;
		store_boot_changed(store, boot);
	}
	store_free(store);
}

static const char *text_of(const struct bootphases *phases)
{
	static char text[256];
	size_t len = 0;

	for (size_t i = 0; i < phases->count; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%s %.2f", i ? ", " : "",
				bootphase_name(phases->at[i].name),
				(phases->at[i].from_ns - T0) / 1e9);
	return text;
}

static const char *read_phases(struct query *query, const char *key, uint32_t number)
{
	struct bootphases phases;
	struct query_vm vm;
	struct boot boot;

	if (query_vm(query, key, &vm) < 0 || query_boot(query, vm.id, number, &boot) < 0 ||
	    bootphase_read(query, &boot, &phases) < 0)
		return "not read";
	return text_of(&phases);
}

/* A guest in another life: restored in its userspace, and again when it had finished. */
static void fill_lives(const char *path)
{
	static const struct mark_at first[MARKS] = { { "kernel", -90 }, { "initramfs", -89 },
						     { "userspace", -80 } },
				    /* An agent that begins anew there says again what it knows. */
				    second[MARKS] = { { "userspace", 3 }, { "finished", 5 } };
	struct store *store;
	struct boot *boot;
	struct vm *vm;

	if (store_open(path, &store) < 0)
		abort();
	vm = store_vm(store, "lives", "lives");
	for (int i = 0; i < 4; i++) {
		boot = store_boot(store, vm, i ? BOOT_RESUMED : BOOT_CREATED, "life",
				  T0 + (i ? 10 * i - 10 : -100) * S);
		boot->has_guest_boot_id = true;
		/* The last one is of another guest. */
		boot->guest_boot_id[0] = i == 3;
		store_boot_changed(store, boot);
		add_marks(store, boot, i == 0 ? first : i == 1 ? second : (struct mark_at[MARKS]){ { 0 } });
		(void)store_flush(store, T0);
	}
	store_free(store);
}

int main(void)
{
	struct query *query;
	const char *found;
	char path[300], key[32];

	log_init("bootphase_test", LOG_ERROR - 1);
	if (!testdb_make())
		return 1;
	testdb_path(path, sizeof(path), "vmexit.db");
	fill(path);
	fill_lives(path);
	if (query_open(path, &query) < 0)
		abort();
	for (size_t i = 0; i < HISTORIES; i++) {
		snprintf(key, sizeof(key), "%zu", i);
		found = read_phases(query, key, 1);
		if (!ok(strcmp(found, histories[i].phases) == 0, "%s", histories[i].what))
			printf("# %s\n# instead of %s\n", found, histories[i].phases);
	}
	ok(strcmp(read_phases(query, "lives", 2), "userspace 0.00, running 5.00") == 0,
	   "a restored guest goes on in the phase that it was in");
	ok(strcmp(read_phases(query, "lives", 3), "running 10.00") == 0, "over several lives");
	ok(strcmp(read_phases(query, "lives", 4), "unknown 20.00") == 0, "but not another guest's");
	query_free(query);
	testdb_remove("");
	return done_testing();
}
