/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands beside samples, when these are gone: marks, gaps, boots, VMs. For expire.c
 * only. Logging.
 */
#ifndef DAEMON_FORGET_H
#define DAEMON_FORGET_H

#include <stdint.h>

struct sqlite3;
struct forget;

/* @db outlives the result. Returns 0 or -errno. */
int forget_new(struct sqlite3 *db, struct forget **ret_forget);
void forget_free(struct forget *forget);

/*
 * One step, of a bounded number of rows. There are no numbers before @horizon_ns. Returns 1 if there
 * was something, 0 if not, -ENOSPC for a full disk, or another -errno.
 *
 * Marks and gaps before it go if a sample behind them is sealed: until then the next one is
 * told by them what is missing. A closed boot without samples goes with all that is its own,
 * but not one that vm->before or vm->earlier may be, on which the next boot builds. What is
 * quarantined goes with its boot, as its times are a liar's.
 */
int forget_before(struct forget *forget, int64_t horizon_ns);

/*
 * Of a VM that has more than @max marks, gaps and ranges in quarantine, some of the oldest of
 * each, but none that is still to tell what is missing before a sample. As forget_before().
 */
int forget_beyond(struct forget *forget, uint64_t max);

/*
 * A VM without a sample whose last boot ended before @horizon_ns (or never, and began before
 * it), with all its boots. Returns 1 if it is no more, 0 if it stays, or -errno.
 */
int forget_vm(struct forget *forget, int64_t vm, int64_t horizon_ns);

#endif
