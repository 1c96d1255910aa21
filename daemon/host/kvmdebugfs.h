/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What KVM shows of one VM in debugfs: exits by reason with their cycles where the
 * host is patched, else their number. Reading it does not disturb the VM.
 * Non-logging.
 */
#ifndef DAEMON_KVMDEBUGFS_H
#define DAEMON_KVMDEBUGFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define KVMDEBUGFS_ROOT "/sys/kernel/debug/kvm"
#define KVMDEBUGFS_REASONS_MAX 256
#define KVMDEBUGFS_TEXT_MAX 65536

/* One reason's counters since the VM was created. */
struct host_reason {
	uint32_t reason;
	uint64_t count, handling_cycles, away_cycles;
};

enum kvmdebugfs_has {
	KVMDEBUGFS_HAS_REASONS = 1 << 0,	/* with generation and namespace */
	KVMDEBUGFS_HAS_CYCLES = 1 << 1,
};

struct kvmdebugfs_counts {
	uint32_t has;			/* KVMDEBUGFS_HAS_* */
	uint64_t exits;
	uint64_t generation;
	uint32_t reason_namespace;	/* VMEXIT_REASONS_* */
	uint64_t handling_cycles, away_cycles;	/* sums; away is without idle */
	uint64_t idle_cycles;
	uint32_t vcpus;
	int table_error;		/* -errno: there is a table, but it cannot be used */
	size_t reasons_count;
	struct host_reason reasons[KVMDEBUGFS_REASONS_MAX];
};

/*
 * Read the table `exit_reasons` from its text. Returns 0, -ENODATA if the VM's mode
 * counts no exits, or -EBADMSG; then *ret_counts is untouched.
 */
int kvmdebugfs_parse(const char *text, size_t len, struct kvmdebugfs_counts *ret_counts);

struct kvmdebugfs;

/*
 * Find the VM that the process @pid holds below @root (KVMDEBUGFS_ROOT); @proc is
 * "/proc". Returns 0, -ESRCH if it holds none, -ENOTUNIQ if it holds several, or why
 * @root cannot be read: -ENOENT, -EACCES, -EPERM.
 */
int kvmdebugfs_open(const char *root, const char *proc, pid_t pid, struct kvmdebugfs **ret_vm);
void kvmdebugfs_close(struct kvmdebugfs *vm);

/* Its directory's name, "PID-FD". */
const char *kvmdebugfs_name(const struct kvmdebugfs *vm);

/*
 * Read the table, or without one that can be used the number of exits. Returns 0,
 * -ESRCH when the VM has ended, or -errno.
 */
int kvmdebugfs_read(struct kvmdebugfs *vm, struct kvmdebugfs_counts *ret_counts);

#endif
