/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's own exit counters of libvirt's domains, in a thread of its own: libvirt's
 * calls wait for QEMU, and nothing may wait for them. Logging.
 */
#ifndef DAEMON_HOSTSOURCE_H
#define DAEMON_HOSTSOURCE_H

#include "daemon/record.h"

struct hostsource;

struct host_reading {
	char uuid[RECORD_KEY_MAX + 1];
	int64_t t_ns;		/* host's CLOCK_REALTIME at the reading */
	int64_t error_ns;	/* the reading may be so far from it */
	uint64_t exits;		/* sum over vCPUs since the VM was created */
	uint32_t vcpus;		/* that have counters */
};

/* Called in the main loop. */
typedef void (*hostsource_fn)(void *ctx, const struct host_reading *reading);

/*
 * Read the counters at @uri every @interval_ms. Returns 0 or -errno.
 * hostsource_free() waits a second at most for a libvirt that does not answer.
 */
int hostsource_new(const char *uri, unsigned int interval_ms, hostsource_fn fn, void *ctx,
		   struct hostsource **ret_hostsource);
void hostsource_free(struct hostsource *hostsource);

/* Read now as well: a domain has just started. */
void hostsource_poke(struct hostsource *hostsource);

#endif
