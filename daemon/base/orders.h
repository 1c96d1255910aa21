/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What clients ask to be changed: from HTTP's threads to the main loop, and the
 * answer back. Each is answered exactly once, if need be since it takes too long.
 * Non-logging.
 */
#ifndef DAEMON_ORDERS_H
#define DAEMON_ORDERS_H

#include <stdint.h>

#include "daemon/base/record.h"

enum order_kind {
	ORDER_ATTACH,		/* give a domain the agent's channel */
	ORDER_DETACH,
	ORDER_PACE,		/* have its agent sample at another rate */
};

struct order {
	enum order_kind kind;
	char vm_key[RECORD_KEY_MAX + 1];
	char vm_name[RECORD_NAME_MAX + 1];
	uint32_t interval_ms;	/* of a pace; 0: as the agent sees fit */
};

struct orders;

/* Called in the main loop; orders_answer() with @id follows now or later. */
typedef void (*orders_fn)(void *ctx, uint64_t id, const struct order *order);

/* Called in the main loop; @text is JSON, or NULL without memory for it. */
typedef void (*orders_answer_fn)(void *ctx, int status, const char *text);

/* Returns 0 or -errno. */
int orders_new(orders_fn fn, void *ctx, struct orders **ret_orders);
void orders_free(struct orders *orders);

/*
 * From any thread: have @order (copied) carried out. Returns 0, then @answer is called
 * once, perhaps before this returns; -EBUSY when too many wait; -ESHUTDOWN; -ENOMEM.
 */
int orders_give(struct orders *orders, const struct order *order, orders_answer_fn answer,
		void *answer_ctx);

/* HTTP's status and the answer's text. One that is too late is dropped. */
void orders_answer(struct orders *orders, uint64_t id, int status, const char *text);

/* Answer all that wait, and take no more. */
void orders_stop(struct orders *orders);

#endif
