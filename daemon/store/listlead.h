/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the lists of a chunk's samples were before, in the chunks in front of it. Logging. */
#ifndef DAEMON_LISTLEAD_H
#define DAEMON_LISTLEAD_H

#include "daemon/store/archive.h"
#include "daemon/store/liststep.h"

/* So many chunks in front are looked through; more do not lie within LISTSTEP_FAR_NS. */
#define LISTLEAD_CHUNKS_MAX 64

/* All lists that there are. */
#define LISTLEAD_ALL ((1U << LISTSTEP_LISTS) - 1)

struct listlead {
	struct listleads leads;
	struct chunk *loaded[LISTSTEP_LISTS];
	size_t loaded_count;
};

/*
 * For @chunk, whose row 0 is the sample of @of's boot and source before its own, and for
 * @lists (1 << list) alone. Nothing is looked up that @chunk tells itself. Returns 0 or
 * -errno; listlead_done() frees.
 */
int listlead_find(struct archive *archive, const struct archive_of *of, struct chunk *chunk,
		  unsigned int lists, bool from_zero, struct listlead *ret_lead);
void listlead_done(struct listlead *lead);

#endif
