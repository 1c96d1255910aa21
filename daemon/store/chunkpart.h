/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What relate.c gives to chunk.c and to nobody else: columns that can be told from others
 * of their chunk, so that only what they differ by is written. Cycles go with the exits that
 * took them, and the exits by reason add up to their total. Non-logging.
 */
#ifndef DAEMON_CHUNKPART_H
#define DAEMON_CHUNKPART_H

#include "daemon/store/chunk.h"

/*
 * A column's relation, as it is written. Above RELATION_SCALED, by the rest: it grows with
 * another column, so many 2^32ths as fast.
 */
enum relation {
	RELATION_NONE = 0,
	RELATION_REST = 1,		/* with what its kind's total has and the others have not */
	RELATION_SCALED = 2,
};

/*
 * How much the values of @column should have grown since its first one, by the columns
 * that @relation names: one number for each row of it. False if they are not there in all
 * these rows, or damaged.
 */
bool relate_predict(struct chunk *chunk, const struct chunk_column *column, uint64_t relation,
		    uint64_t *ret_growth);

/* What costs least for each column of @chunk. Returns 0, -ENOMEM or -EBADMSG. */
int relate_choose(struct chunk *chunk, uint64_t *ret_relations);

#endif
