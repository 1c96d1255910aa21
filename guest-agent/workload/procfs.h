/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest is doing, from /proc. Files stay open and nothing is allocated;
 * what cannot be read is unknown, never zero. Non-logging.
 */
#ifndef GUEST_AGENT_PROCFS_H
#define GUEST_AGENT_PROCFS_H

#include "guest-agent/shared/workload.h"
#include "guest-agent/workload/lines.h"

#define PROCFS_FILES 8

struct procfs {
	const char *root;
	int fd[PROCFS_FILES];
};

/* @root is "/proc", or a test's; kept, not copied. It may be mounted later. */
void procfs_init(struct procfs *procfs, const char *root);
void procfs_done(struct procfs *procfs);

/*
 * Read everything into @ret_workload. CPU time is the sum of all CPUs. Disks are
 * whole disks (no partitions, loop, ram, device-mapper or md devices, whose
 * traffic is their disks'); interfaces are all but lo.
 */
void procfs_read(struct procfs *procfs, struct lines_buffer *buffer, struct workload *ret_workload);

#endif
