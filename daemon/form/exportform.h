/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What exporter.c, which walks, asks of each form in which samples are written: widecsv.c,
 * longcsv.c, jsonlines.c. For these only. Non-logging.
 */
#ifndef DAEMON_EXPORTFORM_H
#define DAEMON_EXPORTFORM_H

#include "daemon/form/cells.h"
#include "daemon/form/digits.h"
#include "daemon/form/exportcolumns.h"
#include "daemon/query/exportevents.h"
#include "daemon/query/exportwalk.h"

/* "found", "created", ...; NULL for a number that is none's. The other way round: -1. */
const char *exportform_cause(int64_t cause);
int exportform_cause_parse(const char *name);

/* "vmx" or "svm", else "". The other way round: 0 for what is neither. */
const char *exportform_namespace(uint32_t namespace);
uint32_t exportform_namespace_parse(const char *name);

/* What every form is given. */
struct exportform_of {
	const struct query_vm *vm;
	const struct exportcolumns *columns;	/* wide only */
	struct cells *out;
};

/* Without memory they say so in of->out, unless they return it. */
struct exportform {
	const char *type, *suffix;		/* content type; of a file's name */
	bool wants_columns;
	bool wants_events;			/* and all that is known of a boot */
	/* Returns 0 or -ENOMEM. */
	int (*begin)(const struct exportform_of *of, void **ret_form);
	void (*end)(void *form);
	void (*header)(void *form);
	void (*boot)(void *form, const struct boot *boot);
	void (*event)(void *form, const struct exportwalk_at *at, const struct exportevent *event);
	/* A block: 0, -EBADMSG if it is damaged, or -ENOMEM. Then its rows, ascending. */
	int (*enter)(void *form, const struct exportwalk_at *at);
	void (*row)(void *form, uint32_t row);
};

extern const struct exportform widecsv, longcsv, jsonlines;

/* The order of a sample's series in exports, the same whatever block it is in. */
int exportform_compare(const struct key *a, const struct key *b);

/* The values of a block's series, row by row. */
struct exportvalue {
	uint32_t series;
	uint64_t value;
};

struct exportindex {
	struct key *keys;			/* of the series, in the order of exports */
	size_t count;
	struct exportvalue *values;		/* by row, each by series */
	uint32_t *begin;			/* of each row, and one more */
};

/* Of @chunk, which outlives it. Returns 0, -EBADMSG or -ENOMEM; done in every case. */
int exportindex_make(struct exportindex *index, struct chunk *chunk);
void exportindex_done(struct exportindex *index);

#endif
