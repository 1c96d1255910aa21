/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmexit-http(7) without HTTP: paths and parameters in, an answer out. Knows
 * nothing of sockets; http.c sends what this decides. Non-logging.
 */
#ifndef DAEMON_API_H
#define DAEMON_API_H

#include "daemon/host/vitals.h"
#include "daemon/http/answer.h"
#include "daemon/http/params.h"
#include "daemon/query/query.h"
#include "daemon/query/recent.h"
#include "daemon/store/store.h"

struct remote;

/*
 * Answer a GET of @path. @stats is the store's, @vitals and @recent are what is not stored
 * or kept at hand; @remote may be NULL. The answer, which may be an error, is freed with
 * answer_done(); its exporter must not outlive @query.
 */
void api_get(struct query *query, const char *path, struct params *params,
	     const struct store_stats *stats, struct vitals *vitals, struct recent *recent,
	     struct remote *remote, struct answer *ret_answer);

#endif
