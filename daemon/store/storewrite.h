/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records into the database's tables, within a transaction of the caller's. For store.c
 * only. Logging (database errors; a full disk is the caller's to say).
 */
#ifndef DAEMON_STOREWRITE_H
#define DAEMON_STOREWRITE_H

#include "daemon/base/record.h"

struct blocks;
struct sqlite3;
struct storewrite;

/* Returns 0 or -errno. @db and @blocks, which is on it, outlive the result. */
int storewrite_new(struct sqlite3 *db, struct blocks *blocks, struct storewrite **ret_writer);
void storewrite_free(struct storewrite *writer);

/* Each returns 0, -ENOSPC for a full disk, or another -errno. */
int storewrite_vm(struct storewrite *w, const struct vm *vm);
int storewrite_boot(struct storewrite *w, const struct boot *boot);

/* Into the journal, as row @id; journal_finish() follows when all are written. */
int storewrite_sample(struct storewrite *w, int64_t id, struct boot *boot,
		      enum sample_source source, const struct sample *sample);

/* A sequence that is there already stays as it is. */
int storewrite_mark(struct storewrite *w, const struct boot *boot, const struct mark *mark);

/* A range that is there already, by its first sequence, gets its new end and count. */
int storewrite_gap(struct storewrite *w, const struct boot *boot, enum sample_source source,
		   const struct range *range);
/* @claim: the values of the first sample in it. */
int storewrite_quarantine(struct storewrite *w, const struct boot *boot,
			  const struct range *range, const struct sample *claim);

/*
 * Move the guest's samples with a sequence above @after to the quarantine for @cause.
 * Adds to *ranges how many ranges that made.
 */
int storewrite_retract(struct storewrite *w, const struct boot *boot, uint64_t after, int cause,
		       uint64_t *ranges);

#endif
