/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One VM whose counters the host source reads: where its QEMU is, its directory in
 * KVM's debugfs, and what is known of it from reading to reading. Used by the host
 * source's thread only. Logging.
 */
#ifndef DAEMON_HOSTTARGET_H
#define DAEMON_HOSTTARGET_H

#include <sys/types.h>

#include "daemon/host/hostplan.h"
#include "daemon/host/kvmdebugfs.h"
#include "daemon/host/pollcost.h"
#include "daemon/base/record.h"
#include "daemon/host/tsc.h"

/* Where a VM's counters come from; each is preferred to those before it. */
enum host_path {
	HOST_PATH_NONE,		/* nowhere, so far */
	HOST_PATH_LIBVIRT,
	HOST_PATH_EXITS,	/* debugfs, of a KVM that only has a total */
	HOST_PATH_REASONS,	/* debugfs, with reasons */
};

enum host_has {
	HOST_HAS_REASONS = 1 << 0,	/* with generation and namespace */
	HOST_HAS_CYCLES = 1 << 1,	/* handling and away */
	HOST_HAS_IDLE = 1 << 2,
};

/*
 * One reading. Whoever stores it takes it from collect_host_reading(): totals as they
 * are, and reasons[] as a sample's list of reasons, in the order given here (not sorted).
 */
struct host_reading {
	char key[RECORD_KEY_MAX + 1];
	char life[RECORD_LIFE_MAX + 1];	/* of a VM without libvirt: its KVM VM; else "" */
	int64_t began_ns;		/* CLOCK_REALTIME when that VM's process began; 0: not known */
	int64_t t_ns;			/* host's CLOCK_REALTIME at the reading */
	int64_t error_ns;		/* it may be so far from that */
	uint32_t has;			/* HOST_HAS_* */
	uint32_t vcpus;			/* that have counters */
	uint32_t tsc_khz;		/* of the host; 0: not known */
	uint32_t reason_namespace;
	uint64_t generation;
	/* Since the VM was created, all vCPUs together. */
	uint64_t exits;
	uint64_t handling_cycles, away_cycles, idle_cycles;
	size_t reasons_count;		/* up to KVMDEBUGFS_REASONS_MAX */
	struct host_reason reasons[];
};

/* Why the host has no exits by reason of a VM, or none at all. */
enum host_lack {
	HOST_LACK_NOTHING,	/* it has, or nobody has looked yet */
	HOST_LACK_RIGHTS,	/* KVM's debugfs may not be read */
	HOST_LACK_DEBUGFS,	/* it is not there: not mounted, or KVM is not loaded */
	HOST_LACK_VM,		/* the VM is not in there, as far as its process is known */
	HOST_LACK_ONE,		/* its process has several VMs */
	HOST_LACK_SERIES,	/* KVM has only a total */
	HOST_LACK_TABLE,	/* KVM's table cannot be used */
	HOST_LACK_COUNTERS,	/* nor has libvirt any */
};

/* How a VM's counters are read, and whether its QEMU answers. */
struct host_state {
	enum host_path path;
	enum host_lack lack;
	bool has_poll_exits;
	double poll_exits;		/* that one reading causes */
	int64_t stuck_since_ns;		/* CLOCK_REALTIME; 0: QEMU answers, as far as is known */
};

/* A VM whose counters are wanted. */
struct host_vm {
	char key[RECORD_KEY_MAX + 1];	/* a libvirt domain's UUID */
	char name[RECORD_NAME_MAX + 1];
	char life[RECORD_LIFE_MAX + 1];	/* a new one is a new QEMU */
	bool libvirt;			/* a domain; else the process is known: */
	pid_t pid;
	int64_t booted_ns;		/* CLOCK_REALTIME at its boot's begin; 0: nobody saw it */
};

/* What all targets share. */
struct hosttarget_place {
	const char *debugfs, *proc;	/* KVMDEBUGFS_ROOT and "/proc", but for tests */
	const char *pid_dir;		/* of libvirt's pid files; "" if there is none */
	struct tsc tsc;
	char host_boot[48];
	bool alone;			/* there is no other way than debugfs */
	bool unreadable_said;
};

struct hosttarget {
	struct host_vm vm;
	struct kvmdebugfs *debugfs;
	char life[RECORD_LIFE_MAX + 1];
	int64_t began_ns;
	pid_t pid;			/* while debugfs is open */
	int64_t due_ns;			/* CLOCK_MONOTONIC */
	int64_t search_ns;		/* when to look for its directory again */
	unsigned int searches;		/* in vain, since the last was found */
	bool waits;			/* for its directory, which may yet be found */
	bool refused;			/* its directory is there and cannot be read */
	bool table_said;
	unsigned int silent;		/* answers of libvirt without counters, in a row */
	struct pollcost cost;
	int64_t last_t_ns;		/* latest reading through libvirt */
	uint64_t last_exits;
	int64_t halted_ns;		/* CLOCK_REALTIME; see hostplan_halted() */
	struct host_state state, reported;
	struct hosttarget *next;
};

/* True once libvirt answered several times that it has no counters of this VM. */
bool hosttarget_is_silent(const struct hosttarget *target);

struct hosttarget *hosttarget_new(const struct host_vm *vm, int64_t now_ns);
void hosttarget_free(struct hosttarget *target);

/* Something about the VM is new; another life begins all over. */
void hosttarget_change(struct hosttarget *target, const struct host_vm *vm, int64_t now_ns);

/*
 * Read from debugfs. Returns 0 with the reading, which the caller frees; -EAGAIN when
 * its directory may yet be found, or another -errno when libvirt has to do.
 */
int hosttarget_read(struct hosttarget *target, struct hosttarget_place *place, int64_t now_ns,
		    struct host_reading **ret_reading);

/*
 * Take in what libvirt answered about it. Returns the reading, which the caller
 * frees, or NULL if there is none.
 */
struct host_reading *hosttarget_answer(struct hosttarget *target,
				       const struct hosttarget_place *place,
				       const struct virtstats_domain *answer, bool reads);

#endif
