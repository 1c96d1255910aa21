/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ties a VM's record to the host source. Non-logging. */
#ifndef DAEMON_HOSTLINK_H
#define DAEMON_HOSTLINK_H

#include "daemon/host/hostsource.h"
#include "guest-agent/shared/detail.h"

/* Zero-initialise. */
struct hostlink {
	bool by_libvirt;
	pid_t pid;			/* without libvirt: QEMU's, while its socket is connected */
	char process[RECORD_LIFE_MAX + 1];	/* the KVM VM of that, once it was read; or "" */
	uint32_t tsc_khz;		/* as the host measured it; 0: not yet */
	uint32_t reason_namespace;	/* as it found it */
};

/*
 * Have @hostsource (NULL: nothing) read @vm while it runs, as fast as its latest boot
 * is young.
 */
void hostlink_watch(const struct hostlink *link, struct hostsource *hostsource,
		    const struct vm *vm);

/* The agent's socket was connected, and @pid listens on it; 0: it was closed. */
void hostlink_peer(struct hostlink *link, pid_t pid);

/* The life of a boot that the guest announces; @guest is what to call it if it has none. */
const char *hostlink_life(const struct hostlink *link, const struct vm *vm, const char *guest);

/*
 * A reading without libvirt names its KVM VM. True if that is not the VM of @vm's
 * open boot: then it is another boot. One that the guest opened takes its name, if
 * it is not of another generation.
 */
bool hostlink_is_new(struct hostlink *link, struct vm *vm, const struct host_reading *reading);

/* Let @boot know what @reading says of it. True if that was new. */
bool hostlink_note(struct hostlink *link, struct boot *boot, const struct host_reading *reading);

/*
 * Where @boot's guest said of the host what the host itself found otherwise, that counts:
 * of its TSC, measured to a few percent, and whose numbers the reasons are. True if so.
 */
bool hostlink_correct(const struct hostlink *link, struct boot *boot);

/* True if the VM of @key is, or in an earlier run was, a domain: that is a UUID. */
bool hostlink_is_domain(const char *key);

/* Room for a list of all reasons: a field's head, and four varints of each. */
struct hostlink_detail {
	uint8_t bytes[4 + KVMDEBUGFS_REASONS_MAX * 4 * WIRE_VARINT_MAX];
};

/*
 * @reading, whose reasons it sorts, as a sample, but for its sequence. The sample's
 * list is in @detail.
 */
void hostlink_sample(struct host_reading *reading, struct hostlink_detail *detail,
		     struct sample *ret_sample);

#endif
