/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's own exit counters of VMs, from a thread of its own: from KVM's debugfs where
 * it can be read, else from libvirt, whose calls wait for QEMU. Nothing waits for
 * it. Logging.
 */
#ifndef DAEMON_HOSTSOURCE_H
#define DAEMON_HOSTSOURCE_H

#include "daemon/host/hosttarget.h"

struct hostsource;

/* Called in the main loop. */
struct hostsource_ops {
	/* Of whose reasons the order does not matter: they may be sorted. */
	void (*reading)(void *ctx, struct host_reading *reading);
	void (*state)(void *ctx, const char *key, const struct host_state *state);
};

enum hostsource_use { HOSTSOURCE_AUTO, HOSTSOURCE_DEBUGFS, HOSTSOURCE_LIBVIRT };

struct hostsource_settings {
	const char *uri;		/* of libvirt, or NULL */
	enum hostsource_use use;
	unsigned int interval_ms;
	unsigned int boot_interval_ms;	/* while a VM boots */
	unsigned int boot_seconds;	/* for so long */
	const char *debugfs, *proc;	/* KVMDEBUGFS_ROOT and "/proc", but for tests */
};

/*
 * Returns 0 or -errno; the settings are copied. hostsource_free() waits a second at
 * most for a libvirt that does not answer.
 */
int hostsource_new(const struct hostsource_settings *settings, const struct hostsource_ops *ops,
		   void *ctx, struct hostsource **ret_hostsource);
void hostsource_free(struct hostsource *hostsource);

/* Read @vm (copied) from now on, at once for the first time; also when it changed. */
void hostsource_watch(struct hostsource *hostsource, const struct host_vm *vm);
void hostsource_forget(struct hostsource *hostsource, const char *key);

#endif
