/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What query.c gives to the other files of this folder and to nobody else. Logging
 * (database errors only).
 */
#ifndef DAEMON_QUERYPART_H
#define DAEMON_QUERYPART_H

#include "daemon/query/query.h"
#include "daemon/store/blocks.h"
#include "daemon/store/samplechunk.h"

struct sqlite3;
struct sqlite3_stmt;

/* The connection, for statements of their own; and the samples on it. */
struct sqlite3 *query_part_db(struct query *query);
struct blocks *query_part_blocks(struct query *query);

/* The database's path, "" for none. */
const char *query_part_file(struct query *query);

/* Room for the lists of a sample, or of the one @before it; the query's own. */
#define QUERY_PART_LISTS_MAX SAMPLECHUNK_DETAIL_MAX
uint8_t *query_part_lists(struct query *query, bool before);

/* One state of the database from begin (0 or -errno) to end; they may stand within each other. */
int query_part_begin(struct query *query);
void query_part_end(struct query *query);

/* Whether reading may go on: 0, -ETIMEDOUT or -ECANCELED, see query_limit(). */
int query_part_check(const struct query *query);

/*
 * Of @boot: what of it is quarantined, all in all, or the gap that ended last. Returns 0,
 * -ENOENT or -errno.
 */
enum query_part_range { QUERY_PART_QUARANTINED, QUERY_PART_LAST_GAP };
int query_part_range(struct query *query, enum query_part_range which, const struct boot *boot,
		     struct range *ret_range);

/* Of a row whose first columns are from_sequence, to_sequence, from_ns, to_ns, count, cause. */
struct range query_part_get_range(struct sqlite3_stmt *stmt);

/*
 * What @boot's counter showed when it began: zero where the VM's creation was seen, else
 * the first sample's, as nothing is known of what was before it. Returns 0 or -errno.
 */
int query_part_base(struct blocks *blocks, const struct boot *boot, enum sample_source source,
	       uint64_t *ret_base);

/* The boots that @filter may admit, oldest first; the caller frees. Returns 0 or -errno. */
int query_part_boots(struct query *query, const struct query_filter *filter,
		     struct boot **ret_boots, size_t *ret_count);

/* The boot of that id and its VM, valid until the next call. Returns 0, -ENOENT or -errno. */
int query_part_boot(struct query *query, int64_t id, const struct boot **ret_boot,
		    const struct query_vm **ret_vm);

#endif
