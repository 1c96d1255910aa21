/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Phases of a boot as JSON, as vmexit-http(7) says. Non-logging. */
#ifndef DAEMON_JSONPHASES_H
#define DAEMON_JSONPHASES_H

#include <jansson.h>

#include "daemon/query/phases.h"

/* Returns 0 with a string that the caller frees, or -ENOMEM. */
int jsonphases_text(const struct query_vm *vm, const struct phases *phases, char **ret_text);

/*
 * The sums of a part of @phases, without its name and times: what is called P in vmexit-http(7).
 * For the other answers that have some; NULL for want of memory.
 */
json_t *jsonphases_sums(const struct phases *phases, const struct phases_part *part);

#endif
