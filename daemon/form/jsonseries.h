/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Curves as JSON, as vmexit-http(7) says. Non-logging. */
#ifndef DAEMON_JSONSERIES_H
#define DAEMON_JSONSERIES_H

#include "daemon/query/series.h"

struct jsonseries {
	const struct query_vm *vm;
	const struct boot *boot;	/* NULL for a range over boots */
	const struct query_filter *filter;
	bool cumulative;
	bool since_boot;		/* times count from each series' boot's opening */
};

/* Returns 0 with a string that the caller frees, or -ENOMEM. */
int jsonseries_text(const struct jsonseries *about, const struct series *series,
		    char **ret_text);

#endif
