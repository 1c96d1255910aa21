/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a command cost, for a person or as JSON. Non-logging. */
#ifndef GUEST_AGENT_REPORT_H
#define GUEST_AGENT_REPORT_H

#include <stdio.h>

#include "guest-agent/command/cost.h"

struct report {
	const char *label;
	int status;			/* as a shell would have it */
	const char *why;		/* nothing was measured; NULL: cost */
	uint64_t begin, end;		/* sequences of the marks; 0: not stored */
	struct cost cost;
};

void report_print(FILE *out, const struct report *report);
/* One line. */
void report_print_json(FILE *out, const struct report *report);

#endif
