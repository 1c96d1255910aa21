/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Boots beside each other as JSON, as vmexit-http(7) says. Non-logging. */
#ifndef DAEMON_JSONCOMPARE_H
#define DAEMON_JSONCOMPARE_H

#include "daemon/query/compare.h"

/* @vms are those of the boots. Returns 0 with a string that the caller frees, or -ENOMEM. */
int jsoncompare_text(const struct query_vm *vms, const struct compare *compare, char **ret_text);

#endif
