/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The chunks in the database: by boot, source and tier, in order of sequence. For the
 * store and its readers. Logging.
 */
#ifndef DAEMON_ARCHIVE_H
#define DAEMON_ARCHIVE_H

#include "daemon/base/record.h"

struct sqlite3;
struct archive;
struct chunk;

/* On a connection that writes or on one that reads. Returns 0 or -errno. */
int archive_new(struct sqlite3 *db, struct archive **ret_archive);
void archive_free(struct archive *archive);

/* Whose chunks. */
struct archive_of {
	int64_t boot;
	enum sample_source source;
	int tier;			/* 0: samples; above: rollups */
};

struct archive_entry {
	int64_t id;
	uint64_t from_sequence, to_sequence;	/* of samples, both included */
	int64_t from_ns, to_ns;		/* earliest and latest host time of these */
	uint64_t samples;
	uint64_t rows;			/* of samples or buckets, without one that stands before */
	uint64_t bytes;
};

/*
 * The first chunk with samples above the sequence @after and not all before @from_ns or
 * behind @to_ns. Returns 0, -ENOENT or another -errno.
 */
int archive_next(struct archive *archive, const struct archive_of *of, uint64_t after,
		 int64_t from_ns, int64_t to_ns, struct archive_entry *ret_entry);

/* The last chunk. As archive_next(). */
int archive_last(struct archive *archive, const struct archive_of *of,
		 struct archive_entry *ret_entry);

/* All chunks as one; samples 0: there is none. Returns 0 or -errno. */
int archive_sum(struct archive *archive, const struct archive_of *of,
		struct archive_entry *ret_sum);

/* Its rows, freed with chunk_free(). Returns 0, -EBADMSG for a damaged one, or -errno. */
int archive_load(struct archive *archive, int64_t id, struct chunk **ret_chunk);

/*
 * Write @chunk; entry->id 0: a new one, else in place of that, whose bytes entry->bytes are.
 * Sets these. Each returns 0, -ENOSPC for a full disk, or another -errno.
 */
int archive_put(struct archive *archive, const struct archive_of *of,
		struct archive_entry *entry, struct chunk *chunk);
int archive_drop(struct archive *archive, const struct archive_of *of,
		 const struct archive_entry *entry);

/* Be told of every chunk that is put or dropped (by whose: @of), and of the change in bytes. */
typedef int (*archive_change_fn)(void *ctx, const struct archive_of *of,
				 const struct archive_entry *entry, int64_t bytes);
void archive_watch(struct archive *archive, archive_change_fn fn, void *ctx);

/* The chunk of a tier that ended first: of all VMs', or of one's. As archive_next(). */
int archive_oldest(struct archive *archive, int tier, struct archive_of *ret_of,
		   struct archive_entry *ret_entry);
int archive_oldest_of(struct archive *archive, int64_t vm, int tier, struct archive_of *ret_of,
		      struct archive_entry *ret_entry);

/* What there is of a VM and tier, all in all. */
struct archive_share {
	int64_t vm;
	int tier;
	uint64_t chunks, samples, bytes;
	int64_t from_ns, to_ns;
};

/* Each of these to @fn, while it returns 0. Returns 0, -errno, or what @fn returned. */
typedef int (*archive_share_fn)(void *ctx, const struct archive_share *share);
int archive_shares(struct archive *archive, archive_share_fn fn, void *ctx);

#endif
