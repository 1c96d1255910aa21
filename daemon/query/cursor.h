/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Long answers: samples by boot, source and time, read block by block, so that no
 * reader holds back a checkpoint. Logging (database errors only).
 */
#ifndef DAEMON_CURSOR_H
#define DAEMON_CURSOR_H

#include "daemon/query/query.h"

struct cursor;

/*
 * Begin in front of the first sample that @filter (copied) admits; samples come with their
 * lists if @with_detail. @query must outlive the result, which is freed with cursor_free().
 * Returns 0 or -errno.
 */
int cursor_new(struct query *query, const struct query_filter *filter, bool with_detail,
	       struct cursor **ret_cursor);
void cursor_free(struct cursor *cursor);

/*
 * 1 with the next row (valid until the next call), 0 at the end, or -errno. Boots
 * come oldest first, each with one source after the other, each of these by sequence.
 */
int cursor_next(struct cursor *cursor, const struct row_pair **ret_pair);

#endif
