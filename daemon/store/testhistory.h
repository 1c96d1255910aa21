/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a few VMs did, as a function of its step alone: so a test that stored it can tell
 * what has to be in the database, however it was interrupted. Step i of a VM is one record
 * of its guest (a sample, a mark or a gap) and one of the host (a sample or a gap), which
 * are committed together. For x_test.c only. Logging.
 */
#ifndef DAEMON_TESTHISTORY_H
#define DAEMON_TESTHISTORY_H

#include "daemon/store/store.h"

#define TESTHISTORY_VMS 3
#define TESTHISTORY_T0_NS (1763874000LL * 1000000000)

struct testhistory {
	uint64_t seed;
	int64_t step_ns;		/* host time from step to step */
	uint64_t boot_steps;		/* then another boot begins */
};

/* The VM's steps so far, from what @store says of it; the VM is made if there is none. */
uint64_t testhistory_reached(const struct testhistory *h, struct store *store, unsigned int vm);

/* Store the VM's next step. Returns 0 or -errno. */
int testhistory_add(const struct testhistory *h, struct store *store, unsigned int vm,
		    uint64_t step);

static inline int64_t testhistory_ns(const struct testhistory *h, uint64_t step)
{
	return TESTHISTORY_T0_NS + (int64_t)step * h->step_ns;
}

/*
 * Whether the database at @path is sound and holds, of each VM, the steps from 1 to some
 * number that is not below @least[vm], each once, with the values that it was given; and
 * whether, in samples and in each tier of rollups as far as it reaches, base and increases
 * add up to the last value. False with the reason in @ret_why.
 */
#define TESTHISTORY_WHY_MAX 256
bool testhistory_holds(const struct testhistory *h, const char *path,
		       const uint64_t least[TESTHISTORY_VMS], char ret_why[TESTHISTORY_WHY_MAX]);

#endif
