/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Samples as a guest may send them. For x_test.c only. */
#ifndef DAEMON_TESTSAMPLE_H
#define DAEMON_TESTSAMPLE_H

#include <string.h>

#include "guest-agent/shared/detail.h"
#include "guest-agent/shared/sample.h"

struct testsample_reason {
	uint32_t number;
	uint64_t count, handling_cycles, away_cycles;
};

static inline struct sample testsample(uint64_t sequence, uint64_t exits)
{
	return (struct sample){
		.sequence = sequence,
		.t_boot_ns = sequence * 1000,
		.has = SAMPLE_HAS_EXITS,
		.exits = exits,
	};
}

/* Give it a list of reasons, which lives until the next call. */
static inline void testsample_reasons(struct sample *sample,
				      const struct testsample_reason *reasons, size_t count)
{
	static uint8_t buf[4096];
	struct wire_writer w = { .buf = buf, .size = sizeof(buf) };
	size_t began = detail_begin(&w, DETAIL_REASONS);

	for (size_t i = 0; i < count; i++) {
		struct detail_entry entry = {
			.id = reasons[i].number,
			.value = reasons[i].count,
			.handling_cycles = reasons[i].handling_cycles,
			.away_cycles = reasons[i].away_cycles,
		};

		detail_put(&w, DETAIL_REASONS, &entry);
	}
	detail_end(&w, began);
	sample->detail = buf;
	sample->detail_len = w.len;
}

/* Give it one more list, of one name; what it has must be of the call before. */
static inline void testsample_named(struct sample *sample, enum detail_list list, uint32_t id,
				    const char *name, uint64_t value)
{
	static uint8_t buf[4096];
	struct wire_writer w = { .buf = buf, .size = sizeof(buf), .len = sample->detail_len };
	struct detail_entry entry = {
		.id = id, .name = name, .name_len = strlen(name), .value = value,
	};
	size_t began;

	if (sample->detail_len)
		memmove(buf, sample->detail, sample->detail_len);
	began = detail_begin(&w, list);
	if (name[0])
		detail_put(&w, list, &entry);
	detail_end(&w, began);
	sample->detail = buf;
	sample->detail_len = w.len;
}

#endif
