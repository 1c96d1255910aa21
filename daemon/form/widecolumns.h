/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The columns of the wide CSV that every sample may have: for whoever writes them and for
 * whoever reads them back. Non-logging.
 */
#ifndef DAEMON_WIDECOLUMNS_H
#define DAEMON_WIDECOLUMNS_H

#include "daemon/store/key.h"

enum wide_put {
	WIDE_NOTHING,			/* not known */
	WIDE_TEXT,			/* the same in every row of a block */
	WIDE_NUMBER,
	WIDE_SIGNED,
	WIDE_FLAG,			/* 1 where there is a value, else 0 */
	WIDE_MICROS,			/* of microseconds; of nanoseconds, to the microsecond; */
	WIDE_CUT,			/* of nanoseconds: in seconds */
	WIDE_NANOS,
	WIDE_TIME,			/* nanoseconds as RFC 3339, and since the epoch, both cut */
	WIDE_EPOCH,
};

enum wide_text {
	WIDE_TEXT_VM, WIDE_TEXT_BOOT, WIDE_TEXT_SOURCE, WIDE_TEXT_TSC, WIDE_TEXT_VCPUS,
	WIDE_TEXT_NAME, WIDE_TEXT_CAUSE, WIDE_TEXT_OPENED, WIDE_TEXT_CLOSED, WIDE_TEXT_CREATED,
	WIDE_TEXT_GENERATION, WIDE_TEXT_NAMESPACE, WIDE_TEXTS
};

struct wide_column {
	const char *name;
	enum wide_put put;
	uint8_t kind;			/* of the key */
	uint32_t id;			/* likewise; of WIDE_TEXT: enum wide_text */
};

extern const struct wide_column wide_columns[];
extern const size_t wide_columns_count;

#endif
