/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answers of vmexit-http(7) about what stands beside the samples. Each returns 0 with
 * a string that the caller frees, or -errno. Non-logging.
 */
#ifndef DAEMON_JSONEVENTS_H
#define DAEMON_JSONEVENTS_H

#include "daemon/query/query.h"

/* What @filter admits. */
int jsonevents_marks(struct query *query, const struct query_vm *vm,
		     const struct query_filter *filter, char **ret_text);
int jsonevents_gaps(struct query *query, const struct query_vm *vm,
		    const struct query_filter *filter, char **ret_text);

/*
 * Exits by reason since @boot began, by the latest sample of @source. -ENOENT: none of
 * its samples has any.
 */
int jsonevents_reasons(struct query *query, const struct query_vm *vm, const struct boot *boot,
		       enum sample_source source, char **ret_text);

#endif
