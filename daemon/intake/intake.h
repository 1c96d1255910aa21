/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest's agent sends, turned into records of one of its VM's boots: which of it
 * is new, at what host time it was taken, whether it can be true, and how much of it
 * the guest may have stored. Logging.
 */
#ifndef DAEMON_INTAKE_H
#define DAEMON_INTAKE_H

#include "daemon/intake/channel.h"
#include "daemon/base/member.h"

/* Marks that a guest may have, in a boot and in an hour; more become gaps. */
#define INTAKE_MARKS_PER_BOOT 10000
#define INTAKE_MARKS_PER_HOUR 1000
/* Ranges that may be quarantined in a boot; then nothing of it is believed any more. */
#define INTAKE_QUARANTINES_PER_BOOT 1000
/* What a record takes of a guest's share of the disk, beside its lists. */
#define INTAKE_RECORD_BYTES 300

/* For channel_new(), with a struct member as context. */
bool intake_ready(void *ctx);
bool intake_hello(void *ctx, const struct proto_hello *hello, uint64_t *ret_committed);
int intake_sample(void *ctx, const struct sample *sample, bool delayed);
int intake_mark(void *ctx, const struct proto_mark *mark);
int intake_gap(void *ctx, const struct proto_gap *gap);

/* A new member's shares. */
void intake_init(struct member *m);

/*
 * The host counted @exits of the VM, as @vcpus of its vCPUs show; it exposes a guest
 * that said otherwise.
 */
void intake_host_count(struct member *m, const struct oracle_count *host, uint32_t vcpus);

#endif
