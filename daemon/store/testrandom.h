/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random numbers and samples, the same in every run. For x_test.c and the fuzzers only.
 * (splitmix64, from Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
 * Generators", OOPSLA 2014.)
 */
#ifndef DAEMON_TESTRANDOM_H
#define DAEMON_TESTRANDOM_H

#include <stdlib.h>
#include <string.h>

#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/sample.h"

static uint64_t testrandom_state = 42;

static inline uint64_t testrandom(void)
{
	uint64_t z = testrandom_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Below @limit. */
static inline uint64_t testrandom_below(uint64_t limit)
{
	return testrandom() % limit;
}

static inline bool testrandom_one_in(uint64_t n)
{
	return testrandom() % n == 0;
}

/* A number of any magnitude: as many of 1 bit as of 64. */
static inline uint64_t testrandom_any(void)
{
	return testrandom() >> testrandom_below(64);
}

/* Whether the full counts were asked for. */
static inline bool testrandom_is_long(void)
{
	return getenv("VMEXIT_LONG") != NULL;
}

/* One list; @names differ within it. */
static inline void testrandom_list(struct wire_writer *w, enum detail_list list, size_t most)
{
	size_t count = testrandom_below(most + 1), began = detail_begin(w, list);
	uint32_t id = 0;

	for (size_t i = 0; i < count; i++) {
		char name[DETAIL_NAME_MAX];
		struct detail_entry entry = {
			.id = id += 1 + testrandom_below(list == DETAIL_VCPUS ? 2 : 9),
			.value = testrandom_any(),
			.handling_cycles = testrandom_any(),
			.away_cycles = testrandom_any(),
			.name = name,
			.name_len = 2 + testrandom_below(20),
		};

		memset(name, ' ' + (int)(i % 90), sizeof(name));
		name[0] = 'a' + i / 90;
		detail_put(w, list, &entry);
	}
	detail_end(w, began);
}

/*
 * A sample with some, all or none of what is stored, its lists in @buf, which has room for
 * them. Its sequence and time are 0.
 */
#define TESTRANDOM_DETAIL 8192

static inline struct sample testrandom_sample(uint8_t *buf)
{
	static const uint32_t all = SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY |
				    SAMPLE_HAS_PACE | SAMPLE_HAS_AGENT | SAMPLE_HAS_TAKEN |
				    SAMPLE_HAS_CLOCK_ERROR;
	struct wire_writer w = { .buf = buf, .size = TESTRANDOM_DETAIL };
	struct sample s = {
		.t_boot_ns = testrandom_any(),
		.has = testrandom_one_in(3) ? all : testrandom() & all,
	};
	bool all_values = testrandom_one_in(3), lists = !testrandom_one_in(3);

	s.exits = s.has & SAMPLE_HAS_EXITS ? testrandom_any() : 0;
	s.handling_cycles = s.has & SAMPLE_HAS_HANDLING ? testrandom_any() : 0;
	s.away_cycles = s.has & SAMPLE_HAS_AWAY ? testrandom_any() : 0;
	s.idle_cycles = s.has & SAMPLE_HAS_AWAY ? testrandom_any() : 0;
	s.clock_error_ns = s.has & SAMPLE_HAS_CLOCK_ERROR ? testrandom_any() : 0;
	s.interval_us = s.has & SAMPLE_HAS_PACE ? testrandom_any() : 0;
	s.pace = s.has & SAMPLE_HAS_PACE ? testrandom_below(4) : 0;
	s.agent_exits = s.has & SAMPLE_HAS_AGENT ? testrandom_any() : 0;
	s.taken = s.has & SAMPLE_HAS_TAKEN ? testrandom_any() : 0;
	for (int i = 0; i < WORKLOAD_COUNT; i++) {
		if (!all_values && testrandom_one_in(2))
			continue;
		s.workload.mask |= 1ULL << i;
		s.workload.value[i] = testrandom_any();
	}
	for (int list = DETAIL_FIRST; list <= DETAIL_UNITS && lists; list++) {
		if (!testrandom_one_in(3))
			testrandom_list(&w, list, testrandom_one_in(4) ? 40 : 4);
	}
	s.detail = w.len ? buf : NULL;
	s.detail_len = w.len;
	return s;
}

/* Whether a list of @a's has an entry like @entry. */
static inline bool testrandom_has(const struct sample *a, enum detail_list list,
				  const struct detail_entry *entry)
{
	struct detail_entry other;
	struct detail_iter iter;

	if (!detail_find(a->detail, a->detail_len, list, &iter))
		return false;
	while (detail_next(&iter, &other)) {
		if (other.id == entry->id && other.value == entry->value &&
		    other.handling_cycles == entry->handling_cycles &&
		    other.away_cycles == entry->away_cycles && other.name_len == entry->name_len &&
		    (entry->name_len == 0 || memcmp(other.name, entry->name, entry->name_len) == 0))
			return true;
	}
	return false;
}

/* Whether the lists of two samples say the same, in whatever order. */
static inline bool testrandom_same_lists(const struct sample *a, const struct sample *b)
{
	if (a->detail_len != b->detail_len)
		return false;
	for (int list = DETAIL_FIRST; list <= DETAIL_UNITS; list++) {
		struct detail_iter one, other;
		struct detail_entry entry;
		bool there = detail_find(a->detail, a->detail_len, list, &one);

		if (there != detail_find(b->detail, b->detail_len, list, &other))
			return false;
		while (there && detail_next(&one, &entry)) {
			if (!testrandom_has(b, list, &entry))
				return false;
		}
	}
	return true;
}

/* Whether two samples say the same; what is not known has to be 0. */
static inline bool testrandom_same(const struct sample *a, const struct sample *b)
{
	return a->sequence == b->sequence && a->t_wall_ns == b->t_wall_ns &&
	       a->t_boot_ns == b->t_boot_ns && a->has == b->has && a->exits == b->exits &&
	       a->handling_cycles == b->handling_cycles && a->away_cycles == b->away_cycles &&
	       a->idle_cycles == b->idle_cycles && a->clock_error_ns == b->clock_error_ns &&
	       a->interval_us == b->interval_us && a->pace == b->pace &&
	       a->agent_exits == b->agent_exits && a->taken == b->taken &&
	       a->workload.mask == b->workload.mask &&
	       memcmp(a->workload.value, b->workload.value, sizeof(a->workload.value)) == 0 &&
	       testrandom_same_lists(a, b);
}

#endif
