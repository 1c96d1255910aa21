/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only writer of the database. Logging.
 *
 * What it is given waits in memory and is committed together by store_flush();
 * a failed commit (full disk) keeps everything for the next try. VMs and boots
 * belong to the store; whoever changes a VM's fields sets `dirty`, whoever
 * changes a boot's calls store_boot_changed().
 *
 * Samples, marks, gaps and what is quarantined of a boot's guest have one order of
 * sequences: whatever is added advances boot->last_sequence, and its commit
 * boot->committed. A sample that is not above the last is dropped; of the others the
 * caller adds nothing twice.
 */
#ifndef DAEMON_STORE_H
#define DAEMON_STORE_H

#include "daemon/base/record.h"
#include "daemon/store/expire.h"
#include "daemon/store/sent.h"

struct store;

/* Records that may wait for a commit, and bytes of their lists. */
#define STORE_PENDING_MAX 65536
#define STORE_PENDING_BYTES_MAX 67108864

struct store_stats {
	uint64_t pending;		/* records waiting */
	uint64_t refused;		/* records not taken since too many waited, ever */
	int error;			/* -errno of the last commit, 0 if it succeeded */
	int64_t error_since_ns;
	struct expire_limits limits;
};

/*
 * Open the database at @path and load VMs and their latest boots. Returns 0 or
 * -errno, having logged why. store_free() flushes.
 */
int store_open(const char *path, struct store **ret_store);
void store_free(struct store *store);

/*
 * Have store_work() drop what is beyond @limits; without a call nothing is. VMs of which
 * nothing is left for long are forgotten here: before anything is given a VM or a boot.
 * Returns 0 or -errno.
 */
int store_set_limits(struct store *store, const struct expire_limits *limits, int64_t now_ns);

/* All VMs, linked by `next`. */
struct vm *store_vms(struct store *store);

/* The VM of @key, made with @name if there is none. Returns NULL for want of memory. */
struct vm *store_vm(struct store *store, const char *key, const char *name);

/*
 * Give @vm a new latest boot; the one until now is vm->before then, and vm->earlier, unless that
 * is further back as record_is_silent(). Those between may be gone. @life is cut at
 * RECORD_LIFE_MAX. Returns it, or NULL for want of memory.
 */
struct boot *store_boot(struct store *store, struct vm *vm, enum boot_cause cause,
			const char *life, int64_t opened_ns);

/* @boot's stored fields were changed. */
void store_boot_changed(struct store *store, struct boot *boot);

/*
 * Each queues one record (copied). Returns 0, or -ENOBUFS while store_is_full(): then
 * it was not taken. A sample's t_wall_ns is host time, clock_error_ns that time's
 * error. One of the host that is refused is a gap, as nobody else keeps it.
 * store_add_stored() is for those that were stored elsewhere before: the error need not be
 * known, and what is refused is no gap.
 */
int store_add(struct store *store, struct boot *boot, enum sample_source source,
	      const struct sample *sample);
int store_add_stored(struct store *store, struct boot *boot, enum sample_source source,
		     const struct sample *sample);
int store_add_mark(struct store *store, struct boot *boot, const struct mark *mark);

/*
 * Likewise a range without samples. One that follows another of the same cause, with
 * nothing between, makes that one longer. @claim: what was not believed, of its first
 * sample.
 */
int store_add_gap(struct store *store, struct boot *boot, enum sample_source source,
		  const struct range *gap);
int store_add_quarantine(struct store *store, struct boot *boot, const struct range *range,
			 const struct sample *claim);

/*
 * The guest's samples in @boot above the sequence @after turned out not to be true:
 * quarantine them for @cause, those committed as well. Returns 0 or -ENOMEM.
 */
int store_retract(struct store *store, struct boot *boot, uint64_t after,
		  enum quarantine_cause cause);

/*
 * How far a VM's samples were sent: committed with the next flush. Not of a VM that is not
 * stored yet. Returns 0 or -ENOMEM.
 */
int store_sent(struct store *store, const struct sent *sent);

/* True while store_add() would refuse. */
bool store_is_full(const struct store *store);

/* What a flush committed. */
#define STORE_SAMPLES 1			/* samples, marks, gaps */
#define STORE_RECORDS 2			/* VMs, boots */

/*
 * Commit what waits. Returns STORE_SAMPLES and STORE_RECORDS as they apply, 0 if
 * neither waited, -errno if it waits still. @now_ns is host time, for the
 * statistics.
 */
int store_flush(struct store *store, int64_t now_ns);

/*
 * One short step of what is due in the background, in a transaction of its own: samples
 * are sealed and rolled up, the journal is trimmed, old data is dropped; or a checkpoint.
 * Returns 1 if there may be more to do, 0 if not, or -errno.
 */
int store_work(struct store *store, int64_t now_ns);

/*
 * Drop nothing for its age as if now were later than @now_ns, whatever store_work() is told,
 * until the next call: the host's clock may be wrong.
 */
void store_set_age(struct store *store, int64_t now_ns);

/* Host time of the newest sample of the latest boots; 0: there is none. */
int64_t store_newest_ns(const struct store *store);

void store_get_stats(const struct store *store, struct store_stats *ret_stats);

#endif
