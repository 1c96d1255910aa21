/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sums by exit reason and distributions as JSON, as vmexit-http(7) says. Non-logging. */
#ifndef DAEMON_JSONSTATS_H
#define DAEMON_JSONSTATS_H

#include "daemon/query/distribution.h"
#include "daemon/query/totals.h"

enum jsonstats_sort { JSONSTATS_COUNT, JSONSTATS_HANDLING, JSONSTATS_AWAY };

/* Whose numbers they are. */
struct jsonstats {
	const struct query_vm *vm;
	const struct boot *boot;	/* NULL for a range over boots */
	enum sample_source source;
};

/* Each returns 0 with a string that the caller frees, or -ENOMEM. */

/* The @limit first reasons, the most of @sort first; sorts them. */
int jsonstats_reasons(const struct jsonstats *about, struct totals *totals,
		      enum jsonstats_sort sort, size_t limit, char **ret_text);

int jsonstats_distribution(const struct jsonstats *about, const struct key *key,
			   const struct distribution *distribution, char **ret_text);

#endif
