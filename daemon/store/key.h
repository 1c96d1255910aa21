/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a number in the database is a number of. Every sample is a set of these with a
 * value each; a column of a chunk has one. Non-logging.
 */
#ifndef DAEMON_KEY_H
#define DAEMON_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "guest-agent/shared/detail.h"

/* Numbers are in the database: append only. */
enum key_kind {
	KEY_FIELD = 0,			/* id: enum key_field */
	KEY_WORKLOAD = 1,		/* id: enum workload_index */
	KEY_REASON_COUNT = 2,		/* id: number of an exit reason; so the next two */
	KEY_REASON_HANDLING = 3,
	KEY_REASON_AWAY = 4,
	KEY_VCPU_COUNT = 5,		/* id: index of a vCPU; so the next one */
	KEY_VCPU_HANDLING = 6,
	KEY_INTERRUPT = 7,		/* name: source */
	KEY_PROCESS = 8,		/* id: process id; name: command */
	KEY_UNIT = 9,			/* name: systemd's */
	KEY_BUCKET = 10,		/* id: enum key_bucket, of a rollup's row */
	KEY_KINDS
};

enum key_field {
	FIELD_SEQUENCE = 0,
	FIELD_T_NS = 1,
	FIELD_T_BOOT_NS = 2,
	FIELD_EXITS = 3,
	FIELD_HANDLING = 4,
	FIELD_AWAY = 5,
	FIELD_IDLE = 6,
	FIELD_AGENT_EXITS = 7,
	FIELD_TAKEN = 8,
	FIELD_INTERVAL_US = 9,
	FIELD_PACE = 10,
	FIELD_CLOCK_ERROR_NS = 11,
	FIELD_LISTS = 12,		/* bits: which lists the sample has, empty ones too */
	FIELD_GAP = 13,			/* 1: samples before it are missing */
	FIELDS
};

/* What a rollup's row says of all its series. */
enum key_bucket {
	BUCKET_START_NS = 0,		/* a multiple of the tier's width */
	BUCKET_FROM_NS = 1,		/* of the first sample in it */
	BUCKET_TO_NS = 2,		/* of the last one */
	BUCKET_FROM_SEQUENCE = 3,
	BUCKET_TO_SEQUENCE = 4,
	BUCKET_SAMPLES = 5,
	BUCKET_COVERED_NS = 6,		/* of the intervals that end in it; without gaps */
	BUCKET_GAP_NS = 7,		/* of those over gaps */
	BUCKET_LIST_NS = 8,		/* by list: from one to the next */
	BUCKETS = BUCKET_LIST_NS + 5
};

/* What of a series a rollup's column holds, as rollup.h says; 0 for all else. */
enum key_aspect {
	ASPECT_VALUE = 0,
	ASPECT_FIRST = 1,
	ASPECT_LAST = 2,
	ASPECT_MIN = 3,
	ASPECT_MAX = 4,
	ASPECT_SUM = 5,
	ASPECT_WEIGHT = 6,
	KEY_ASPECTS
};

struct key {
	uint8_t kind;			/* enum key_kind */
	uint8_t aspect;			/* enum key_aspect */
	uint8_t name_len;
	uint32_t id;
	const char *name;		/* no terminator; of whoever made the key */
};

/* How the values of a series go on from sample to sample. */
enum key_type {
	KEY_TYPE_NONE,			/* not a series: a time, a sequence */
	KEY_TYPE_COUNTER,		/* grows within a boot */
	KEY_TYPE_GAUGE,			/* a level at the instant */
	KEY_TYPE_AMOUNT,		/* of the time since the list before */
};

static inline bool key_equal(const struct key *a, const struct key *b)
{
	return a->id == b->id && a->kind == b->kind && a->aspect == b->aspect &&
	       a->name_len == b->name_len &&
	       (a->name_len == 0 || memcmp(a->name, b->name, a->name_len) == 0);
}

uint32_t key_hash(const struct key *key);
enum key_type key_type(const struct key *key);

/*
 * What a series is called in SQL, CSV and HTTP ("exits", "reason_exits", a workload value's
 * name); the id and name of a key beside it tell which reason, vCPU, process it is. NULL
 * for what is no name's. The other way round fills kind and, where the name tells it, id;
 * *ret_any is true where it does not. Returns 0 or -EINVAL.
 */
const char *key_kind_name(const struct key *key);
int key_kind_parse(const char *name, struct key *ret_key, bool *ret_any);

/* "1", "cycles", "ms", ...; of the value, not of its rate. */
const char *key_unit(const struct key *key);

/*
 * True for a counter of the KVM VM, which began at zero with it: one that comes to a
 * list later was zero before.
 */
bool key_is_vm_counter(const struct key *key);

#endif
