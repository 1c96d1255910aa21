/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random samples by plain values, between which everything happens that may: gaps, clocks
 * set back, lists that few samples have, names that come and go. For rollup_test.c only.
 */
#ifndef DAEMON_TESTPLAIN_H
#define DAEMON_TESTPLAIN_H

#include "daemon/store/rollup.h"
#include "daemon/store/samplechunk.h"
#include "daemon/store/testrandom.h"
#include "guest-agent/shared/workload.h"

#define S 1000000000LL
#define T0 (1763874000 * S)
#define MOST 400
#define LISTED 6			/* ids that a list may have */

/* A sample by plain values; what is unknown is not there. */
struct plain {
	uint64_t sequence;
	int64_t t_ns;
	bool gap, has_exits, has_reasons;
	uint64_t exits;
	bool has_gauge;
	uint64_t gauge;
	bool reason_there[LISTED];
	uint64_t reason[LISTED];
	bool has_units, unit_there[LISTED];
	uint64_t unit[LISTED];
	bool has_processes, process_there[LISTED];
	uint64_t process[LISTED];
};

static const char units[LISTED] = "abcdef";

static struct plain plain[MOST];
static size_t count;
static struct rollup_origin origin;

/* Samples between which everything happens that may. */
static inline void make_history(void)
{
	uint64_t sequence = 0, exits = testrandom_any() >> 1, reason[LISTED] = { 0 };
	uint64_t pace = testrandom_one_in(2) ? S : 1 + testrandom_below(400 * S);
	int64_t t_ns = T0 + testrandom_below(3600 * S);
	/* One sample of so many has a list. */
	uint64_t rare = testrandom_one_in(2) ? 1 : 1 + testrandom_below(30), unit[LISTED] = { 0 };
	bool there[LISTED] = { false };

	count = 1 + testrandom_below(MOST);
	origin = (struct rollup_origin){ .from_zero = testrandom_one_in(2), .opened_ns = t_ns };
	if (origin.from_zero)
		t_ns += testrandom_one_in(3) ? testrandom_below(S) : testrandom_below(100 * S);
	for (size_t i = 0; i < count; i++) {
		struct plain *p = &plain[i];

		*p = (struct plain){ .sequence = sequence += 1 + testrandom_one_in(5) };
		p->t_ns = t_ns;
		t_ns += testrandom_one_in(20)	? (int64_t)testrandom_below(3000000)
			: testrandom_one_in(30) ? -(int64_t)testrandom_below(30 * S)
			: testrandom_one_in(40) ? (int64_t)testrandom_below(7200 * S)
						: (int64_t)(pace / 2 + testrandom_below(pace));
		p->gap = i > 0 && testrandom_one_in(25);
		p->has_exits = !testrandom_one_in(15);
		exits += testrandom_one_in(10) ? testrandom_below(1 << 30) : testrandom_below(2000);
		p->exits = exits;
		p->has_gauge = !testrandom_one_in(4);
		p->gauge = testrandom_one_in(2) ? testrandom_below(5) : testrandom_any() >> 8;
		p->has_reasons = !testrandom_one_in(8) && testrandom_one_in(rare);
		p->has_units = testrandom_one_in(rare);
		p->has_processes = testrandom_one_in(rare);
		for (size_t r = 0; r < LISTED; r++) {
			/* Once there, a reason stays in the list. */
			there[r] |= testrandom_one_in(50);
			reason[r] += there[r] ? testrandom_below(5000) : 0;
			p->reason_there[r] = p->has_reasons && there[r];
			p->reason[r] = reason[r];
			/* A unit may drop out of it, end, and begin anew. */
			unit[r] = testrandom_one_in(60) ? 0 : unit[r] + testrandom_below(900);
			p->unit_there[r] = p->has_units && !testrandom_one_in(7);
			p->unit[r] = unit[r];
			p->process_there[r] = p->has_processes && testrandom_one_in(3);
			p->process[r] = testrandom_below(1 << 20);
		}
	}
}

static inline void add_plain(struct chunk *chunk, const struct plain *p)
{
	static uint8_t buf[4096];
	struct wire_writer w = { .buf = buf, .size = sizeof(buf) };
	struct sample s = { .sequence = p->sequence, .t_wall_ns = p->t_ns };
	size_t began;

	s.has = (p->has_exits ? SAMPLE_HAS_EXITS : 0) | (p->gap ? SAMPLE_AFTER_GAP : 0);
	s.exits = p->exits;
	s.workload.mask = p->has_gauge ? 1ULL << WORKLOAD_tasks_runnable : 0;
	s.workload.value[WORKLOAD_tasks_runnable] = p->gauge;
	if (p->has_reasons) {
		began = detail_begin(&w, DETAIL_REASONS);
		for (size_t r = 0; r < LISTED; r++) {
			if (p->reason_there[r])
				detail_put(&w, DETAIL_REASONS,
					   &(struct detail_entry){ .id = r, .value = p->reason[r] });
		}
		detail_end(&w, began);
	}
	if (p->has_processes) {
		began = detail_begin(&w, DETAIL_PROCESSES);
		for (size_t r = 0; r < LISTED; r++) {
			if (p->process_there[r])
				detail_put(&w, DETAIL_PROCESSES,
					   &(struct detail_entry){ .id = r, .name = "p",
								   .name_len = 1,
								   .value = p->process[r] });
		}
		detail_end(&w, began);
	}
	if (p->has_units) {
		began = detail_begin(&w, DETAIL_UNITS);
		for (size_t r = 0; r < LISTED; r++) {
			if (p->unit_there[r])
				detail_put(&w, DETAIL_UNITS,
					   &(struct detail_entry){ .name = &units[r], .name_len = 1,
								   .value = p->unit[r] });
		}
		detail_end(&w, began);
	}
	s.detail = buf;
	s.detail_len = w.len;
	samplechunk_add(chunk, &s);
}

enum series {
	EXITS, GAUGE, REASON, UNIT = REASON + LISTED, PROCESS = UNIT + LISTED,
	SERIES = PROCESS + LISTED
};

static inline struct key key_of(int series)
{
	if (series == EXITS)
		return (struct key){ .kind = KEY_FIELD, .id = FIELD_EXITS };
	if (series == GAUGE)
		return (struct key){ .kind = KEY_WORKLOAD, .id = WORKLOAD_tasks_runnable };
	if (series < UNIT)
		return (struct key){ .kind = KEY_REASON_COUNT, .id = series - REASON };
	if (series < PROCESS)
		return (struct key){ .kind = KEY_UNIT, .name = &units[series - UNIT], .name_len = 1 };
	return (struct key){ .kind = KEY_PROCESS, .id = series - PROCESS, .name = "p", .name_len = 1 };
}

static inline bool value_of(const struct plain *p, int series, uint64_t *ret_value)
{
	if (series == EXITS) {
		*ret_value = p->exits;
		return p->has_exits;
	}
	if (series == GAUGE) {
		*ret_value = p->gauge;
		return p->has_gauge;
	}
	if (series < UNIT) {
		*ret_value = p->reason[series - REASON];
		return p->reason_there[series - REASON];
	}
	if (series < PROCESS) {
		*ret_value = p->unit[series - UNIT];
		return p->unit_there[series - UNIT];
	}
	*ret_value = p->process[series - PROCESS];
	return p->process_there[series - PROCESS];
}

/* Whether sample @i has what a series is in: its list, or anything. */
static inline bool has_list(size_t i, int series)
{
	return series < REASON	  ? true
	       : series < UNIT	  ? plain[i].has_reasons
	       : series < PROCESS ? plain[i].has_units
				  : plain[i].has_processes;
}

#endif
