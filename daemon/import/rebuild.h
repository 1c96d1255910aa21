/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A database made anew from what an export says, through the store itself. What cannot be
 * is refused with words. Logging (database errors only).
 */
#ifndef DAEMON_REBUILD_H
#define DAEMON_REBUILD_H

#include "daemon/store/key.h"
#include "daemon/store/store.h"

#define REBUILD_ERROR_MAX 256

struct rebuild;

/* What is known of a boot; for those that have it, 0 is "not known". */
struct rebuild_boot {
	const char *vm;			/* key */
	uint32_t number;
	int64_t opened_ns;
	enum boot_cause cause;
};

/* A new database at @path, which is not there yet. Returns 0 or -errno. */
int rebuild_new(const char *path, struct rebuild **ret_rebuild);

/* All that was added is committed, sealed and rolled up. Returns 0 or -errno. */
int rebuild_finish(struct rebuild *rebuild);
void rebuild_free(struct rebuild *rebuild);

/* Why the last call returned -EINVAL. */
const char *rebuild_error(const struct rebuild *rebuild);
int rebuild_refuse(struct rebuild *rebuild, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The boot that the last rebuild_begin() began or went on with. */
struct boot *rebuild_current(struct rebuild *rebuild);
struct vm *rebuild_vm(struct rebuild *rebuild);

/* Whether that is boot @number of the VM @key. */
bool rebuild_is_current(const struct rebuild *rebuild, const char *key, uint32_t number);

/*
 * Begin a boot, or go on with the latest one of that VM. Boots of a VM come in the order of
 * their numbers. Its other fields are the caller's to set in rebuild_current(), who says
 * rebuild_changed() then. As all of the following returns 0, -EINVAL for what cannot be,
 * or another -errno.
 */
int rebuild_begin(struct rebuild *rebuild, const struct rebuild_boot *boot);
void rebuild_changed(struct rebuild *rebuild);

/* A number within 32 bits. */
int rebuild_u32(struct rebuild *rebuild, const char *what, uint64_t value, uint32_t *to);
/* Text that has room in @to. */
int rebuild_text(struct rebuild *rebuild, const char *what, const char *text, char *to,
		 size_t size);

/* A sample of the current boot: begin, each of its values, end. */
int rebuild_sample(struct rebuild *rebuild, enum sample_source source, uint64_t sequence,
		   int64_t t_ns);
int rebuild_value(struct rebuild *rebuild, const struct key *key, uint64_t value);
int rebuild_end(struct rebuild *rebuild);

int rebuild_mark(struct rebuild *rebuild, const struct mark *mark);
int rebuild_range(struct rebuild *rebuild, enum range_kind kind, enum sample_source source,
		  const struct range *range, const struct sample *claim);

struct rebuild_counts {
	uint64_t boots, samples, marks, ranges;
};
struct rebuild_counts rebuild_counts(const struct rebuild *rebuild);

#endif
