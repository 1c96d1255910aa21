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
#include "daemon/store/key.h"

#define HISTORY_T0 1763874000000000000LL

struct history_sample {
	struct sample sample;			/* without lists */
	bool gap;				/* before it samples are missing */
	bool has_reasons;
	struct testsample_reason reasons[3];	/* of number 0: not there yet */
};

struct history {
	char dir[32], path[64];
	int64_t vm_id;
	uint32_t boot_number;			/* the one that the samples are of */
	bool from_zero;
	int64_t opened_ns;
	int64_t usual_ns;			/* between samples */
	size_t count;
	struct history_sample *samples;
	uint32_t random;
};

static inline uint32_t history_random(struct history *h, uint32_t below)
{
	h->random = h->random * 1664525 + 1013904223;
	return (uint64_t)(h->random >> 4) * below >> 28;
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
	s->has_reasons = history_random(h, 25);
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
	struct history before = { .random = seed, .usual_ns = usual_ns };
	struct store *store;
	struct vm *vm;
	struct boot *boot;

	*h = (struct history){
		.dir = "/tmp/vmexit-history-XXXXXX",
		.random = seed * 7919,
		.usual_ns = usual_ns,
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

/* What the interval that ends with sample @i says of @key. */
struct history_step {
	bool has;			/* sample @i has a value */
	bool known;			/* a counter's increase is */
	uint64_t value, increase, ns;
};

static inline struct history_step history_step(const struct history *h, size_t i,
					       const struct key *key)
{
	const struct history_sample *s = &h->samples[i], *before = i ? s - 1 : NULL;
	int64_t before_ns = before ? (int64_t)before->sample.t_wall_ns : h->opened_ns;
	int64_t ns = (int64_t)s->sample.t_wall_ns - before_ns;
	bool by_reason = key->kind >= KEY_REASON_COUNT && key->kind <= KEY_REASON_AWAY;
	struct history_step step = { 0 };
	uint64_t was = 0;
	bool had;

	step.has = history_value(s, key, &step.value);
	/* Before its first sample all was zero; a reason not in a list is at zero, too. */
	if (!before)
		had = h->from_zero && key->kind != KEY_WORKLOAD;
	else
		had = history_value(before, key, &was) || (by_reason && before->has_reasons);
	if (!step.has || !had || ns <= 0 || s->gap || step.value < was)
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
