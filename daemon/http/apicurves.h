/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The curves that a request selects. Non-logging. */
#ifndef DAEMON_APICURVES_H
#define DAEMON_APICURVES_H

#include "daemon/http/apipart.h"
#include "daemon/http/selection.h"

struct apicurves {
	struct query_filter filter;
	struct boot boot;		/* number 0: a range over boots */
	struct selection selection;
	struct series *series;
};

/*
 * The namespace of a VM's reasons: of the boot asked for, else (number 0) of its latest; 0 if it is
 * not known. Returns 0 or -errno.
 */
int apicurves_namespace(struct apipart *c, const struct boot *boot, uint32_t *ret_namespace);

/* Parse what /series and the graphs have in common. False: answered already. */
bool apicurves_select(struct apipart *c, size_t kinds_max, struct apicurves *s);

/* The curves themselves, which the caller frees. False: answered already. */
bool apicurves_read(struct apipart *c, struct apicurves *s);

#endif
