/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the sources say, turned into VMs, boots and samples for the store: when a
 * boot opens, which samples are new, and at what host time they were taken.
 * Logging.
 */
#ifndef DAEMON_COLLECT_H
#define DAEMON_COLLECT_H

#include "daemon/channel.h"
#include "daemon/domains.h"
#include "daemon/hostsource.h"
#include "daemon/store.h"

struct collect;

/* @store outlives the result. Returns NULL for want of memory. */
struct collect *collect_new(struct store *store);
void collect_free(struct collect *collect);

/* Serve the agent of a VM that libvirt does not know. Returns 0 or -ENOMEM. */
int collect_add_channel(struct collect *collect, const char *name, const char *socket);

/* For domains_new(), with the collect as context. */
extern const struct domains_ops collect_domains_ops;

/* For hostsource_new(), likewise. */
void collect_host_reading(void *ctx, const struct host_reading *reading);

/* Where to ask for a reading when a domain starts; NULL for nowhere. */
void collect_set_hostsource(struct collect *collect, struct hostsource *hostsource);

/* The store has committed: acknowledge, and go on reading. */
void collect_committed(struct collect *collect);

#endif
