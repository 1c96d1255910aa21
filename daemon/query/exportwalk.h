/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks what an export takes of one VM, block by block: whatever the range, one block is in
 * memory. As cursor.h it holds nothing of the database between two calls. Logging (database
 * errors only).
 */
#ifndef DAEMON_EXPORTWALK_H
#define DAEMON_EXPORTWALK_H

#include "daemon/query/query.h"

struct chunk;
struct exportwalk;

/* What to take. Zero-initialise for everything of a VM. */
struct exportwalk_filter {
	struct query_filter filter;
	uint64_t after;			/* above this sequence; of one boot and source */
};

/* Where a walk is. All of it is the walk's, valid until its next step. */
struct exportwalk_at {
	const struct boot *boot;
	enum sample_source source;
	bool first_source;		/* of the boot */
	/* Of a block. */
	struct chunk *chunk;
	const uint64_t *sequence, *t_ns;	/* of its rows */
	uint32_t row, rows;		/* from the first to behind the last to take, but see below */
	bool has_strays;		/* some of these may be outside of the times asked for */
	uint64_t to_sequence;
};

/*
 * Begin in front of all that @filter (copied) admits. @query must outlive the result, which
 * is freed with exportwalk_free(). Returns 0 or -errno.
 */
int exportwalk_new(struct query *query, const struct exportwalk_filter *filter,
		   struct exportwalk **ret_walk);
void exportwalk_free(struct exportwalk *walk);

/*
 * The next step: 1: a boot's source begins (even if nothing of it is there); 2: a block of
 * it; 0: the end; or -errno. Boots come oldest first, sources and sequences ascend.
 */
enum { EXPORTWALK_END, EXPORTWALK_PART, EXPORTWALK_BLOCK };
int exportwalk_next(struct exportwalk *walk, struct exportwalk_at *ret_at);

/* Whether a row's time is asked for. */
bool exportwalk_admits(const struct exportwalk *walk, int64_t t_ns);

/*
 * From the end back to the begin, to walk the same again, above the sequence @after: what
 * has come since then is not seen.
 */
void exportwalk_rewind(struct exportwalk *walk, uint64_t after);

#endif
