/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the answers in JSON are made of. For jsonevents.c and jsonout.c. Non-logging. */
#ifndef DAEMON_JSONPARTS_H
#define DAEMON_JSONPARTS_H

#include <jansson.h>

#include "daemon/query/query.h"
#include "daemon/query/rate.h"

/* What the database holds may be a newer daemon's. */
#define NAME_OF(names, i) \
	((size_t)(i) < sizeof(names) / sizeof((names)[0]) && (names)[i] ? (names)[i] : "unknown")

/* The text of @root, which it takes ownership of. Returns 0 or -ENOMEM. */
int jsonparts_finish(json_t *root, char **ret_text);

/* Text from libvirt or a guest may not be UTF-8; JSON must be. */
json_t *jsonparts_text(const char *s);
json_t *jsonparts_text_or_null(const char *s);

json_t *jsonparts_seconds(int64_t ns);

/* null if it is not known. */
json_t *jsonparts_count(bool known, uint64_t value);

/* The rate of @kind over the pair's interval, or null; *ret_dt, if it is known, its length. */
json_t *jsonparts_rate(const struct row_pair *pair, enum rate_kind kind, double *ret_dt);

/* A VM's id and name. */
json_t *jsonparts_vm(const struct query_vm *vm);

const char *jsonparts_source(enum sample_source source);
const char *jsonparts_gap_cause(int cause);
const char *jsonparts_quarantine_cause(int cause);

/* For qsort() of struct detail_entry: by count, then by the time away, greatest first. */
int jsonparts_by_weight(const void *a, const void *b);

#endif
