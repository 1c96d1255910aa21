/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random histories of a guest in a real store: uneven intervals, gaps, clocks set back,
 * values that are missing, samples that turn out not to be true. And what they say, sample
 * by sample. For x_test.c only.
 */
#ifndef DAEMON_TESTHISTORY_H
#define DAEMON_TESTHISTORY_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/store/store.h"
#include "daemon/store/testsample.h"
#include "daemon/query/query.h"
#include "daemon/store/liststep.h"

#define HISTORY_T0 1763874000000000000LL

struct history_sample {
	struct sample sample;			/* without lists */
	bool gap;				/* before it samples are missing */
	bool has_reasons;
	bool has_units, has_unit;		/* a list of units; "u" is in it */
	bool has_processes;			/* of which "p" is always one */
	uint64_t unit, process;
	struct testsample_reason reasons[3];	/* of number 0: not there yet */
};

struct history {
	char dir[32], path[64];
	int64_t vm_id;
	uint32_t boot_number;			/* the one that the samples are of */
	bool from_zero;
	int64_t opened_ns;
	int64_t usual_ns;			/* between samples */
	uint32_t rare;				/* one sample of so many has a list of names */
	size_t count;
	struct history_sample *samples;
	uint32_t random, list_random;
};

static inline uint32_t history_random(struct history *h, uint32_t below)
{
	h->random = h->random * 1664525 + 1013904223;
	return (uint64_t)(h->random >> 4) * below >> 28;
}

/* Likewise of lists. */
static inline uint32_t history_list_random(struct history *h, uint32_t below)
{
	h->list_random = h->list_random * 1664525 + 1013904223;
	return (uint64_t)(h->list_random >> 4) * below >> 28;
}

/* Some time in it, or shortly before or behind. */
static inline int64_t history_time(struct history *h)
{
	int64_t first = h->samples[0].sample.t_wall_ns;
	int64_t length = h->samples[h->count - 1].sample.t_wall_ns - first;

	return first - length / 50 + (int64_t)(length * 1.04 * history_random(h, 1 << 27) / (1 << 27));
}

/* Nanoseconds to the next sample, mostly near @usual. */
static inline int64_t history_interval(struct history *h, int64_t usual)
{
	uint32_t kind = history_random(h, 100);

	if (kind < 2)
		return history_random(h, 900000);		/* below any rate */
	if (kind == 2)
		return -(int64_t)history_random(h, 2000000000);	/* set back */
	if (kind == 3)
		return usual * 20;
	return usual / 2 + usual * history_random(h, 1000) / 1000;
}

static inline void history_count(struct history *h, struct history_sample *s)
{
	static const uint32_t numbers[3] = { 1, 12, 40 };
	uint32_t load = history_random(h, 50) ? 300 : 100000;

	for (int i = 0; i < 3; i++) {
		uint32_t n = history_random(h, load);

		/* A reason that has not been seen is in no list. */
		if (!s->reasons[i].number && (i == 2 ? history_random(h, 200) : history_random(h, 3)))
			continue;
		s->reasons[i].number = numbers[i];
		s->reasons[i].count += n;
		s->reasons[i].handling_cycles += n * 2000ULL;
		s->reasons[i].away_cycles += n * 3001ULL;
		s->sample.exits += n;
		s->sample.handling_cycles += n * 2100ULL;
	}
	s->unit = history_list_random(h, 300) ? s->unit + history_list_random(h, 1000) : 0;
	s->process = history_list_random(h, 100000);
	s->sample.workload.value[WORKLOAD_forks] += history_random(h, 5);
	s->sample.workload.value[WORKLOAD_tasks_runnable] = history_random(h, 40);
}

/* Which of its values the next sample has. */
static inline void history_presence(struct history *h, struct history_sample *s)
{
	s->sample.has = SAMPLE_HAS_PACE;
	s->sample.has |= history_random(h, 40) ? SAMPLE_HAS_EXITS : 0;
	s->sample.has |= history_random(h, 60) ? SAMPLE_HAS_HANDLING : 0;
	s->sample.workload.mask = history_random(h, 30)
					  ? 1ULL << WORKLOAD_forks | 1ULL << WORKLOAD_tasks_runnable
					  : 0;
	s->has_reasons = history_random(h, 25) &&
			 (h->rare < 100 || history_list_random(h, 12) == 0);
	s->has_units = history_list_random(h, h->rare) == 0;
	s->has_unit = s->has_units && history_list_random(h, 10);
	s->has_processes = history_list_random(h, h->rare) == 0;
}

static inline void history_add(struct store *store, struct boot *boot,
			       const struct history_sample *s)
{
	struct testsample_reason reasons[3];
	struct sample sample = s->sample;
	size_t count = 0;

	for (int i = 0; i < 3; i++) {
		if (s->reasons[i].number)
			reasons[count++] = s->reasons[i];
	}
	if (s->has_reasons)
		testsample_reasons(&sample, reasons, count);
	if (s->has_processes)
		testsample_named(&sample, DETAIL_PROCESSES, 7, "p", s->process);
	if (s->has_units)
		testsample_named(&sample, DETAIL_UNITS, 0, s->has_unit ? "u" : "", s->unit);
	if (store_add(store, boot, SOURCE_GUEST, &sample) < 0)
		abort();
}

static inline void history_flush(struct store *store, int64_t now_ns)
{
	if (store_flush(store, now_ns) < 0)
		abort();
	while (store_work(store, now_ns) > 0)
		;
}

/* Samples at the end are taken back; so there is a gap. */
static inline void history_retract(struct history *h, struct store *store, struct boot *boot)
{
	size_t back = 1 + history_random(h, 300);

	history_flush(store, h->samples[h->count - 1].sample.t_wall_ns);
	h->count -= back;
	if (store_retract(store, boot, h->samples[h->count - 1].sample.sequence,
			  QUARANTINE_CYCLES) < 0)
		abort();
	history_flush(store, h->samples[h->count - 1].sample.t_wall_ns);
}

static inline void history_boot(struct history *h, struct store *store, struct boot *boot,
				size_t count)
{
	int64_t usual = h->usual_ns, t = boot->opened_ns + usual;
	struct history_sample s = { 0 };
	uint64_t sequence = 10;
	bool gap = false;

	s.sample.exits = h->from_zero ? 0 : 1ULL << 40;
	for (size_t i = 0; i < count; i++) {
		history_count(h, &s);
		history_presence(h, &s);
		s.sample.sequence = sequence;
		s.sample.t_wall_ns = t;
		s.sample.t_boot_ns = sequence * 1000;
		s.gap = gap && h->count > 0;
		h->samples[h->count++] = s;
		history_add(store, boot, &s);
		t += history_interval(h, usual);
		sequence += 10;
		gap = history_random(h, 70) == 0;
		if (gap) {
			struct range range = { sequence, sequence + 5, t, t + usual, 2, GAP_FULL };

			if (store_add_gap(store, boot, SOURCE_GUEST, &range) < 0)
				abort();
			sequence += 10;
			t += usual;
		}
		if (history_random(h, 400) == 0)
			history_flush(store, t);
		if (history_random(h, 900) == 0 && h->count > 400) {
			history_retract(h, store, boot);
			gap = true;
		}
	}
	history_flush(store, t);
}

/* A store in a directory of its own, with two boots; the samples are the second one's. */
static inline void history_make(struct history *h, unsigned int seed, size_t count)
{
	int64_t usual_ns = 20000000LL << seed * 4 % 15;
	/* Rarer than a chunk has samples, too. */
	static const uint32_t rare[] = { 1, 9, 40, 900 };
	struct history before = { .random = seed, .usual_ns = usual_ns, .rare = 1 };
	struct store *store;
	struct vm *vm;
	struct boot *boot;

	*h = (struct history){
		.dir = "/tmp/vmexit-history-XXXXXX",
		.random = seed * 7919,
		.usual_ns = usual_ns,
		.rare = rare[seed % 4],
	};
	before.samples = calloc(count, sizeof(*before.samples));
	h->samples = calloc(count, sizeof(*h->samples));
	if (!mkdtemp(h->dir) || !h->samples || !before.samples)
		abort();
	snprintf(h->path, sizeof(h->path), "%s/v.db", h->dir);
	if (store_open(h->path, &store) < 0)
		abort();
	vm = store_vm(store, "uuid", "vm");
	boot = store_boot(store, vm, BOOT_FOUND, "1", HISTORY_T0);
	history_boot(&before, store, boot, 60);
	h->from_zero = seed % 3 > 0;
	h->opened_ns = before.samples[before.count - 1].sample.t_wall_ns + 1000000000;
	boot = store_boot(store, vm, h->from_zero ? BOOT_CREATED : BOOT_REBOOT, "2", h->opened_ns);
	boot->vcpus = 2;
	boot->tsc_khz = 2000000;
	store_boot_changed(store, boot);
	history_boot(h, store, boot, count);
	h->vm_id = vm->id;
	h->boot_number = boot->number;
	store_free(store);
	free(before.samples);
}

static inline void history_done(struct history *h)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	char file[80];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(file, sizeof(file), "%s%s", h->path, suffixes[i]);
		unlink(file);
	}
	rmdir(h->dir);
	free(h->samples);
}

/* A value that sample @s has of @key. */
static inline bool history_value(const struct history_sample *s, const struct key *key,
				 uint64_t *ret_value)
{
	*ret_value = 0;
	if (key->kind == KEY_WORKLOAD) {
		*ret_value = s->sample.workload.value[key->id];
		return s->sample.workload.mask >> key->id & 1;
	}
	if (key->kind == KEY_FIELD) {
		bool exits = key->id == FIELD_EXITS;

		*ret_value = exits ? s->sample.exits : s->sample.handling_cycles;
		return s->sample.has & (exits ? SAMPLE_HAS_EXITS : SAMPLE_HAS_HANDLING);
	}
	if (key->kind == KEY_UNIT || key->kind == KEY_PROCESS) {
		*ret_value = key->kind == KEY_UNIT ? s->unit : s->process;
		return key->kind == KEY_UNIT ? s->has_unit : s->has_processes;
	}
	for (int i = 0; i < 3 && s->has_reasons; i++) {
		if (s->reasons[i].number != key->id)
			continue;
		*ret_value = key->kind == KEY_REASON_COUNT      ? s->reasons[i].count
			     : key->kind == KEY_REASON_HANDLING ? s->reasons[i].handling_cycles
								: s->reasons[i].away_cycles;
		return true;
	}
	return false;
}

/* Whether sample @s has the list that @key is of; what is of none is looked for in all. */
static inline bool history_has_list(const struct history_sample *s, const struct key *key)
{
	return key->kind == KEY_UNIT	  ? s->has_units
	       : key->kind == KEY_PROCESS ? s->has_processes
	       : key->kind >= KEY_REASON_COUNT && key->kind <= KEY_REASON_AWAY ? s->has_reasons
									       : true;
}

/* What the interval that ends with sample @i says of @key: from the last one with its list. */
struct history_step {
	bool has;			/* sample @i has a value */
	bool known;			/* a counter's increase, or an amount's time, is */
	bool opening;			/* begins when the boot was opened */
	uint64_t value, increase, ns;
};

static inline struct history_step history_step(const struct history *h, size_t i,
					       const struct key *key)
{
	const struct history_sample *s = &h->samples[i], *before;
	bool by_reason = key->kind >= KEY_REASON_COUNT && key->kind <= KEY_REASON_AWAY;
	bool gap = s->gap, had;
	struct history_step step = { 0 };
	int64_t ns, from = (int64_t)i - 1;
	uint64_t was = 0;

	while (from >= 0 && !history_has_list(&h->samples[from], key))
		gap |= h->samples[from--].gap;
	/* An agent begins to look at processes with the first sample. */
	if (from < 0 && i > 0 && key->kind == KEY_PROCESS)
		from = 0;
	before = from >= 0 ? &h->samples[from] : NULL;
	ns = (int64_t)s->sample.t_wall_ns -
	     (before ? (int64_t)before->sample.t_wall_ns : h->opened_ns);
	step.has = history_value(s, key, &step.value);
	step.opening = !before;
	/* Before its first sample all was zero; a reason not in a list is at zero, too. */
	if (key->kind == KEY_PROCESS)
		had = before;
	else if (!before)
		had = h->from_zero && key->kind != KEY_WORKLOAD && key->kind != KEY_UNIT;
	else
		had = history_value(before, key, &was) || (by_reason && before->has_reasons);
	if (!step.has || !had || ns <= 0 || gap || step.value < was ||
	    (from + 1 < (int64_t)i && ns > LISTSTEP_FAR_NS))
		return step;
	step.known = true;
	step.increase = step.value - was;
	step.ns = ns;
	return step;
}

/* Exits at the last sample that has them, since the boot began. */
static inline uint64_t history_exits(const struct history *h)
{
	const struct key key = { .kind = KEY_FIELD, .id = FIELD_EXITS };
	uint64_t value, first = 0, last = 0;
	bool any = h->from_zero;

	for (size_t i = 0; i < h->count; i++) {
		if (!history_value(&h->samples[i], &key, &value))
			continue;
		if (!any)
			first = value;
		any = true;
		last = value;
	}
	return last - first;
}

#endif
