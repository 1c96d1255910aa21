/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ends of all boots and sources in the journal, as a writer knows them, so that it need
 * not ask the database for each sample. The table is for journal.c only. Non-logging.
 */
#ifndef DAEMON_JOURNALEND_H
#define DAEMON_JOURNALEND_H

#include <stddef.h>

#include "daemon/base/record.h"

/* The part of a boot and source that is in the journal; samples 0: nothing is. */
struct journal_end {
	int64_t first_id, last_id;
	uint64_t samples, bytes;
	uint64_t to_sequence;		/* of the last */
	int64_t from_ns, to_ns;		/* host time of the first and last */
};

struct journalend {
	int64_t key;			/* JOURNALEND_KEY() */
	struct journal_end end;		/* samples 0: it is to be dropped */
	bool dirty;			/* differs from the database */
};

/* In the database as well. */
#define JOURNALEND_KEY(boot, source) ((boot) * SOURCES + (source))

/* Zero-initialise. */
struct journalends {
	struct journalend *ends;	/* by key */
	size_t count, room;
};

/* NULL: there is none. Valid until one is added or dropped. */
struct journalend *journalends_find(struct journalends *ends, int64_t key);

/* The one there is, or an empty one; NULL for want of memory. */
struct journalend *journalends_get(struct journalends *ends, int64_t key);

/* Set it as the database has it, or drop it without samples. Returns 0 or -ENOMEM. */
int journalends_put(struct journalends *ends, int64_t key, const struct journal_end *end);

/* As journal_due(); NULL: nothing is. */
const struct journalend *journalends_due(const struct journalends *ends, uint64_t samples,
					 uint64_t bytes, int64_t before_ns);

/* The lowest first_id, INT64_MAX without any. */
int64_t journalends_first_id(const struct journalends *ends);

void journalends_done(struct journalends *ends);

#endif
