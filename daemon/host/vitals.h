/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of VMs at this moment beside their samples, and not stored. Written
 * by the main loop, read by HTTP's threads. Non-logging.
 */
#ifndef DAEMON_VITALS_H
#define DAEMON_VITALS_H

#include "daemon/host/hosttarget.h"

struct config;
struct vitals;

struct vital {
	struct host_state host;
	char reason[32];		/* libvirt's of the VM's state: "crashed"; "" for none */
};

struct vitals *vitals_new(void);
void vitals_free(struct vitals *vitals);

/* The daemon's settings, which outlive it; NULL until they are set. */
void vitals_set_config(struct vitals *vitals, const struct config *config);
const struct config *vitals_config(struct vitals *vitals);

/* Whether libvirt's domains are known at the moment. */
void vitals_set_libvirt(struct vitals *vitals, bool connected);
bool vitals_libvirt(struct vitals *vitals);

/* All zero for a VM of which nothing is known. */
void vitals_get(struct vitals *vitals, const char *key, struct vital *ret_vital);

/* Both copy; short memory loses the news. */
void vitals_set_host(struct vitals *vitals, const char *key, const struct host_state *host);
void vitals_set_reason(struct vitals *vitals, const char *key, const char *reason);

#endif
