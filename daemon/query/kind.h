/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What curves show: names and units of series as people ask for them. Non-logging, pure.
 */
#ifndef DAEMON_KIND_H
#define DAEMON_KIND_H

#include "daemon/base/record.h"
#include "daemon/store/key.h"

/* What there is, for a message. */
#define KIND_WORDS \
	"count, handling, away, idle, agent, taken, interrupt_source, unit_cpu_us, " \
	"process_cpu_us and the workload columns of samples.csv"

/*
 * The key of "count" (of the whole VM), "handling", a workload value's name, ...; *ret_named:
 * there are many, by name. Returns 0 or -EINVAL.
 */
int kind_parse(const char *word, struct key *ret_key, bool *ret_named);

/* Of a whole VM's kind the one by exit reason, or by vCPU; id is the caller's. False: none. */
bool kind_by_reason(struct key *key);
bool kind_by_vcpu(struct key *key);
bool kind_is_by_reason(const struct key *key);
bool kind_is_by_vcpu(const struct key *key);

/* The word for it: "count" also for that of a reason. */
const char *kind_name(const struct key *key);

/* Unit of its rate or level, or of the sum since the boot began. */
const char *kind_unit(const struct key *key, bool cumulative);

/* True for times of the host's that are shown as a share of vCPUs' time: a unit of 1. */
bool kind_is_share(const struct key *key);

/* Whether it adds up: no level, and nothing whose zero is not known. */
bool kind_accumulates(const struct key *key);

/*
 * What an increase a second is to be multiplied with for kind_unit(): shares need the boot's
 * vCPUs (a vCPU's own share none) and clock rate. 0: these are not known.
 */
double kind_scale(const struct key *key, const struct boot *boot, bool cumulative);

#endif
