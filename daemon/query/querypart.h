/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The samples of one boot and source, which a cursor walks part by part: what
 * query.c gives to cursor.c and eventquery.c and to nobody else. Logging (database
 * errors only).
 */
#ifndef DAEMON_QUERYPART_H
#define DAEMON_QUERYPART_H

#include "daemon/query/query.h"

struct sqlite3;

/* The connection, for eventquery.c's own statements. */
struct sqlite3 *query_part_db(struct query *query);

/* The last row before @t_ns, without its boot. Returns 0, -ENOENT (none) or -errno. */
int query_part_before(struct query *query, const struct boot *boot, enum sample_source source,
		      int64_t t_ns, struct row *ret_row);

/*
 * What @boot's counter showed when it began: zero where the VM's creation was
 * seen, else the first sample's, as nothing is known of what was before it.
 * Returns 0 or -errno.
 */
int query_part_base(struct query *query, const struct boot *boot, enum sample_source source,
		    uint64_t *ret_base);

/*
 * The first rows later than @after_ns and not later than @to_ns, at most @max of
 * them into @ret_rows, oldest first and without their boot. Returns 0 with their
 * number, or -errno.
 */
int query_part_rows(struct query *query, const struct boot *boot, enum sample_source source,
		    int64_t after_ns, int64_t to_ns, struct row *ret_rows, size_t max,
		    size_t *ret_count);

/*
 * How many samples there are from @from_ns to @to_ns, both included, and the times
 * of the first and the last; zeros for none, and never exits. Returns 0 or -errno.
 */
int query_part_span(struct query *query, const struct boot *boot, enum sample_source source,
		    int64_t from_ns, int64_t to_ns, struct query_span *ret_span);

#endif
