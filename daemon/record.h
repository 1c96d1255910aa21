/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VM and one of its boots, as the daemon keeps and the store writes them. */
#ifndef DAEMON_RECORD_H
#define DAEMON_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "guest-agent/shared/proto.h"

#define RECORD_KEY_MAX 64
#define RECORD_NAME_MAX 255
#define RECORD_LIFE_MAX 95
#define RECORD_ERROR_MAX 255

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

struct boot {
	int64_t id;
	int64_t vm_id;
	uint32_t number;			/* 1, 2, ... of its VM */
	char life[RECORD_LIFE_MAX + 1];
	enum boot_cause cause;
	int64_t opened_ns;
	int64_t closed_ns;			/* 0: open */
	bool has_guest_boot_id;
	uint8_t guest_boot_id[PROTO_BOOT_ID_SIZE];
	char kernel[PROTO_TEXT_MAX + 1];
	char agent[PROTO_TEXT_MAX + 1];
	uint32_t vcpus;				/* 0: not known */
	uint32_t tsc_khz;			/* 0: not known */
	uint32_t reason_namespace;		/* 0: not known */

	/* Not stored as such: where each source goes on. */
	uint64_t last_sequence[SOURCES];	/* accepted */
	int64_t last_t_ns[SOURCES];
	uint64_t last_exits[SOURCES];
	uint64_t committed[SOURCES];		/* sequence */

	bool dirty;				/* differs from the database */
	unsigned int users;			/* pending samples, and being a VM's latest */
	struct boot *next_dirty;
};

struct vm {
	int64_t id;
	char key[RECORD_KEY_MAX + 1];
	char name[RECORD_NAME_MAX + 1];
	enum vm_state state;
	enum vm_agent agent;
	enum vm_leaf leaf;
	char error[RECORD_ERROR_MAX + 1];
	struct boot *boot;			/* latest, or NULL */
	bool dirty;
	struct vm *next;
};

#endif
