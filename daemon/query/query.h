/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the database: everything that leaves the daemon comes from here, as
 * rows with units; cursor.h walks what is long. Logging (database errors only).
 */
#ifndef DAEMON_QUERY_H
#define DAEMON_QUERY_H

#include <stdatomic.h>

#include "daemon/base/record.h"

struct query;

/* A VM as a reader sees it. */
struct query_vm {
	int64_t id;
	char key[RECORD_KEY_MAX + 1];
	char name[RECORD_NAME_MAX + 1];
	enum vm_state state;
	enum vm_agent agent;
	enum vm_leaf leaf;
	char error[RECORD_ERROR_MAX + 1];
};

/* One sample with what gives it a meaning. */
struct row {
	int64_t id;			/* grows with every sample; 0 but from query_since() */
	const struct boot *boot;	/* belongs to the query; its stored fields only */
	enum sample_source source;
	struct sample sample;		/* t_wall_ns: host time; lists only where that is said */
};

/* A row and the one before it of the same boot and source. */
struct row_pair {
	struct row row;
	bool has_before;
	struct sample before;
	uint64_t exits;			/* since the boot began; 0 without SAMPLE_HAS_EXITS */
};

/* Open the database at @path for reading. Returns 0 or -errno. Not to be shared by threads. */
int query_open(const char *path, struct query **ret_query);
void query_free(struct query *query);

/*
 * From now on reading fails with -ETIMEDOUT once @ms have passed, or -ECANCELED once *@cancelled,
 * unless that is NULL; this is looked at before each boot's curves, each chunk of them, and
 * each boot's span, marks and gaps are read.
 */
void query_limit(struct query *query, unsigned int ms, const atomic_bool *cancelled);
void query_unlimit(struct query *query);

/* Each calls @fn for every result, while it returns 0. Returns 0, -errno, or what @fn returned. */
typedef int (*query_vm_fn)(void *ctx, const struct query_vm *vm);
/* By name. All of it is of one state of the database, as is what @fn asks @query. */
int query_vms(struct query *query, query_vm_fn fn, void *ctx);

/* The VM of that key, else of that name. Returns 0, -ENOENT or -errno. */
int query_vm(struct query *query, const char *text, struct query_vm *ret_vm);

/* Boots of a VM, newest first; @boot is valid during the call. */
typedef int (*query_boot_fn)(void *ctx, const struct boot *boot);
int query_boots(struct query *query, int64_t vm_id, query_boot_fn fn, void *ctx);

/* Boot @number of a VM; 0 is the latest. Returns 0, -ENOENT or -errno. */
int query_boot(struct query *query, int64_t vm_id, uint32_t number, struct boot *ret_boot);

/* The first boot of a VM that has this number or a higher one. As query_boot(). */
int query_boot_from(struct query *query, int64_t vm_id, uint32_t number, struct boot *ret_boot);

/*
 * Samples of a boot and source: how many are left, first and last. Returns 0, -ENOENT (there
 * never were any) or -errno.
 */
struct query_span {
	uint64_t samples;
	int64_t from_ns, to_ns;		/* without any left: when the last one was */
	bool has_exits;
	uint64_t exits;			/* since the boot began */
};
int query_span(struct query *query, const struct boot *boot, enum sample_source source,
	       struct query_span *ret_span);

/*
 * The latest sample of a boot and source. As query_span(). If samples before it are not there
 * any more, it is SAMPLE_AFTER_GAP.
 */
int query_latest(struct query *query, const struct boot *boot, enum sample_source source,
		 struct row_pair *ret_pair);

/*
 * Likewise, and with lists (valid until @query is asked again): its own, or else those of the
 * last sample a short while before that has reasons, if there is one.
 */
int query_latest_lists(struct query *query, const struct boot *boot, enum sample_source source,
		       struct row_pair *ret_pair);

/*
 * Samples with an id above @after, at most @limit, in order of id; they and those before them
 * with their lists, valid during the call, as far as these are in the journal still.
 */
typedef int (*query_pair_fn)(void *ctx, const struct query_vm *vm, const struct row_pair *pair);
int query_since(struct query *query, int64_t after, int limit, query_pair_fn fn, void *ctx);

/* The largest id there is, 0 for none. Returns 0 or -errno. */
int query_last_id(struct query *query, int64_t *ret_id);

/* What to read of one VM. Zero-initialise for everything. */
struct query_filter {
	int64_t vm_id;
	uint32_t boot;			/* number; 0: all */
	unsigned int sources;		/* 1 << enum sample_source; 0: all */
	int64_t from_ns, to_ns;		/* inclusive; to_ns 0: no end */
};

#endif
