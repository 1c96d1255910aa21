/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMs and their sources: what libvirt, the host's counters and the agents' channels
 * say, each told to the right VM. Logging.
 */
#ifndef DAEMON_COLLECT_H
#define DAEMON_COLLECT_H

#include "daemon/intake/channel.h"
#include "daemon/libvirt/domains.h"
#include "daemon/host/hostlink.h"
#include "daemon/host/vitals.h"
#include "daemon/store/store.h"

struct collect;

/*
 * @store and @vitals outlive the result; a guest may fill @guest_disk_limit_mb of the
 * store in an hour. Returns NULL for want of memory.
 */
struct collect *collect_new(struct store *store, struct vitals *vitals,
			    unsigned int guest_disk_limit_mb);
void collect_free(struct collect *collect);

/* Serve the agent of a VM that libvirt does not know. Returns 0 or -ENOMEM. */
int collect_add_channel(struct collect *collect, const char *name, const char *socket);

/* For domains_new(), with the collect as context. */
extern const struct domains_ops collect_domains_ops;

/* For hostsource_new(), likewise. */
extern const struct hostsource_ops collect_host_ops;

/* Where to have the VMs read that run; NULL for nowhere. */
void collect_set_hostsource(struct collect *collect, struct hostsource *hostsource);

/*
 * Ask the agent of the VM of @key for a sample every @interval_us, 0 for as it sees
 * fit, until told otherwise. Returns 0; -ENOENT when the VM has no channel;
 * -ENOTCONN when no agent is connected; -EPROTONOSUPPORT when its version cannot.
 */
int collect_set_pace(struct collect *collect, const char *key, uint32_t interval_us);

/* The store has committed: acknowledge, and go on reading. */
void collect_committed(struct collect *collect);

#endif
