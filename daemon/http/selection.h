/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which curves a request asks for. Non-logging. */
#ifndef DAEMON_SELECTION_H
#define DAEMON_SELECTION_H

#include "daemon/http/params.h"
#include "daemon/query/series.h"

struct selection {
	struct spans_want wants[SERIES_WANTS_MAX];	/* names are the parameters' */
	size_t count;
	bool since_boot;		/* align=boot */
	struct series_options options;
};

/*
 * Take in kind (at most @kinds_max, else what is usual), reason, vcpu, name, mode, align and
 * points, as far as they are there. @namespace is that of the names of reasons; 0: not known.
 * Returns 0, or -EINVAL with params->error.
 */
int selection_parse(struct params *params, uint32_t namespace, size_t kinds_max,
		    struct selection *ret_selection);

/*
 * The reason that @word means: a number, or a name in @namespace. Returns 0, or -EINVAL with
 * params->error.
 */
int selection_reason(struct params *params, uint32_t namespace, const char *word,
		     uint32_t *ret_number);

#endif
