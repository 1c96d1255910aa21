/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries out what clients order, in the main loop and the worker's threads. Logging. */
#ifndef DAEMON_OPERATE_H
#define DAEMON_OPERATE_H

#include "daemon/intake/collect.h"
#include "daemon/base/orders.h"

struct operate;
struct worker;

/* @uri is libvirt's, or NULL. Returns 0 or -errno. */
int operate_new(const char *uri, struct worker *worker, struct collect *collect,
		struct operate **ret_operate);
void operate_free(struct operate *operate);

/* Where clients' orders are given. */
struct orders *operate_orders(struct operate *operate);

#endif
