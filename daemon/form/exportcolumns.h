/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The columns of the wide CSV that not every sample has: exits by reason and by vCPU.
 * Non-logging.
 */
#ifndef DAEMON_EXPORTCOLUMNS_H
#define DAEMON_EXPORTCOLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/key.h"

/* More reasons and vCPUs are left out: a guest may name as many as it likes. */
#define EXPORTCOLUMNS_MAX 2048

/* Room for a column's name. */
#define EXPORTCOLUMNS_NAME_MAX 96

/* A reason or a vCPU: three columns or two. */
struct exportcolumn {
	bool is_vcpu;
	uint32_t id;			/* number of the reason, index of the vCPU */
	const char *name;		/* of the reason; NULL: it has none */
};

/* In order: reasons by number, vCPUs by index. Zero-initialise. */
struct exportcolumns {
	struct exportcolumn *columns;
	size_t count, room;
};

void exportcolumns_done(struct exportcolumns *columns);

/* How many keys stand for @column, which reason or vCPU, from the kind of the first one on. */
size_t exportcolumns_keys(const struct exportcolumn *column, enum key_kind *ret_first);

/*
 * Whether @key is the first one of such a column; and which one that is, for a boot with
 * reasons of @namespace.
 */
bool exportcolumns_is_one(const struct key *key, uint32_t namespace,
			  struct exportcolumn *ret_column);

bool exportcolumns_has(const struct exportcolumns *columns, const struct exportcolumn *column);

/* Returns 0, or -ENOMEM. */
int exportcolumns_add(struct exportcolumns *columns, const struct exportcolumn *column);

/* "exits_hlt", "away_cycles_120", "vcpu0_exits", ...: of the key of that kind. */
void exportcolumns_name(const struct exportcolumn *column, enum key_kind kind,
			char ret_name[EXPORTCOLUMNS_NAME_MAX]);

/* The other way round. Returns 0 or -EINVAL. */
int exportcolumns_parse(const char *name, struct key *ret_key);

#endif
