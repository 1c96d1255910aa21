/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answers of vmexit-http(7) as JSON text. Each returns 0 with a string that
 * the caller frees, or -errno. Non-logging.
 */
#ifndef DAEMON_JSONOUT_H
#define DAEMON_JSONOUT_H

#include "daemon/libvirt/attach.h"
#include "daemon/base/orders.h"
#include "daemon/query/query.h"
#include "daemon/store/store.h"
#include "daemon/host/vitals.h"

int jsonout_error(const char *message, char **ret_text);
int jsonout_health(const struct store_stats *stats, char **ret_text);
int jsonout_reasons(char **ret_text);
int jsonout_vms(struct query *query, struct vitals *vitals, char **ret_text);
int jsonout_boots(struct query *query, const struct query_vm *vm, char **ret_text);

/* The answers to orders: to attach and detach, and to a pace. */
int jsonout_attach(const struct order *order, const struct attach_result *result,
		   char **ret_text);
int jsonout_pace(const struct order *order, char **ret_text);

#endif
