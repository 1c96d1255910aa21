/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The latest events as text, each shared by all who read it, and where each reader is. What
 * readers can have it hold is bounded: the ring's bytes, and one text for each of them. For
 * live.c, which has the lock. Non-logging, no clock.
 */
#ifndef DAEMON_LIVERING_H
#define DAEMON_LIVERING_H

#include "daemon/base/record.h"

#define LIVERING_EVENTS 32768		/* remembered, at most */
#define LIVERING_BYTES (16 << 20)	/* of their texts, likewise */
#define LIVERING_VMS 16384		/* that can be told apart */

/*
 * A reader is behind when more events wait for it than LIVERING_BEHIND and eight of each VM and
 * source together: then it is told that some are lost, and gets of each the newest alone.
 */
#define LIVERING_BEHIND 256
#define LIVERING_BEHIND_ROUNDS 8

struct livering;
struct livetext;

/* What events are of; lives as long as the ring. */
struct livevm {
	char key[RECORD_KEY_MAX + 1];
	unsigned int watchers;		/* readers that want its details */
	int64_t watched_until;		/* and those that left, by the ring's owner's clock */
	uint64_t newest[SOURCES];	/* number of the newest event of each source, and 1; 0: none */
	struct livevm *next;
};

/* Events that have no sample are all VMs'; a newer one of the same kind stands for an older one. */
enum livering_notice { LIVERING_VMS_CHANGED = 0, LIVERING_ALIVE = 1 };

/* @hello and @lost: what a reader gets at first, and when something is lost. 0 or -ENOMEM. */
int livering_new(int64_t last_id, const char *hello, const char *lost, struct livering **ret_ring);
void livering_free(struct livering *ring);

/* The VM of @key, made if there is none. NULL: no memory, or there are LIVERING_VMS. */
struct livevm *livering_vm(struct livering *ring, const char *key);

/*
 * A sample's event. @id is above all before. @detail, or NULL, is the text for those who watch
 * the VM. Both are copied. Returns 0 or -ENOMEM, when the event is lost to everybody, who are
 * told.
 */
int livering_sample(struct livering *ring, struct livevm *vm, enum sample_source source,
		    int64_t id, const char *text, const char *detail);
int livering_notice(struct livering *ring, enum livering_notice kind, const char *text);

/* Where a reader is. */
struct livering_reader {
	struct livevm *only, *detail;	/* NULL: all, none */
	bool greeted, lost;
	uint64_t next;			/* number of the next event */
	uint64_t resumed_to;		/* those before that wait for it, however many */
	uint64_t newest_to;		/* of those before that, the newest of each kind alone */
	struct livetext *text;		/* that is being read, and how far */
	size_t offset;
};

/*
 * Begin now, or behind the sample @last_id (0: now) if what follows it is still known, else with
 * the news that something is lost. Ended with livering_end().
 */
void livering_begin(struct livering *ring, struct livering_reader *reader, struct livevm *only,
		    struct livevm *detail, int64_t last_id);
void livering_end(struct livering *ring, struct livering_reader *reader);

/* Copy up to @size bytes; returns how many, 0 for none yet. */
size_t livering_read(struct livering *ring, struct livering_reader *reader, char *buf, size_t size);

#endif
