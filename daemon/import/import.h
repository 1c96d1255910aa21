/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CSV as vmexit-http(7) describes it, wide or long, into a new database. Logging (database
 * errors only).
 */
#ifndef DAEMON_IMPORT_H
#define DAEMON_IMPORT_H

#include "daemon/import/csvread.h"
#include "daemon/import/rebuild.h"

/* Called now and then; not 0 ends it with that. */
typedef int (*import_progress_fn)(void *ctx, uint64_t bytes);

/*
 * Read all records and finish. Returns 0; -EINVAL for what is no such CSV, with words and
 * the line's number in @error; or another -errno. @progress may be NULL.
 */
int import_csv(struct csvread *reader, struct rebuild *rebuild, import_progress_fn progress,
	       void *ctx, char *error, size_t error_size);

/* Of import.c, importwide.c and importlong.c only: a form that was known by its header. */
struct importform {
	/* -ENOENT: it is another form's. */
	int (*begin)(struct rebuild *rebuild, const struct csvread_record *header,
		     void **ret_form);
	int (*record)(void *form, const struct csvread_record *record);
	int (*end)(void *form);		/* behind the last record */
	void (*free)(void *form);
};

extern const struct importform importwide, importlong;

/* Which source, by its name. Returns 0, or -EINVAL, refused. */
int import_source(struct rebuild *rebuild, const char *name, enum sample_source *ret_source);

#endif
