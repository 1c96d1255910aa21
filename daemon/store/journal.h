/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal: samples as they come, one row each, until they are sealed into chunks.
 * Rows of all VMs stand one behind the other; each knows the row before it of the same
 * boot and source, and journal_end the last one of each. For the store and its readers.
 * Logging.
 */
#ifndef DAEMON_JOURNAL_H
#define DAEMON_JOURNAL_H

#include "daemon/store/journalend.h"

struct sqlite3;
struct journal;

/* On a connection that writes or on one that reads, which outlives it. Returns 0 or -errno. */
int journal_new(struct sqlite3 *db, struct journal **ret_journal);
void journal_free(struct journal *journal);

/* Each returns 0, -ENOSPC for a full disk, or another -errno. */

/*
 * Write a sample as row @id, which is above all there are, within a transaction of the
 * caller's that ends with journal_finish(); after one that failed, journal_forget().
 */
int journal_add(struct journal *journal, int64_t id, int64_t boot, enum sample_source source,
		const struct sample *sample);
int journal_finish(struct journal *journal);

/* The transaction was rolled back: what was known of the database is not so. */
void journal_forget(struct journal *journal);

int journal_end(struct journal *journal, int64_t boot, enum sample_source source,
		struct journal_end *ret_end);

/*
 * What of a boot and source is due to be sealed: it has @samples or @bytes, or its first
 * one is older than @before_ns. -ENOENT: nothing.
 */
int journal_due(struct journal *journal, uint64_t samples, uint64_t bytes, int64_t before_ns,
		int64_t *ret_boot, enum sample_source *ret_source);

/*
 * The rows above @sequence are what is left of a boot and source, or those up to it.
 * The first leaves rows behind for journal_trim().
 */
int journal_keep_above(struct journal *journal, int64_t boot, enum sample_source source,
		       uint64_t sequence);
int journal_keep_to(struct journal *journal, int64_t boot, enum sample_source source,
		    uint64_t sequence);

/* Whether journal_trim() has anything to drop. Returns 0 or -errno. */
int journal_trim_due(struct journal *journal, int64_t before_ns, bool *ret_due);

/*
 * Drop at most @max rows that are sealed and older than @before_ns, the oldest first; the
 * last row stays, for its id. *ret_more tells whether there may be more.
 */
int journal_trim(struct journal *journal, int64_t before_ns, int max, bool *ret_more);

/* A row that was read. */
struct journal_row {
	int64_t id;
	int64_t before;			/* id of the one before, of its boot and source; 0: none here */
	int64_t boot;
	enum sample_source source;
	struct sample sample;		/* its lists are valid until the next call */
};

/*
 * The first row above @id that is not damaged, or the one of @id. -ENOENT: there is none,
 * -EBADMSG: it is damaged.
 */
int journal_next(struct journal *journal, int64_t id, struct journal_row *ret_row);
int journal_row(struct journal *journal, int64_t id, struct journal_row *ret_row);

/*
 * Rows of a boot and source with a sequence above @sequence to @fn, while that returns 0. A
 * damaged one is left out, and the sample behind it has SAMPLE_AFTER_GAP.
 */
typedef int (*journal_row_fn)(void *ctx, const struct journal_row *row);
int journal_walk(struct journal *journal, int64_t boot, enum sample_source source,
		 uint64_t sequence, journal_row_fn fn, void *ctx);

#endif
