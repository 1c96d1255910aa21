/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VM, one of its boots and what belongs to that, as the daemon keeps and stores them. */
#ifndef DAEMON_RECORD_H
#define DAEMON_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "daemon/store/counters.h"
#include "guest-agent/shared/proto.h"

#define RECORD_KEY_MAX 64
#define RECORD_NAME_MAX 255
#define RECORD_LIFE_MAX 95
#define RECORD_ERROR_MAX 255

/* So many boots a guest may be silent in, and where it was before is known. */
#define RECORD_BOOTS_SILENT 16

/* Numbers are in the database: append only. */
enum sample_source { SOURCE_GUEST = 0, SOURCE_HOST = 1, SOURCES };
enum vm_state { VM_UNKNOWN = 0, VM_RUNNING = 1, VM_PAUSED = 2, VM_STOPPED = 3 };
enum vm_agent {
	AGENT_NO_CHANNEL = 0,	/* the domain's XML has none */
	AGENT_UNREACHABLE = 1,	/* the socket cannot be opened */
	AGENT_WAITING = 2,	/* channel there, agent silent */
	AGENT_CONNECTED = 3,
};
enum vm_leaf { LEAF_UNKNOWN = 0, LEAF_NO = 1, LEAF_YES = 2 };
enum boot_cause {
	BOOT_FOUND = 0,		/* the VM ran before the daemon did */
	BOOT_CREATED = 1,	/* the VM's creation was seen: counters began at zero */
	BOOT_REBOOT = 2,
	BOOT_GUEST = 3,		/* the guest had a new boot id */
	BOOT_RESUMED = 4,	/* restored or migrated in */
};

/* Why a boot lacks samples: below GAP_OURS the agent's own words, proto_gap_cause. */
enum gap_cause {
	GAP_UNKNOWN = 0,
	GAP_FULL = PROTO_GAP_FULL,
	GAP_MISSED = PROTO_GAP_MISSED,
	GAP_MOVED = PROTO_GAP_MOVED,
	GAP_OURS = 64,
	GAP_RESTART = GAP_OURS,	/* between an agent's last sample and the next agent's start */
	GAP_LIMIT = 65,		/* the guest sent more than it may */
	GAP_LOST = 66,		/* the agent took them, and neither they nor its word came */
	GAP_DISK = 67,		/* the host's own, while nothing could be committed */
};

/* Why a guest's samples are not believed. */
enum quarantine_cause {
	QUARANTINE_NONE = 0,
	QUARANTINE_FELL = 1,	/* a counter fell within a generation */
	QUARANTINE_CYCLES = 2,	/* more cycles than its vCPUs had since they were created */
	QUARANTINE_SUM = 3,	/* reasons and total cannot be of one VM */
	QUARANTINE_CLOCK = 4,	/* a host time to come, or before the VM's creation */
	QUARANTINE_HOST = 5,	/* the host itself counted otherwise */
	QUARANTINE_LIVES = 6,	/* generations or boots more often than is believed */
	QUARANTINE_OFTEN = 7,	/* too many of the above in one boot: nothing of it is believed */
};

/* Sequences of a boot without a sample: a gap, or quarantined. */
struct range {
	uint64_t from, to;			/* sequences, both included */
	int64_t from_ns, to_ns;			/* host time */
	int64_t count;				/* of samples; -1: not known */
	int cause;				/* enum gap_cause or enum quarantine_cause */
};

struct mark {
	uint64_t sequence;
	int64_t t_ns;				/* host time */
	uint64_t t_boot_ns;			/* guest's CLOCK_BOOTTIME */
	enum proto_mark_kind kind;
	uint64_t begin;				/* of an end: sequence of its begin */
	uint32_t uid;				/* in the guest */
	bool has_status;
	uint32_t status;			/* of an end: exit status */
	char label[PROTO_LABEL_MAX + 1];	/* printable ASCII */
};

enum range_kind { RANGE_GAP, RANGE_QUARANTINE };

/* The range that a boot's last sequence ended; the next may go on with it. */
struct open_range {
	enum range_kind kind;
	struct range range;
	struct range *pending;			/* where it waits for its commit, or NULL */
};

struct boot {
	int64_t id;
	int64_t vm_id;
	uint32_t number;			/* 1, 2, ... of its VM */
	char life[RECORD_LIFE_MAX + 1];
	enum boot_cause cause;
	int64_t opened_ns;
	int64_t closed_ns;			/* 0: open */
	int64_t created_ns;			/* its KVM VM's begin; 0: nobody saw it */
	bool has_generation;
	uint64_t generation;			/* of the KVM VM whose counters these are */
	bool has_guest_boot_id;
	uint8_t guest_boot_id[PROTO_BOOT_ID_SIZE];
	char kernel[PROTO_TEXT_MAX + 1];
	char agent[PROTO_TEXT_MAX + 1];
	uint32_t vcpus;				/* 0: not known */
	uint32_t tsc_khz;			/* 0: not known */
	uint32_t reason_namespace;		/* 0: not known */

	/* Not stored as such: where each source goes on. Kept by the store. */
	uint64_t last_sequence[SOURCES];	/* of a sample, mark, gap or quarantined one */
	uint64_t committed[SOURCES];		/* likewise */
	int64_t last_t_ns[SOURCES];		/* of a sample */
	bool has_base[SOURCES];			/* its first exits are stored */
	struct counters last[SOURCES];		/* of the last sample that had them */
	struct open_range open;			/* guest's; valid while it ends last_sequence */
	struct range *refused;			/* of the host, where it waits for its commit, or NULL */
	struct range *retracted;		/* likewise, with nothing of the boot behind it */
	bool has_taken;				/* as loaded: the next is known */
	uint64_t taken;				/* by its agent, and it is not in a gap */
	uint64_t marks;				/* so many are there */
	uint64_t quarantines;			/* ranges */

	bool dirty;				/* differs from the database */
	unsigned int users;			/* pending ones, and a VM's pointers */
	struct boot *next_dirty;
};

/* Whether no sample of the guest that was restored in @boot is there: it may be from before. */
static inline bool record_is_silent(const struct boot *boot)
{
	return boot->cause == BOOT_RESUMED && boot->last_t_ns[SOURCE_GUEST] == 0;
}

static inline bool record_other_guest(const struct boot *a, const struct boot *b)
{
	return a->has_guest_boot_id && b->has_guest_boot_id &&
	       memcmp(a->guest_boot_id, b->guest_boot_id, PROTO_BOOT_ID_SIZE) != 0;
}

/* What the guest's marks and ranges reach in boots that are silent, zero for nothing. */
struct silent {
	uint64_t sequence, committed;
	uint64_t range;				/* end of the last range */
};

static inline void record_pass(struct silent *silent, const struct boot *boot)
{
	const struct range *range = &boot->open.range;

	if (boot->last_sequence[SOURCE_GUEST] > silent->sequence)
		silent->sequence = boot->last_sequence[SOURCE_GUEST];
	if (boot->committed[SOURCE_GUEST] > silent->committed)
		silent->committed = boot->committed[SOURCE_GUEST];
	if (range->to > silent->range)
		silent->range = range->to;
}

struct vm {
	int64_t id;
	char key[RECORD_KEY_MAX + 1];
	char name[RECORD_NAME_MAX + 1];
	enum vm_state state;
	enum vm_agent agent;
	enum vm_leaf leaf;
	char error[RECORD_ERROR_MAX + 1];
	struct boot *boot;			/* latest, or NULL */
	struct boot *before;			/* the one before, or NULL; not loaded */
	struct boot *earlier;			/* where the latest one's guest may have been, or NULL */
	struct silent silent;			/* of the boots between these two */
	bool dirty;
	struct vm *next;
};

#endif
