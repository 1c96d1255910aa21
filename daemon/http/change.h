/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A POST of vmexit-http(7) without HTTP: which change it asks for. Non-logging. */
#ifndef DAEMON_CHANGE_H
#define DAEMON_CHANGE_H

#include "daemon/http/api.h"
#include "daemon/base/orders.h"

#define CHANGE_BODY_MAX 4096
#define CHANGE_INTERVAL_MIN_MS 10
#define CHANGE_INTERVAL_MAX_MS 10000

/* True if @path is one that is changed by POST. */
bool change_is(const char *path);

/*
 * What a POST of the JSON @body to @path asks for. Returns 0 with the order, or
 * -EINVAL with an answer that says what is wrong.
 */
int change_parse(struct query *query, const char *path, const char *body, size_t len,
		 struct order *ret_order, struct answer *ret_answer);

#endif
