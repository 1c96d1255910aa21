/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The samples of one boot and source, block by block, wherever they are: sealed in
 * chunks or still in the journal. For the store and its readers. Logging.
 */
#ifndef DAEMON_BLOCKS_H
#define DAEMON_BLOCKS_H

#include "daemon/store/archive.h"
#include "daemon/store/journal.h"
#include "daemon/store/stream.h"

struct chunk;

/* What a connection to the database needs for it. */
struct blocks {
	struct sqlite3 *db;
	struct journal *journal;
	struct streams *streams;
	struct archive *archive;
	struct sqlite3_stmt *gaps, *is_gap;
	bool within;			/* the caller's: a transaction is always under way */
};

/* On a connection that writes or on one that reads. Returns 0 or -errno. */
int blocks_open(struct sqlite3 *db, struct blocks *ret_blocks);
void blocks_close(struct blocks *blocks);

/* Whether samples are missing between two sequences. Returns 0 or -errno. */
int blocks_is_gap(struct blocks *blocks, int64_t boot, enum sample_source source, uint64_t from,
		  uint64_t to, bool *ret_gap);

struct block {
	int64_t id;			/* the chunk's in the archive; 0: of the journal */
	struct chunk *chunk;		/* freed with chunk_free() */
	uint64_t from_sequence;		/* the last row below it is the sample before the block's */
	uint64_t to_sequence;		/* the last one's */
};

/*
 * The next block with samples above the sequence @after and not all before @from_ns or
 * behind @to_ns, as one transaction saw it; rows up to @after may stand in front. Returns 0,
 * -ENOENT behind the last, -EBADMSG for a damaged chunk (ret_block->to_sequence tells what
 * to go on behind), or another -errno.
 */
int blocks_next(struct blocks *blocks, int64_t boot, enum sample_source source, uint64_t after,
		int64_t from_ns, int64_t to_ns, struct block *ret_block);

/*
 * What is not sealed of @stream's boot and source, at most @max samples and some @columns
 * (0: any number), and in front of it the last one that is sealed; @kinds of keys of them
 * (SAMPLECHUNK_ALL: whole samples). *ret_last_id, unless NULL, is the last row's in the
 * journal. Returns 0, -ENOENT or another -errno.
 */
int blocks_unsealed(struct blocks *blocks, const struct stream *stream, size_t max,
		    size_t columns, unsigned int kinds, struct archive_entry *ret_entry,
		    struct chunk **ret_chunk, int64_t *ret_last_id);

#endif
