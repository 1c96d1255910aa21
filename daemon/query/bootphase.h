/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the phases of a boot began, as its guest's agent marked them. Logging (database
 * errors only).
 */
#ifndef DAEMON_BOOTPHASE_H
#define DAEMON_BOOTPHASE_H

#include "daemon/query/query.h"

/* X(IDENTIFIER, name, label of the mark that it begins with, or NULL), in their order. */
#define BOOTPHASE_MAP(X) \
	X(FIRMWARE, "firmware", NULL)	/* creation or reset to the kernel's start */ \
	X(KERNEL, "kernel", "kernel") \
	X(INITRAMFS, "initramfs", "initramfs") \
	X(USERSPACE, "userspace", "userspace") \
	X(RUNNING, "running", "finished") \
	X(UNKNOWN, "unknown", NULL)	/* nobody told which */

enum bootphase {
#define X(identifier, name, label) BOOTPHASE_##identifier,
	BOOTPHASE_MAP(X)
#undef X
	BOOTPHASES
};

/* Each at most once. */
#define BOOTPHASE_MAX BOOTPHASES

struct bootphases {
	size_t count;			/* at least one */
	struct {
		enum bootphase name;
		int64_t from_ns;	/* host time; ends where the next begins, or the boot */
	} at[BOOTPHASE_MAX];		/* ascending; the first begins where the boot opened */
};

/*
 * The phases that @boot was in, as far as they are known: begins are those of the marks
 * (the earliest of a label counts), that of the kernel else the first guest sample's host time
 * less its uptime. Of a guest that was restored the marks from before count. Where nothing
 * tells them all is BOOTPHASE_UNKNOWN. A guest that lies about its times gets phases
 * that are in order and in the boot. Returns 0 or -errno.
 */
int bootphase_read(struct query *query, const struct boot *boot, struct bootphases *ret_phases);

const char *bootphase_name(enum bootphase phase);

#endif
