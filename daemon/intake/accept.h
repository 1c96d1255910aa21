/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a guest's sample can be true. An honest agent's always passes; what does
 * not pass was not counted by KVM. Non-logging, pure.
 *
 * The rules, each with what makes an honest sample look odd and is therefore allowed:
 *
 *   FELL    No counter falls within a generation.
 *   CYCLES  Handling, and away with idle, are at most vCPUs x TSC cycles since the KVM
 *           VM's creation. Away time is booked at re-entry, so one interval may hold
 *           more than its own; since the creation none can. The daemon hears of a
 *           creation late, and tsc_khz is rounded: ACCEPT_SLACK_NS and a thousandth.
 *   SUM     A sample's total is read first, its reasons after that: their sum is at
 *           least the total, and at most the next sample's. It may well be above its
 *           own total; the VM exits while it is read.
 *   CLOCK   The host's clock at the reading is not later than the arrival and not
 *           before the VM's creation. The host's clock may have been set back since:
 *           the caller says how far. A host time before the last one's is no lie
 *           either, for the same reason; whoever stores it keeps time going forward.
 *
 * What is not known (0) is not held against a sample.
 */
#ifndef DAEMON_ACCEPT_H
#define DAEMON_ACCEPT_H

#include "daemon/base/record.h"

#define ACCEPT_SLACK_NS 5000000000LL
#define ACCEPT_FUTURE_NS 1000000000LL

/* What the host itself knows. */
struct accept_facts {
	int64_t arrived_ns;	/* host's CLOCK_REALTIME */
	int64_t set_back_ns;	/* so far that clock was set back lately */
	int64_t created_ns;	/* the KVM VM's; 0: nobody saw it */
	uint32_t vcpus;		/* 0: not known */
	uint32_t tsc_khz;	/* 0: not known */
};

/* @before are the counters of the same generation so far. 0: it can be true. */
enum quarantine_cause accept_sample(const struct accept_facts *facts,
				    const struct counters *before, const struct sample *sample);

#endif
