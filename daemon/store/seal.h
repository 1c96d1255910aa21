/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the store does in the background: samples leave the journal for chunks, and
 * chunks are rolled up. Each step is a short transaction. For store.c only. Logging.
 */
#ifndef DAEMON_SEAL_H
#define DAEMON_SEAL_H

#include "daemon/store/blocks.h"

/* A boot and source is sealed when it has so much in the journal, or so old a sample. */
#define SEAL_SAMPLES 1024
#define SEAL_BYTES 1048576
#define SEAL_AGE_NS (2048LL * 1000000000)

/* Whether anything is. Returns 1, 0 or -errno. */
int seal_is_due(struct blocks *blocks, int64_t now_ns);

/*
 * Seal what is due. Returns 1 if something was, 0 if nothing is, -ENOSPC for a full disk,
 * or another -errno. Within a transaction of the caller's.
 */
int seal_due(struct blocks *blocks, int64_t now_ns);

/* Roll up tier @tier - 1 into @tier, as far as chunks go. Returns 0 or -errno. */
int seal_roll_up(struct blocks *blocks, struct stream *stream, int tier);

/* Drop the samples of @stream above @sequence from its chunks and rollups. Returns 0 or -errno. */
int seal_cut(struct blocks *blocks, struct stream *stream, uint64_t sequence);

#endif
