/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/storebench/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/store/seal.h"
#include "daemon/store/store.h"

#define S 1000000000LL

struct load {
	const struct trace *trace;
	struct store *store;
	struct boot **boots;
	unsigned int vms;
	bool together;
};

/* The second in which VM @i begins. */
static unsigned int begins(const struct load *l, unsigned int i)
{
	return l->together ? 0 : (uint64_t)i * SEAL_SAMPLES / l->vms;
}

static int add_half(const struct load *l, unsigned int tick)
{
	unsigned int second = tick / 2;
	int r = 0;

	for (unsigned int i = tick % 2; i < l->vms && r == 0; i += 2) {
		struct sample sample;

		if (second < begins(l, i))
			continue;
		/* Of another second each, so that they do not all do the same. */
		sample = l->trace->rows[second - begins(l, i) + i % 1000].sample;
		sample.t_wall_ns = TRACE_T0_NS + tick * (S / 2) + sample.t_wall_ns % 1000000;
		r = store_add(l->store, l->boots[i], SOURCE_GUEST, &sample);
	}
	return r;
}

static int new_vms(struct load *l)
{
	for (unsigned int i = 0; i < l->vms; i++) {
		char key[32];
		struct vm *vm;

		snprintf(key, sizeof(key), "vm%u", i);
		vm = store_vm(l->store, key, key);
		l->boots[i] = vm ? store_boot(l->store, vm, BOOT_CREATED, "life", TRACE_T0_NS - S)
				 : NULL;
		if (!l->boots[i])
			return -ENOMEM;
	}
	return store_flush(l->store, TRACE_T0_NS);
}

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void print_times(const char *what, int64_t *ns, size_t count)
{
	static const struct {
		const char *name;
		double part;
	} parts[] = { { "p50", 0.5 }, { "p99", 0.99 }, { "p999", 0.999 }, { "max", 1 } };

	qsort(ns, count, sizeof(*ns), by_size);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		printf("%s_ms_%s=%.2f\n", what, parts[i].name,
		       ns[(size_t)(parts[i].part * (count - 1))] / 1e6);
}

static double part_s[3];			/* CPU: adding, commits, background work */

/* One tick of the daemon's timer, as on_flush() in daemon/main.c; the times it took. */
static int tick(const struct load *l, int64_t now_ns, int64_t *ret_commit_ns, int64_t *ret_step_ns,
		int64_t *ret_work_ns)
{
	int64_t began = monotonic_ns(), step = began;
	double cpu = cpu_s();
	int r = store_flush(l->store, now_ns);

	*ret_commit_ns = monotonic_ns() - began;
	part_s[1] += cpu_s() - cpu;
	cpu = cpu_s();
	*ret_step_ns = 0;
	began = monotonic_ns();
	while (r >= 0) {
		step = monotonic_ns();
		r = store_work(l->store, now_ns);
		step = monotonic_ns() - step;
		*ret_step_ns = step > *ret_step_ns ? step : *ret_step_ns;
		if (r <= 0 || monotonic_ns() - began >= WORK_NS)
			break;
	}
	*ret_work_ns = monotonic_ns() - began;
	part_s[2] += cpu_s() - cpu;
	return r;
}

static int run(struct load *l, unsigned int ticks)
{
	int64_t *ns = calloc(3 * (size_t)ticks, sizeof(*ns));
	uint64_t values = 0;
	double cpu = cpu_s(), wall = monotonic_ns();
	int r = ns ? new_vms(l) : -ENOMEM;

	for (unsigned int i = 0; i < ticks && r >= 0; i++) {
		r = add_half(l, i);
		if (r >= 0)
			r = tick(l, TRACE_T0_NS + i * (S / 2), &ns[i], &ns[ticks + i],
				 &ns[2 * (size_t)ticks + i]);
	}
	if (r >= 0) {
		for (unsigned int i = 0; i < l->vms; i++) {
			if (l->boots[i]->committed[SOURCE_GUEST])
				values += l->boots[i]->committed[SOURCE_GUEST] - i % 1000;
		}
		values *= l->trace->values / l->trace->count;
		cpu = cpu_s() - cpu;
		part_s[0] = cpu - part_s[1] - part_s[2];
		printf("cpu_add_s=%.3f\ncpu_commit_s=%.3f\ncpu_work_s=%.3f\n", part_s[0],
		       part_s[1], part_s[2]);
		printf("vms=%u\ncommits=%u\nvalues=%" PRIu64 "\ncpu_s=%.3f\nwall_s=%.3f\n", l->vms,
		       ticks, values, cpu, (monotonic_ns() - wall) / 1e9);
		print_times("commit", ns, ticks);
		print_times("work_step", ns + ticks, ticks);
		print_times("work", ns + 2 * (size_t)ticks, ticks);
	}
	free(ns);
	return r < 0 ? r : 0;
}

int latency(const char *path, unsigned int vms, unsigned int seconds, bool together)
{
	struct load l = { .vms = vms, .together = together };
	struct trace trace = { 0 };
	int r = trace_generate(seconds + 1000, &trace);

	l.trace = &trace;
	l.boots = calloc(vms, sizeof(*l.boots));
	if (r == 0 && !l.boots)
		r = -ENOMEM;
	if (r == 0)
		r = store_open(path, &l.store);
	if (r == 0)
		r = run(&l, 2 * seconds);
	store_free(l.store);
	free(l.boots);
	trace_done(&trace);
	return r;
}
