/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the live view knows of one VM's exits by reason: sums of its boot, and of the interval
 * since the last refresh, as /reasons has both. Non-logging.
 */
#ifndef DAEMON_CTL_TOPREASONS_H
#define DAEMON_CTL_TOPREASONS_H

#include <jansson.h>
#include <stdbool.h>

#include "daemon/ctl/topdata.h"

#define TOPREASONS_MAX 1024
#define TOPREASONS_NAME_MAX 63

struct topreasons_row {
	json_int_t number;
	char name[TOPREASONS_NAME_MAX + 1];	/* the number, if it has none */
	double total;				/* since the boot began */
	double rate;				/* exits/s; NAN: not known, like the others */
	double share;				/* of the interval's exits */
	double handling, away;			/* shares of all vCPUs' time */
	struct topdata_history history;		/* of rate */
};

struct topreasons {
	struct topreasons_row *rows;		/* by number */
	size_t count;
	json_int_t boot;			/* 0: nothing yet */
	char source[8];
	bool complete;				/* counted from the boot's first exit on */
	double to;				/* epoch seconds: what is counted, up to then */
	double from;				/* of the next interval to ask for; NAN: none yet */
	double rate;				/* of all, in the last interval; NAN: not known */
};

/*
 * /reasons of the boot. One of another boot or source begins anew. *ret_grew: there is
 * something new since the last one. Returns 0, -EPROTO or -ENOMEM.
 */
int topreasons_set_totals(struct topreasons *reasons, json_t *root, bool *ret_grew);

/* /reasons from reasons->from on. Returns 0 or -EPROTO. */
int topreasons_set_interval(struct topreasons *reasons, json_t *root);

/* There is nothing: the rates are not known. */
void topreasons_no_interval(struct topreasons *reasons);

/* Frees what it holds; it can be used again. */
void topreasons_done(struct topreasons *reasons);

#endif
