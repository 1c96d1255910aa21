/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/store/tick.h"

#include <errno.h>

#include "guest-agent/shared/detail.h"

/* Of what a sample may have, what is stored. */
#define STORED \
	(SAMPLE_HAS_EXITS | SAMPLE_HAS_HANDLING | SAMPLE_HAS_AWAY | SAMPLE_HAS_PACE | \
	 SAMPLE_HAS_AGENT | SAMPLE_HAS_TAKEN | SAMPLE_HAS_CLOCK_ERROR)

size_t tick_encode(const struct sample *s, uint8_t *buf)
{
	struct wire_writer w = { .buf = buf, .size = TICK_FIXED_MAX + s->detail_len };

	wire_put_varint(&w, s->has & STORED);
	wire_put_varint(&w, s->t_boot_ns);
	if (s->has & SAMPLE_HAS_EXITS)
		wire_put_varint(&w, s->exits);
	if (s->has & SAMPLE_HAS_HANDLING)
		wire_put_varint(&w, s->handling_cycles);
	if (s->has & SAMPLE_HAS_AWAY) {
		wire_put_varint(&w, s->away_cycles);
		wire_put_varint(&w, s->idle_cycles);
	}
	if (s->has & SAMPLE_HAS_PACE) {
		wire_put_varint(&w, s->interval_us);
		wire_put_varint(&w, s->pace);
	}
	if (s->has & SAMPLE_HAS_AGENT)
		wire_put_varint(&w, s->agent_exits);
	if (s->has & SAMPLE_HAS_TAKEN)
		wire_put_varint(&w, s->taken);
	if (s->has & SAMPLE_HAS_CLOCK_ERROR)
		wire_put_varint(&w, s->clock_error_ns);
	wire_put_varint(&w, s->workload.mask);
	for (int i = 0; i < WORKLOAD_COUNT; i++) {
		if (s->workload.mask >> i & 1)
			wire_put_varint(&w, s->workload.value[i]);
	}
	wire_put_bytes(&w, s->detail, s->detail_len);
	return w.len;
}

int tick_decode(const uint8_t *untrusted, size_t len, struct sample *ret_sample)
{
	struct wire_reader r = { .buf = untrusted, .len = len };
	struct sample s = { .has = wire_take_varint(&r) & STORED };

	s.t_boot_ns = wire_take_varint(&r);
	if (s.has & SAMPLE_HAS_EXITS)
		s.exits = wire_take_varint(&r);
	if (s.has & SAMPLE_HAS_HANDLING)
		s.handling_cycles = wire_take_varint(&r);
	if (s.has & SAMPLE_HAS_AWAY) {
		s.away_cycles = wire_take_varint(&r);
		s.idle_cycles = wire_take_varint(&r);
	}
	if (s.has & SAMPLE_HAS_PACE) {
		s.interval_us = wire_take_varint(&r);
		s.pace = wire_take_varint(&r);
	}
	if (s.has & SAMPLE_HAS_AGENT)
		s.agent_exits = wire_take_varint(&r);
	if (s.has & SAMPLE_HAS_TAKEN)
		s.taken = wire_take_varint(&r);
	if (s.has & SAMPLE_HAS_CLOCK_ERROR)
		s.clock_error_ns = wire_take_varint(&r);
	s.workload.mask = wire_take_varint(&r);
	for (int i = 0; i < WORKLOAD_COUNT; i++) {
		if (s.workload.mask >> i & 1)
			s.workload.value[i] = wire_take_varint(&r);
	}
	if (r.overflow || s.workload.mask >> (WORKLOAD_COUNT - 1) > 1 ||
	    !detail_is_valid(r.buf, r.len))
		return -EBADMSG;
	s.detail = r.buf;
	s.detail_len = r.len;
	*ret_sample = s;
	return 0;
}
