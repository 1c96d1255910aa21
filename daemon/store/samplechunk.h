/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Samples as rows of a chunk, and back. Non-logging.
 *
 * A row 0 that stands before the chunk's own samples is the one before them, so that
 * what happened from sample to sample can be told from one chunk alone.
 */
#ifndef DAEMON_SAMPLECHUNK_H
#define DAEMON_SAMPLECHUNK_H

#include "daemon/store/chunk.h"
#include "guest-agent/shared/sample.h"

/* Bytes of a sample's lists at most, as samplechunk_next() makes them. */
#define SAMPLECHUNK_DETAIL_MAX 16384

/* One row more. Lists keep what their entries say, not the entries' order. */
void samplechunk_add(struct chunk *chunk, const struct sample *sample);

/* All keys that there are, as @kinds: 1 << enum key_kind each. */
#define SAMPLECHUNK_ALL (~0U)

/* Likewise, of @kinds alone; fields are always there. Such a row is no whole sample. */
void samplechunk_add_kinds(struct chunk *chunk, const struct sample *sample, unsigned int kinds);

/* Walks the samples of a chunk. */
struct samplechunk_reader;

/*
 * With their lists if @with_detail. @chunk outlives the result and is not changed
 * meanwhile. Returns 0, -ENOMEM, or -EBADMSG if it is damaged.
 */
int samplechunk_open(struct chunk *chunk, bool with_detail, struct samplechunk_reader **ret_reader);
void samplechunk_close(struct samplechunk_reader *reader);

/* The next sample, whose lists are valid until the next call; false behind the last. */
bool samplechunk_next(struct samplechunk_reader *reader, struct sample *ret_sample);

#endif
