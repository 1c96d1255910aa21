/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/storebench/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/store/db.h"
#include "daemon/store/seal.h"
#include "daemon/store/store.h"

#define S 1000000000LL

/* Where each VM begins in the trace, so that they do not all do the same. */
#define APART_S 37

/*
 * So many commits a second apart tell what they take; what is left of a long trace comes in
 * commits that are further apart, as the disk would take minutes for these.
 */
#define TIMED_S 7200
#define REST_S 60

/* A VM that replays the trace. */
struct lane {
	struct boot *boot;
	size_t next;
	uint64_t sequence[SOURCES];
};

static int work_for_a_while(struct store *store, int64_t now_ns)
{
	int64_t until_ns = monotonic_ns() + WORK_NS;
	int r;

	while ((r = store_work(store, now_ns)) > 0 && monotonic_ns() < until_ns)
		;
	return r;
}

/* All of a VM's samples up to @t_ns of the trace. */
static int add_until(struct store *store, const struct trace *trace, struct lane *lane,
		     int64_t t_ns)
{
	int r = 0;

	for (; lane->next < trace->count && r == 0; lane->next++) {
		const struct trace_row *row = &trace->rows[lane->next];

		if ((int64_t)row->sample.t_wall_ns >= t_ns)
			break;
		r = store_add(store, lane->boot, row->source, &row->sample);
	}
	return r;
}

static int new_lanes(struct store *store, const struct trace *trace, unsigned int vms,
		     struct lane *lanes)
{
	const struct boot *of = &trace->boot;

	for (unsigned int i = 0; i < vms; i++) {
		char key[32];
		struct vm *vm;

		snprintf(key, sizeof(key), vms > 1 ? "vm%u" : "vm", i);
		vm = store_vm(store, key, key);
		lanes[i].boot = vm ? store_boot(store, vm, of->cause, "life", of->opened_ns) : NULL;
		if (!lanes[i].boot)
			return -ENOMEM;
		lanes[i].boot->vcpus = of->vcpus;
		lanes[i].boot->tsc_khz = of->tsc_khz;
		lanes[i].boot->reason_namespace = of->reason_namespace;
		lanes[i].next = (size_t)i * APART_S % (trace->count / 2 + 1);
		store_boot_changed(store, lanes[i].boot);
	}
	return 0;
}

/* Seal what waits for its time, as a later day would. */
static int settle(struct store *store, int64_t now_ns)
{
	int r;

	while ((r = store_work(store, now_ns + SEAL_AGE_NS + 2 * S)) > 0)
		;
	return r;
}

static int print_size(const char *path, const char *when)
{
	static const struct {
		const char *name, *sql;
	} sizes[] = {
		{ "chunk_bytes", "SELECT coalesce(sum(bytes), 0) FROM chunk WHERE tier = 0" },
		{ "rollup_bytes", "SELECT coalesce(sum(bytes), 0) FROM chunk WHERE tier > 0" },
		{ "chunk_samples", "SELECT coalesce(sum(samples), 0) FROM chunk WHERE tier = 0" },
		{ "journal_bytes", "SELECT coalesce(sum(pgsize), 0) FROM dbstat"
				   " WHERE name IN ('journal', 'journal_end')" },
		{ "file_bytes", "SELECT (page_count - freelist_count) * page_size"
				" FROM pragma_page_count, pragma_freelist_count, pragma_page_size" },
	};
	struct sqlite3 *db;
	int64_t n;
	int r = db_open_reader(path, &db);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && r == 0; i++) {
		r = db_number(db, sizes[i].sql, &n);
		if (r == 0)
			printf("%s%s=%" PRId64 "\n", when, sizes[i].name, n);
	}
	(void)sqlite3_close(db);
	return r;
}

static uint64_t values_added(const struct trace *trace, const struct lane *lanes,
			     unsigned int vms)
{
	uint64_t rows = 0;

	for (unsigned int i = 0; i < vms; i++)
		rows += lanes[i].next - (size_t)i * APART_S % (trace->count / 2 + 1);
	return (uint64_t)((double)rows * trace->values / trace->count);
}

/* Each VM's samples of @second seconds, committed; and background work. */
static int commit(struct store *store, const struct trace *trace, struct lane *lanes,
		  unsigned int vms, unsigned int second, int64_t *ret_t_ns)
{
	int r = 0;

	for (unsigned int v = 0; v < vms && r >= 0; v++) {
		size_t first = (size_t)v * APART_S % (trace->count / 2 + 1);

		*ret_t_ns = trace->rows[first].sample.t_wall_ns + second * S - S / 2;
		r = add_until(store, trace, &lanes[v], *ret_t_ns);
	}
	if (r >= 0)
		r = store_flush(store, *ret_t_ns);
	return r < 0 ? r : work_for_a_while(store, *ret_t_ns);
}

int ingest(const struct trace *trace, const char *path, unsigned int vms, unsigned int seconds)
{
	struct lane *lanes = calloc(vms, sizeof(*lanes));
	struct store *store = NULL;
	double cpu, wall;
	uint64_t values, all_values;
	unsigned int timed;
	int64_t t = 0;
	int r = lanes ? store_open(path, &store) : -ENOMEM;

	if (r == 0)
		r = new_lanes(store, trace, vms, lanes);
	if (r == 0 && seconds == 0)
		seconds = (trace->rows[trace->count - 1].sample.t_wall_ns -
			   trace->rows[0].sample.t_wall_ns) / S + 2;
	cpu = cpu_s();
	wall = monotonic_ns();
	timed = seconds < TIMED_S ? seconds : TIMED_S;
	for (unsigned int i = 0; i < timed && r >= 0; i++)
		r = commit(store, trace, lanes, vms, i + 1, &t);
	cpu = cpu_s() - cpu;
	wall = monotonic_ns() - wall;
	values = r < 0 ? 0 : values_added(trace, lanes, vms);
	for (unsigned int i = timed; i < seconds && r >= 0; i += REST_S)
		r = commit(store, trace, lanes, vms, i + REST_S, &t);
	all_values = r < 0 ? 0 : values_added(trace, lanes, vms);
	if (r >= 0)
		r = print_size(path, "unsettled_");
	if (r >= 0)
		r = settle(store, t);
	store_free(store);
	free(lanes);
	if (r < 0)
		return r;
	printf("values=%" PRIu64 "\ntimed_values=%" PRIu64 "\ncommits=%u\ncpu_s=%.3f\nwall_s=%.3f\n",
	       all_values, values, timed, cpu, wall / 1e9);
	return print_size(path, "");
}
