/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Phases of a boot as JSON, as vmexit-http(7) says. Non-logging. */
#ifndef DAEMON_JSONPHASES_H
#define DAEMON_JSONPHASES_H

#include <jansson.h>

#include "daemon/query/phases.h"

/* Returns 0 with a string that the caller frees, or -ENOMEM. */
int jsonphases_text(const struct query_vm *vm, const struct phases *phases, char **ret_text);

/*
 * For the other answers that have some, each NULL for want of memory: the sums of a part of
 * @phases, which are called P in vmexit-http(7); its reasons; and what a part says of one reason,
 * without saying which.
 */
json_t *jsonphases_sums(const struct phases *phases, const struct phases_part *part);
json_t *jsonphases_reasons(const struct phases *phases, const struct phases_part *part);
json_t *jsonphases_reason(const struct phases *phases, const struct phases_part *part,
			  const struct totals_reason *reason);

/*
 * @into with what @from has besides, and @list with @value. Each takes ownership of both; one of
 * them may be NULL, and so is the result then.
 */
json_t *jsonphases_join(json_t *into, json_t *from);
json_t *jsonphases_append(json_t *list, json_t *value);

#endif
