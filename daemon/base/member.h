/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of a VM beside its record. For boots.c, intake.c and collect.c. */
#ifndef DAEMON_MEMBER_H
#define DAEMON_MEMBER_H

#include "daemon/intake/guestclock.h"
#include "daemon/intake/hostclock.h"
#include "daemon/host/hostlink.h"
#include "daemon/intake/limit.h"
#include "daemon/intake/lost.h"
#include "daemon/intake/oracle.h"
#include "daemon/store/store.h"
#include "guest-agent/shared/log.h"

struct channel;

/* What is the same for all VMs. */
struct member_setting {
	struct store *store;
	struct hostsource *hostsource;	/* where to have VMs read that run; NULL for nowhere */
	struct hostclock clock;
	double guest_disk_bytes_per_h;
};

struct member {
	struct member_setting *setting;
	struct vm *vm;
	struct channel *channel;
	struct hostlink link;
	bool found;			/* by libvirt, since it was connected */
	bool joined;			/* the agent's last hello belongs to the latest boot */
	uint32_t host_vcpus;		/* of this life, as the host sees them; 0: not known */
	struct guestclock clock;
	struct oracle oracle;
	unsigned int clock_steps;	/* of the host's clock, that the oracle has seen */
	uint64_t suspect;		/* sequence at which the host exposed the guest; 0: none */
	struct limit disk, marks;
	struct lost lost;
	uint64_t acked;
	uint32_t pace_us;		/* wished for of the agent; 0: none */
	unsigned int claims;		/* boots and lives that only the guest speaks of */
	int64_t claims_since_ns;
	struct log_limit log;
	struct member *next;
};

#endif
