/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One sample as the journal's bytes: which values there are and these, as varints, then
 * the lists as they came. Non-logging, no allocation.
 */
#ifndef DAEMON_TICK_H
#define DAEMON_TICK_H

#include "guest-agent/shared/sample.h"

/* Bytes without the lists, at most. */
#define TICK_FIXED_MAX (10 * (16 + WORKLOAD_COUNT))

/*
 * Write what is stored of @sample but its sequence and host time, which the journal has
 * in columns. @buf has room for TICK_FIXED_MAX + sample->detail_len. Returns the bytes.
 */
size_t tick_encode(const struct sample *sample, uint8_t *buf);

/*
 * The other way round; ret_sample->detail points into @untrusted, sequence and
 * t_wall_ns are 0. Returns 0 or -EBADMSG.
 */
int tick_decode(const uint8_t *untrusted, size_t len, struct sample *ret_sample);

#endif
