/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far the samples of each VM and source have been sent to another engine and are there
 * for good. For the store and its readers. Logging (database errors only).
 */
#ifndef DAEMON_SENT_H
#define DAEMON_SENT_H

#include "daemon/base/record.h"

struct sqlite3;

/* All of the boots before @boot, and of that one what is up to @sequence. */
struct sent_at {
	uint32_t boot;			/* its number */
	uint64_t sequence;
	int64_t t_ms;			/* with which the last sample was sent; 0: none was */
};

struct sent {
	int64_t vm;			/* 0: of none; it tells that sending has begun once */
	enum sample_source source;
	struct sent_at at;
};

/* Of each VM and source the latest. Zero-initialise. */
struct sent_list {
	struct sent *sent;
	size_t count, room;
};

/* Returns 0 or -ENOMEM. */
int sent_note(struct sent_list *list, const struct sent *sent);
void sent_list_done(struct sent_list *list);

/* All of it within the writer's transaction. Returns 0, -ENOSPC for a full disk, or -errno. */
int sent_put(struct sqlite3 *db, const struct sent_list *list);

/* Each that there is to @fn, while it returns 0. Returns 0, -errno, or what @fn returned. */
typedef int (*sent_fn)(void *ctx, const struct sent *sent);
int sent_walk(struct sqlite3 *db, sent_fn fn, void *ctx);

/*
 * A chunk of samples is dropped for its age or size, within the writer's transaction: of what is
 * sent at all, those behind where it was sent to are lost. Returns 0 or -errno.
 */
int sent_lose(struct sqlite3 *db, int64_t boot, enum sample_source source, uint64_t from_sequence,
	      uint64_t to_sequence, uint64_t samples);

/* How many samples were lost so, ever, of VMs that are there still. Returns 0 or -errno. */
int sent_lost(struct sqlite3 *db, uint64_t *ret_samples);

#endif
