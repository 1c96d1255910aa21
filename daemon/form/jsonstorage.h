/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is stored and what may be, as vmexit-http(7) says. Non-logging. */
#ifndef DAEMON_JSONSTORAGE_H
#define DAEMON_JSONSTORAGE_H

#include "daemon/query/storage.h"
#include "daemon/store/expire.h"

/* Returns 0 with a string that the caller frees, or -errno. */
int jsonstorage(struct query *query, const struct expire_limits *limits, char **ret_text);

#endif
