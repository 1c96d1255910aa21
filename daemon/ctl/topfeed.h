/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What keeps the live view's data fed: one stream of all samples, the list when it changed, and
 * one VM's reasons once a refresh. When vmexitd goes away, it says so and asks again and again.
 * Logging, until topfeed_new() is over.
 */
#ifndef DAEMON_CTL_TOPFEED_H
#define DAEMON_CTL_TOPFEED_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/ctl/topdata.h"
#include "daemon/ctl/topreasons.h"

struct topfeed;

/*
 * The list is there at once. @socket is kept, not copied. Returns 0, or -errno after a line
 * that says what to do if nobody answers now.
 */
int topfeed_new(const char *socket, struct topfeed **ret_feed);
void topfeed_free(struct topfeed *feed);

/*
 * From now on, the exits by reason of the VM with that id ("": of none), as @choice counts
 * them; what was known of another one is forgotten. They are asked for at once.
 */
void topfeed_watch(struct topfeed *feed, const char *vm, enum topdata_choice choice);

/* A refresh, which comes every @interval_s: what came since the last is settled. */
void topfeed_tick(struct topfeed *feed, double interval_s);

/* Wait for news, for one of @fds to be readable, or @timeout_ms. */
void topfeed_wait(struct topfeed *feed, const int *fds, size_t count, int timeout_ms);

/* Whether all that was asked for has been answered. */
bool topfeed_is_settled(const struct topfeed *feed);

/* Whether there is something new to show since the last time this was asked. */
bool topfeed_take_news(struct topfeed *feed);

struct topdata *topfeed_data(struct topfeed *feed);
const struct topreasons *topfeed_reasons(const struct topfeed *feed);

/* "vmexitd 0.1: ok"; and what is wrong between here and there, "" if nothing is. */
const char *topfeed_daemon(const struct topfeed *feed);
const char *topfeed_trouble(const struct topfeed *feed);

#endif
