/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of a CSV (RFC 4180), one by one; a line may end with LF alone. Whatever is in
 * it, memory stays below a bound. Non-logging.
 */
#ifndef DAEMON_CSVREAD_H
#define DAEMON_CSVREAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CSVREAD_RECORD_MAX 1048576	/* bytes */
#define CSVREAD_FIELDS_MAX 8192

/* Up to @size bytes to @buf: how many, 0 at the end, or -errno. */
typedef ssize_t (*csvread_source_fn)(void *ctx, char *buf, size_t size);

struct csvread;

struct csvread_record {
	uint64_t line;			/* where it begins, from 1 on */
	size_t count;
	const char *const *fields;	/* each ends with a zero, and has none in it */
	const size_t *lens;
};

/* @source gives the bytes. NULL for want of memory. */
struct csvread *csvread_new(csvread_source_fn source, void *ctx);
void csvread_free(struct csvread *reader);

/*
 * The next record, valid until the next call: 1; 0 at the end; -EBADMSG for what is no CSV,
 * which csvread_error() explains for a person, ret_record->line being set; or -errno.
 */
int csvread_next(struct csvread *reader, struct csvread_record *ret_record);
const char *csvread_error(const struct csvread *reader);

/* Bytes read so far. */
uint64_t csvread_bytes(const struct csvread *reader);

#endif
