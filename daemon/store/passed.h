/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rows of the journal that a walk backwards has passed, kept to be told forwards. For
 * journal.c only. Non-logging.
 */
#ifndef DAEMON_PASSED_H
#define DAEMON_PASSED_H

#include <stddef.h>
#include <stdint.h>

struct passed_row {
	int64_t id, before;
	uint64_t sequence;
	int64_t t_ns;
	size_t at;			/* where its sample begins in `bytes` */
};

/* Zero-initialise. */
struct passed {
	struct passed_row *rows;	/* the last one first */
	size_t count, room;
	uint8_t *bytes;
	size_t len, size;
};

/* One row more, with @len bytes of a sample (copied); `at` is set here. Returns 0 or -ENOMEM. */
int passed_add(struct passed *passed, const struct passed_row *row, const void *sample,
	       size_t len);

/* Forget all rows, but not the memory; and that as well. */
void passed_clear(struct passed *passed);
void passed_done(struct passed *passed);

#endif
